// Reads on histories made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { A, dot, first, put, read, type Shown } from './hand-made-history.ts';
import { judgeReads } from './judge-reads.ts';

const second = put(3, { context: [dot(A, 1)], answer: [dot(A, 2)] });
const both: readonly Shown[] = [
  ['v1', dot(A, 1)],
  ['v3', dot(A, 2)],
];

test('[O3] a read that must meet a write shows nothing that the write replaced', () => {
  const wrong = read(4, [dot(A, 2)], both);
  assert.is(judgeReads([first, second, wrong], 3).length, 1);
  const right = read(4, [dot(A, 2)], both.slice(1));
  assert.equal(judgeReads([first, second, right], 3), []);
});

test('[O3] a read that began before, or need not meet the write, may show it', () => {
  const wrong = read(4, [dot(A, 1)], both.slice(0, 1));
  assert.equal(judgeReads([first, second, { ...wrong, level: 1 }], 3), []);
  assert.equal(judgeReads([first, second, { ...wrong, invokedAt: 31 }], 3), []);
});

test.run();
