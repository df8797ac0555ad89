/**
 * `npm run bench -- NAME [--json FILE] [options of the benchmark]`: runs one benchmark, prints its
 * table and writes its result file. Without a name it lists what there is.
 */
import { resolve } from 'node:path';
import { reportOf, reportText, tableText, writeReport } from './report.ts';
import type { Benchmark } from './report.ts';
import { clusterBenchmark } from './cluster/cluster-bench.ts';
import { engineBenchmark } from './engine/engine-bench.ts';
import { engineRecoveryBenchmark } from './engine/recovery-figures.ts';
import { nodeBenchmark } from './node/node-bench.ts';
import { overloadBenchmark } from './overload/overload-bench.ts';
import { recoveryBenchmark } from './recovery/recovery-bench.ts';
import { ringBenchmark } from './ring/ring-bench.ts';

const BENCHMARKS: readonly Benchmark[] = [
  ringBenchmark,
  engineBenchmark,
  engineRecoveryBenchmark,
  nodeBenchmark,
  clusterBenchmark,
  overloadBenchmark,
  recoveryBenchmark,
];

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!isWrongOption(error)) throw error;
  console.error(error.message);
  return 2;
});

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name.startsWith('-')) {
    console.log(`usage: npm run bench -- NAME [--json FILE] [options]\n\n${listText()}`);
    return name === undefined || name === '--help' ? 0 : 2;
  }
  const benchmark = BENCHMARKS.find((one) => one.name === name);
  if (benchmark === undefined) {
    console.error(`There is no benchmark '${name}'.\n\n${listText()}`);
    return 2;
  }
  const { jsonFile, options } = splitJson(rest);
  if (jsonFile === '') {
    console.error('--json needs a file.');
    return 2;
  }
  console.log(`${benchmark.name}: ${benchmark.description}\n`);
  const report = reportOf(await benchmark.run(options));
  console.log(reportText(report));
  if (jsonFile !== undefined) {
    await writeReport(report, jsonFile);
    console.log(`\nwritten to ${jsonFile}`);
  }
  return 0;
}

/** What parseArgs throws: its message says which option, and what is wrong with it. */
function isWrongOption(error: unknown): error is Error {
  if (!(error instanceof TypeError) || !('code' in error)) return false;
  return typeof error.code === 'string' && error.code.startsWith('ERR_PARSE_ARGS_');
}

function listText(): string {
  return tableText(
    ['name', 'what it measures'],
    BENCHMARKS.map((one) => [one.name, one.description]),
  );
}

/** Takes `--json FILE` out; npm runs scripts in the root, the user means where he stood. */
function splitJson(args: readonly string[]): { jsonFile?: string; options: readonly string[] } {
  const index = args.indexOf('--json');
  if (index < 0) return { options: args };
  const file = args[index + 1];
  const options = [...args.slice(0, index), ...args.slice(index + 2)];
  if (file === undefined || file.startsWith('--')) return { jsonFile: '', options };
  return { jsonFile: resolve(process.env['INIT_CWD'] ?? process.cwd(), file), options };
}
