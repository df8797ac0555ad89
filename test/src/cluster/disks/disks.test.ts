/**
 * The real disk of a real node is full for a while, and hangs for a while (docs/internals/real-processes.md).
 * Where the machine has no loop devices, or this is not root, that is said and nothing is judged.
 * runner: full
 * runner: alone
 * runner: limit 400s
 * runner: test limit 200s
 */
import { randomInt } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCapacity } from './run-capacity.ts';
import type { DiskRunOptions, DiskRunResult } from './run-disk.ts';
import { runFrozen } from './run-frozen.ts';

async function judged(
  seconds: number,
  run: (options: DiskRunOptions) => Promise<DiskRunResult>,
): Promise<void> {
  const seed = String(randomInt(1, 2 ** 31));
  const lines = [`seed ${seed}, node ${process.version}`];
  const result = await run({ seed, seconds, log: (line) => lines.push(line) });
  if (result.skipped !== undefined) lines.push(`SKIPPED: ${result.skipped}`);
  if (result.folder !== undefined) lines.push(`the data are kept in ${result.folder}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  assert.equal(result.violations, []);
}

test('F17 [CAP1] [CAP2] [CAP3] [CAP4] a disk that is full for 20 s: reads and deletes go on, and it mends itself', async () => {
  await judged(20, runCapacity);
});

test('F10 F23 [FRZ1] [FRZ2] [FRZ3] [LD1] a disk that hangs for 30 s: the cluster goes on, and the shard comes back', async () => {
  await judged(30, runFrozen);
});

test.run();
