// runner: alone
// runner: limit 400s
// runner: test limit 390s
// The simulator as judge in every test run: the usual seeds, and what of the cores they reach.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFailure } from '../simulation/failure-report.ts';
import { readCatalogue } from '../simulation/probe-catalogue.ts';
import { judgeProbes, readProbeLists } from '../simulation/probe-lists.ts';
import { ProbeTally } from '../simulation/probe-tally.ts';
import type { SeedReport } from '../simulation/seed-worker.ts';
import { runUsualSeeds, USUAL_SEEDS } from '../simulation/usual-seeds.ts';

let reports: readonly SeedReport[] = [];

test(`O1 to O12 hold over ${USUAL_SEEDS} seeds of a virtual minute each`, async () => {
  reports = await runUsualSeeds();
  assert.is(reports.length, USUAL_SEEDS);
  const failed = reports
    .filter(({ violations }) => violations.length > 0)
    .map((report) => `seed ${report.seed}: ${report.violations[0]} (${writeFailure(report)})`);
  assert.equal(failed, []);
});

test('the usual seeds prove something: most get most of their operations done, under faults', () => {
  const busy = reports.filter(({ counters }) => counters.succeeded * 2 > counters.operations);
  assert.ok(busy.length * 10 >= reports.length * 9, `${busy.length} of ${reports.length}`);
  const sum = (name: 'faults' | 'operations' | 'virtualMs'): number =>
    reports.reduce((total, { counters }) => total + counters[name], 0);
  assert.ok(sum('virtualMs') >= USUAL_SEEDS * 60_000);
  assert.ok(sum('faults') * 10_000 >= sum('virtualMs'), 'a fault in ten virtual seconds');
});

test('[PL1] [PL2] each mark of the cores is in a list of test/probes, and none is newly dead', () => {
  const tally = new ProbeTally();
  for (const { hits } of reports) tally.add(hits);
  assert.is(tally.seedCount, USUAL_SEEDS);
  assert.equal(judgeProbes(readCatalogue(), tally, readProbeLists()), []);
});

test.run();
