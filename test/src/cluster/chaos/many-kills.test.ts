/**
 * Three real nodes that are killed 60 times, and stopped, cut off, slowed down and filled up where the
 * machine allows it; judged by every oracle that needs no more than what clients saw.
 * runner: full
 * runner: alone
 * runner: limit 1800s
 * runner: test limit 1700s
 */
import { randomInt } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runChaos } from './run-chaos.ts';

test('60 kills, and all else that the machine allows, lose nothing and break no promise', async () => {
  const seed = String(randomInt(1, 2 ** 31));
  const lines = [`seed ${seed}, node ${process.version}`];
  const result = await runChaos({
    seed,
    nodeCount: 3,
    kills: 60,
    families: ['kill', 'stop', 'net', 'disk'],
    seconds: undefined,
    log: (line) => lines.push(line),
  });
  const told = result.violations.map(({ oracle, text }) => `${oracle} ${text.slice(0, 400)}`);
  if (told.length > 0) lines.push(`data, logs and history: ${result.folder}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  assert.equal(told, []);
  assert.is(result.faults.get('kill'), 60);
});

test.run();
