/**
 * Debian's package index as NDJSON: a real collection that nobody made for a benchmark.
 *
 *     apt-cache dumpavail | node bench/dist/datasets/apt-dumpavail.js > packages.ndjson
 *     node bench/dist/datasets/apt-dumpavail.js DUMP > packages.ndjson
 *
 * Then: npm run clockwise -- import packages.ndjson
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import process from 'node:process';
import { ControlSyntaxError, stanzasOf, textLines } from './control-stanzas.ts';
import { PackageRecords } from './package-records.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [file] = args;
  if (args.length > 1 || file?.startsWith('-') === true) {
    console.error('usage: node bench/dist/datasets/apt-dumpavail.js [DUMP] > packages.ndjson');
    return 2;
  }
  const source = file === undefined ? process.stdin : createReadStream(file);
  source.setEncoding('utf8');
  const records = new PackageRecords();
  try {
    for await (const stanza of stanzasOf(textLines(source as AsyncIterable<string>))) {
      const line = records.lineOf(stanza);
      if (line !== undefined && !process.stdout.write(`${line}\n`)) {
        await once(process.stdout, 'drain');
      }
    }
  } catch (error) {
    const isExpected = error instanceof ControlSyntaxError || (error as { code?: unknown }).code;
    if (!isExpected) throw error;
    console.error((error as Error).message);
    return 1;
  }
  console.error(`${records.recordCount} records, ${records.duplicateCount} duplicates left out`);
  return 0;
}
