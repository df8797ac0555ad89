import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeValue, encodeValue } from './value-codec.ts';

const SEED = 20_261_120;

const leaf = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.bigInt(),
  fc.uint8Array(),
  fc.int32Array(),
);
const plainData = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    fc.array(fc.tuple(fc.string(), tie('value'))).map((entries) => new Map(entries)),
  ),
})).value;

test(`[VC1] what was encoded decodes to an equal value (seed ${SEED})`, () => {
  fc.assert(
    fc.property(plainData, (value) => {
      const encoded = encodeValue(value);
      const decoded = decodeValue(encoded);
      assert.equal(encodeValue(decoded), encoded);
      assert.ok(isSame(decoded, value));
    }),
    { seed: SEED, numRuns: 300 },
  );
});

test('[VC1] a number has one encoding, however the engine holds it', () => {
  const fractions = [0.5, 1.5, 2.5];
  const wholes = fractions.map((fraction) => fraction * 2);
  assert.equal(encodeValue(wholes), encodeValue([1, 3, 5]));
  assert.not.equal(encodeValue(-0), encodeValue(0));
});

test('[VC1] a property that is called like the prototype stays a property', () => {
  const value = JSON.parse('{"__proto__":{"polluted":true}}') as object;
  const decoded = decodeValue(encodeValue(value)) as object;
  assert.is(Object.getPrototypeOf(decoded), Object.prototype);
  assert.equal(Object.keys(decoded), ['__proto__']);
});

test('[VC2] a view of shared memory is its length: its content does not count', () => {
  const shared = new Int32Array(new SharedArrayBuffer(64));
  const before = encodeValue({ words: shared });
  shared[3] = 7;
  assert.equal(encodeValue({ words: shared }), before);
  assert.not.equal(encodeValue({ words: shared.subarray(1) }), before);
});

test('what has behaviour is refused', () => {
  assert.throws(() => encodeValue({ run: () => undefined }), /plain data/);
  assert.throws(() => encodeValue(new Float64Array(2)), /bytes and words/);
});

/** NaN is itself, and 0 is not -0. */
function isSame(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right) {
    return Object.is(left, right);
  }
  if (left instanceof Map && right instanceof Map) return isSame([...left], [...right]);
  if (ArrayBuffer.isView(left) !== ArrayBuffer.isView(right)) return false;
  const [ours, theirs] = [Object.entries(left), Object.entries(right)];
  return (
    ours.length === theirs.length &&
    ours.every(([key, value], index) => {
      const [otherKey, otherValue] = theirs[index]!;
      return key === otherKey && isSame(value, otherValue);
    })
  );
}

test.run();
