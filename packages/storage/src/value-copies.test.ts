/** Copies of values: what they hold, and that none of them changes when others are made. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ValueCopies } from './value-copies.ts';

test('[VC1] copies hold what was copied, of any length, whatever is copied after them', () => {
  const words = Int32Array.from({ length: 8192 }, (_, index) => Math.imul(index, 0x9e3779b1));
  const bytes = new Uint8Array(words.buffer);
  const copies = new ValueCopies();
  const made: { readonly at: number; readonly copy: Uint8Array }[] = [];
  for (let round = 0; round < 300; round += 1) {
    const at = (round * 37) % 4096;
    const byteCount = [0, 1, 7, 8, 100, 1024, 4095, 4096, 9000][round % 9]!;
    made.push({ at, copy: copies.of(words, at, byteCount) });
    assert.is(made.at(-1)!.copy.length, byteCount);
  }
  const expected = made.map(({ at, copy }) => bytes.slice(at * 4, at * 4 + copy.length));
  words.fill(0);
  made.forEach(({ copy }, index) => assert.equal(copy, expected[index]));
});

test('[VC1] a view that begins within a buffer is copied from its own beginning', () => {
  const all = Int32Array.from({ length: 64 }, (_, index) => index);
  const copy = new ValueCopies().of(all.subarray(16), 4, 8);
  assert.equal([...new Int32Array(copy.slice().buffer)], [20, 21]);
});

test.run();
