import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryAhead } from './memory-ahead.ts';

const BYTES = 10_000;

test('[MA1] buffers are new ones, of the size asked for, and zero: those that are ready and those that are not', () => {
  const allocate = memoryAhead(BYTES, 2);
  const given = [BYTES, 64, BYTES, BYTES, BYTES].map((byteCount) => {
    const buffer = allocate(byteCount);
    assert.is(buffer.byteLength, byteCount);
    assert.ok(new Uint8Array(buffer).every((byte) => byte === 0));
    new Uint8Array(buffer).fill(1);
    return buffer;
  });
  assert.is(new Set(given).size, 5);
});

test('a chunk of which pages are a part, or none, is touched to its end', () => {
  assert.is(memoryAhead(8, 1)(8).byteLength, 8);
  assert.is(memoryAhead(8, 0)(8).byteLength, 8);
});

test.run();
