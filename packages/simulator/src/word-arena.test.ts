import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteArena, WordArena } from './word-arena.ts';

test('[WA1] what was copied stays as it was, whatever is copied or written after it', () => {
  const counts = fc.array(fc.nat({ max: 5000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(counts, (sizes) => {
      const arena = new WordArena();
      const source = Int32Array.from({ length: 6000 }, (_, index) => index * 7);
      const copies = sizes.map((size, index) => arena.copy(source, index, index + size));
      for (const [index, copy] of copies.entries()) {
        assert.is(copy.length, sizes[index]);
        assert.ok(copy.every((word, at) => word === (index + at) * 7));
      }
      // Each belongs to whoever got it: writing to one changes no other.
      for (const copy of copies.filter((_, index) => index % 2 === 0)) copy.fill(-1);
      for (const [index, copy] of copies.entries()) {
        const isWritten = index % 2 === 0;
        assert.ok(copy.every((word, at) => word === (isWritten ? -1 : (index + at) * 7)));
      }
    }),
    { seed: 11, numRuns: 50 },
  );
});

test('[WA1] bytes that were taken are zero, and nobody else has them', () => {
  const arena = new ByteArena();
  const taken = Array.from({ length: 400 }, (_, index) => {
    const bytes = arena.take((index * 37) % 9000);
    assert.ok(bytes.every((byte) => byte === 0));
    return bytes.fill(index & 0xff);
  });
  for (const [index, bytes] of taken.entries()) {
    assert.ok(bytes.every((byte) => byte === (index & 0xff)));
  }
});

test.run();
