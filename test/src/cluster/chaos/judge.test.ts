// The judge as a whole: what it takes from the checkers of the simulator.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { A, dot, final, first, firstRead, oracles, put, read } from './hand-made-history.ts';

test('[O6] a read that meets a write covers its answer', () => {
  const atRest = final([dot(A, 1)], [['v1', dot(A, 1)]]);
  assert.equal(oracles([first, read(2, [], [])], atRest), ['O6']);
  assert.equal(oracles([first, { ...read(2, [], []), level: 1 }], atRest), []);
});

test('[O10, RP1] a read returns what was put there, and nothing that was read is forgotten', () => {
  const invented = read(2, [dot(A, 1)], [['v9', dot(A, 1)]]);
  assert.ok(oracles([first, invented], final([dot(A, 1)], [['v1', dot(A, 1)]])).includes('O10'));
  const unknown = put(1, { outcome: 'unknown', completedAt: Infinity });
  assert.equal(oracles([unknown, firstRead], final([], [])), ['RP1']);
});

test.run();
