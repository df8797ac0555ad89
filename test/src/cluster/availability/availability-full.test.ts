/**
 * The availability run at full length (docs/internals/real-processes.md): 2,200 requests a second for
 * 60 s, a node killed or stopped or a link cut every few seconds, at least 99.9 % of the requests of
 * each second answered. Seconds in which the machine held up the load itself are not judged.
 * runner: full
 * runner: alone
 * runner: limit 600s
 * runner: test limit 580s
 */
import { randomInt } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linesOf, reportOf } from './availability-report.ts';
import { runAvailability } from './run-availability.ts';

const HELD_UP_MS = 500;

test('60 s of kills, stops and cut links: 99.9 % of the requests of each second succeed', async () => {
  const seed = String(randomInt(1, 2 ** 31));
  const lines = [`seed ${seed}, node ${process.version}`];
  const result = await runAvailability({
    seed,
    seconds: 60,
    requestsPerSecond: 2200,
    families: ['kill', 'stop', 'cut'],
    log: (line) => lines.push(line),
  });
  const report = reportOf(seed, result);
  process.stdout.write(`${[...lines, ...linesOf(report)].join('\n')}\n`);
  assert.equal(
    report.violations.map(({ oracle, text }) => `${oracle} ${text.slice(0, 400)}`),
    [],
  );
  const judged = report.windows.filter(({ heldUpMs }) => heldUpMs < HELD_UP_MS);
  assert.equal(
    judged.filter(({ isMet }) => !isMet).map(({ second, success }) => [second, success]),
    [],
  );
});

test.run();
