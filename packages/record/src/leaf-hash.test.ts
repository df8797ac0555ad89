import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord } from './build.ts';
import type { RecordObject } from './build.ts';
import { leafHash } from './leaf-hash.ts';

const VECTORS = ['875fe4fdba9dfae3', 'b86489027dd4c078', '083e1fe3a1eb267b'];

const BASE: RecordObject = {
  bucketId: 1,
  token: 0x0123_4567_89ab_cdefn,
  key: new Uint8Array([107]),
  replicationClass: 0,
  context: [{ incarnation: 5n, counter: 4n }],
  siblings: [],
  recents: [],
};

function hash(record: RecordObject): string {
  const result = new Int32Array(2);
  const words = new Int32Array([9, 9, ...encodeRecord(record)]);
  const low = leafHash(words, 2, result);
  assert.is(low, result[0]);
  return result.reduceRight((text, word) => text + (word >>> 0).toString(16).padStart(8, '0'), '');
}

test('[LH2] published vectors', () => {
  const two = [...BASE.context, { incarnation: 2n ** 64n - 1n, counter: 2n ** 63n }];
  assert.equal(
    [hash(BASE), hash({ ...BASE, context: two }), hash({ ...BASE, bucketId: 1023, token: 0n })],
    VECTORS,
  );
});

test('[LH1] siblings, recents and the key do not count; the rest does', () => {
  const dot = { incarnation: 5n, counter: 4n };
  const operation = { session: 1n, sequence: 1 };
  const recents = [{ operation, seconds: 1, dot }];
  const value = new Uint8Array(9);
  const sibling = {
    dot,
    operation,
    tombstone: false,
    codec: 0,
    expirySeconds: 9,
    hybrid: 1n,
    value,
  };
  assert.is(hash({ ...BASE, recents, siblings: [sibling], key: new Uint8Array(20) }), hash(BASE));
});

test('[LH1] near records hash apart, and each bit of the result is used evenly', () => {
  const seen = new Set<string>();
  const ones = new Array<number>(64).fill(0);
  const random = new Prng('leaves');
  let count = 0;
  for (let counter = 1n; counter <= 2000n; counter += 1n) {
    for (const record of [
      { ...BASE, context: [{ incarnation: 5n, counter }] },
      { ...BASE, token: counter },
      {
        ...BASE,
        context: [{ incarnation: counter << 32n, counter: BigInt(1 + random.below(1000)) }],
      },
    ]) {
      const text = hash(record);
      seen.add(text);
      count += 1;
      const bits = BigInt(`0x${text}`);
      for (let bit = 0; bit < 64; bit += 1) ones[bit]! += Number((bits >> BigInt(bit)) & 1n);
    }
  }
  assert.ok(seen.size >= count - 1, 'one record is among both first families');
  for (const [bit, number] of ones.entries()) {
    assert.ok(Math.abs(number / count - 0.5) < 0.04, `bit ${bit} is set in ${number} of ${count}`);
  }
});

test.run();
