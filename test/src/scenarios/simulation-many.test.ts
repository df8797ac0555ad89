// runner: full
// runner: alone
// runner: limit 3600s
// runner: test limit 3000s
// Many fresh seeds, and seeds again in fresh processes.
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFailure } from '../simulation/failure-report.ts';
import { planOf } from '../simulation/run-plan.ts';
import { runSeed } from '../simulation/run-seed.ts';
import { runSeeds } from '../simulation/seed-pool.ts';

const SEEDS = 600;
const REPEATED = 30;
const SIMULATOR = fileURLToPath(new URL('../sim.js', import.meta.url));

test(`${SEEDS} fresh seeds hold`, async () => {
  const from = randomInt(1, 2 ** 31);
  process.stdout.write(`seeds from ${from} on\n`);
  const failed: string[] = [];
  await runSeeds({
    next: (index) => (index < SEEDS ? planOf(String(from + index)) : undefined),
    workerCount: availableParallelism(),
    onReport: (report) => {
      if (report.violations.length === 0) return;
      failed.push(`seed ${report.seed}: ${report.violations[0]} (${writeFailure(report)})`);
    },
    isEnough: () => false,
  });
  assert.equal(failed, []);
});

test(`[SM2] ${REPEATED} seeds give equal trace hashes in a fresh process`, () => {
  for (let seed = 201; seed < 201 + REPEATED; seed += 1) {
    const told = execFileSync('node', [SIMULATOR, '--seed', String(seed)], { encoding: 'utf8' });
    assert.match(told, `trace hash ${runSeed(String(seed)).traceHash},`);
  }
});

test.run();
