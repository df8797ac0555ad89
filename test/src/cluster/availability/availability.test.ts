/**
 * Five real nodes under an open load, for a few seconds, while one is killed, one stopped, and a link
 * cut where the machine allows it. What is asserted is that nothing is lost, and that all nodes come to
 * hold the same; how many requests of each second succeed is printed, and judged by
 * `npm run chaos -- --availability` and the full run.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 220s
 */
import { randomInt } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linesOf, reportOf } from './availability-report.ts';
import { runAvailability } from './run-availability.ts';

test('[AV1, AV2, RL1] under a kill, a stop and a cut link nothing acknowledged is lost', async () => {
  const seed = String(randomInt(1, 2 ** 31));
  const requestsPerSecond = 500;
  const seconds = 14;
  const lines = [`seed ${seed}, node ${process.version}`];
  const result = await runAvailability({
    seed,
    seconds,
    requestsPerSecond,
    families: ['kill', 'stop', 'cut'],
    log: (line) => lines.push(line),
  });
  const report = reportOf(seed, result);
  process.stdout.write(`${[...lines, ...linesOf(report)].join('\n')}\n`);
  assert.equal(
    report.violations.map(({ oracle, text }) => `${oracle} ${text.slice(0, 400)}`),
    [],
  );
  // [RL1] Within the grain of its ticks.
  assert.ok(report.requests > 0.9 * seconds * requestsPerSecond);
  assert.ok(report.failed < 0.9 * report.requests, 'else nothing was shown');
  assert.ok(report.faults.length >= 3 - report.skipped.length);
});

test.run();
