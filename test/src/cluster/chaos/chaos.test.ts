/**
 * Three real nodes that are killed and stopped for about 20 s under the simulator's workloads, and
 * judged by every oracle that needs no more than what clients saw. No time is asserted.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 220s
 */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runChaos } from './run-chaos.ts';

test('[RC1, O1, O2, O3, O4, O6, O7, O10, O11] 8 kills and some stops lose nothing and break no promise', async () => {
  const seed = String(randomInt(1, 2 ** 31));
  const lines = [`seed ${seed}, node ${process.version}`];
  const result = await runChaos({
    seed,
    nodeCount: 3,
    kills: 8,
    families: ['kill', 'stop'],
    seconds: 20,
    log: (line) => lines.push(line),
  });
  const told = result.violations.map(({ oracle, text }) => `${oracle} ${text.slice(0, 400)}`);
  if (told.length > 0) lines.push(`data, logs and history: ${result.folder}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  assert.equal(told, []);
  assert.ok(!existsSync(result.root), 'nothing is left');
  assert.is(result.faults.get('kill'), 8);
  assert.ok((result.faults.get('stop') ?? 0) > 0, 'something was stopped');
});

test.run();
