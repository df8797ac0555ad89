/**
 * `npm run storage-proof`: the store against a model, on simulated disks.
 *
 *   npm run storage-proof -- [--seed S] [--workers 2]      lists of operations on fifty configurations each,
 *                                                          a thousand crashes, and the n-th failures to 50
 *   npm run storage-proof -- --all [...]                   every call x every crash model of a run of 500
 *                                                          writes, and every call of each kind failing
 *   npm run storage-proof -- --minutes 10 [...]            lists of operations until the time is over
 *   npm run storage-proof -- --only crashes|faults|metamorphic
 *
 * Prints what each part took. The exit code is 1 if any run failed; each failure
 * prints its seed, and belongs into a named test.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { measureRun } from './scenarios/crash-run.ts';
import { faultKinds } from './scenarios/fault-cases.ts';
import type { ProofPart } from './proof/proof-part.ts';
import { runParts } from './proof/proof-pool.ts';

const WRITES = 500;
const FAULT_WRITES = 150;
const FAULT_WRITES_ALL = 500;
const CALLS_PER_PART = 20;
const SAMPLED_CALLS = 143;
const CONFIGURATIONS = 50;
const CONFIGURATIONS_PER_PART = 10;
const LISTS = 4;
const OPERATIONS = 400;
const NTH_MAX = 50;
const SEED_MAX = 2 ** 31;
const MINUTE_MS = 60_000;

const { values: options } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(randomInt(SEED_MAX)) },
    workers: { type: 'string', default: String(availableParallelism()) },
    minutes: { type: 'string' },
    only: { type: 'string' },
  },
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function* metamorphicParts(seed: string, lists: number): Generator<ProofPart> {
  for (let list = 0; list < lists; list += 1) {
    for (let from = 0; from < CONFIGURATIONS; from += CONFIGURATIONS_PER_PART) {
      const count = CONFIGURATIONS_PER_PART;
      yield { kind: 'metamorphic', list: `${seed}-${list}`, operations: OPERATIONS, from, count };
    }
  }
}

function* crashParts(seed: string, isAll: boolean): Generator<ProofPart> {
  const { calls, snapshots, figures } = measureRun(seed, WRITES);
  const { mergesEnded, flushes } = figures;
  print(
    `seed ${seed}: ${calls} calls to the disk; at the end ${flushes} flushes, ${mergesEnded} merges, ` +
      `${snapshots} snapshots`,
  );
  const stride = isAll ? CALLS_PER_PART : Math.max(1, Math.floor(calls / SAMPLED_CALLS));
  const count = isAll ? CALLS_PER_PART : 1;
  for (let from = 1; from <= calls; from += stride) {
    yield { kind: 'crashes', seed, writes: WRITES, from, count, secondEvery: 3 };
  }
}

function* faultParts(seed: string, isAll: boolean): Generator<ProofPart> {
  const writes = isAll ? FAULT_WRITES_ALL : FAULT_WRITES;
  const nthMax = isAll ? Number.MAX_SAFE_INTEGER : NTH_MAX;
  for (const forever of [false, true]) {
    for (const [faultKind] of faultKinds(seed, forever).entries()) {
      yield { kind: 'faults', seed, writes, faultKind, forever, nthMax };
    }
  }
}

/** Returns how many runs failed. */
async function prove(name: string, parts: Iterable<ProofPart>, untilMs: number): Promise<number> {
  const startedAt = performance.now();
  let [runs, failed] = [0, 0];
  await runParts({
    parts,
    workers: Number(options.workers),
    isOver: () => performance.now() > untilMs,
    onReport: (_, report) => {
      runs += report.runs;
      failed += report.failures.length;
      for (const failure of report.failures) print(failure);
    },
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  print(`${name}: ${runs} runs, ${failed} failed, ${seconds} s`);
  return failed;
}

async function main(): Promise<void> {
  const { seed, all, only, minutes } = options;
  print(`seed ${seed}`);
  const isWanted = (name: string): boolean => only === undefined || only === name;
  const untilMs =
    minutes === undefined ? Infinity : performance.now() + Number(minutes) * MINUTE_MS;
  let failed = 0;
  if (minutes === undefined && isWanted('crashes')) {
    failed += await prove('crashes', crashParts(seed, all), untilMs);
  }
  if (minutes === undefined && isWanted('faults')) {
    failed += await prove('faults', faultParts(seed, all), untilMs);
  }
  if (isWanted('metamorphic')) {
    const lists = minutes === undefined ? LISTS : Number.MAX_SAFE_INTEGER;
    failed += await prove('metamorphic', metamorphicParts(seed, lists), untilMs);
  }
  print(failed === 0 ? 'nothing failed' : `${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
