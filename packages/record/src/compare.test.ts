/** The orders against plain comparisons of bytes and of big numbers. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord, writeBytes } from './build.ts';
import { compareKeys, compareRecordPositions, compareUnsigned64, keysEqual } from './compare.ts';

function words(bytes: Uint8Array, offset: number): Int32Array {
  const result = new Int32Array(offset + 8).fill(-1);
  writeBytes(result, offset, bytes);
  return result;
}
/** Bytes from few values, so that prefixes are shared. */
function randomKey(random: Prng): Uint8Array {
  return Uint8Array.from({ length: random.between(1, 18) }, () =>
    random.pick([0, 1, 0x7f, 0x80, 0xff]),
  );
}
function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

test('[RC1] keys order as their bytes, unsigned, prefixes first', () => {
  const random = new Prng('keys');
  for (let round = 0; round < 20_000; round += 1) {
    const left = randomKey(random);
    const right = random.chance(0.5)
      ? randomKey(random)
      : left.slice(0, random.between(1, left.length));
    const order = compareKeys(words(left, 2), 2, left.length, words(right, 3), 3, right.length);
    assert.is(Math.sign(order), compareBytes(left, right), `${left.join()} and ${right.join()}`);
    if (left.length === right.length) {
      const equal = keysEqual(words(left, 2), 2, words(right, 3), 3, left.length);
      assert.is(equal, compareBytes(left, right) === 0);
    }
  }
});

test('[RC1] 64-bit numbers are unsigned', () => {
  const edges = [0, 1, 0x7fff_ffff, -0x8000_0000, -1];
  const pairs = edges.flatMap((high) => edges.map((low) => ({ high, low })));
  const big = (pair: { high: number; low: number }): bigint =>
    (BigInt(pair.high >>> 0) << 32n) | BigInt(pair.low >>> 0);
  for (const left of pairs) {
    for (const right of pairs) {
      const expected = big(left) < big(right) ? -1 : big(left) > big(right) ? 1 : 0;
      assert.is(compareUnsigned64(left.high, left.low, right.high, right.low), expected);
    }
  }
});

test('[RC2] records order by bucket, token, key', () => {
  const random = new Prng('positions');
  const place = (): { bucketId: number; token: bigint; key: Uint8Array } => ({
    bucketId: random.below(3),
    token: random.pick([1n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]),
    key: randomKey(random),
  });
  const rest = { replicationClass: 0, context: [], siblings: [], recents: [] };
  for (let round = 0; round < 5000; round += 1) {
    const [left, right] = [place(), place()];
    const expected =
      Math.sign(left.bucketId - right.bucketId) ||
      (left.token < right.token
        ? -1
        : left.token > right.token
          ? 1
          : compareBytes(left.key, right.key));
    const order = compareRecordPositions(
      encodeRecord({ ...left, ...rest }),
      0,
      encodeRecord({ ...right, ...rest }),
      0,
    );
    assert.is(Math.sign(order), expected);
  }
});

test.run();
