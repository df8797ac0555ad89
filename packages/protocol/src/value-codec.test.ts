import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { VALUE_CODEC } from '@clockwise/record/layout';
import {
  STRUCTURED_DEPTH_MAX,
  STRUCTURED_ELEMENTS_MAX,
  STRUCTURED_FIELDS_MAX,
  STRUCTURED_TYPE,
  decodeStructured,
  encodeStructured,
} from './structured-value.ts';
import type { StructuredRejection, StructuredValue } from './structured-value.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

const SEED = 20_118;
const RUNS = { seed: SEED, numRuns: 500 };

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', ''),
);
const structured = fc.letrec<{ value: StructuredValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(name, tie('value'), { maxKeys: 6, noNullPrototype: false }),
  ),
})).value;

function isSame(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || left === null) return Object.is(left, right);
  if (typeof right !== 'object' || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every(
      (field) =>
        Object.hasOwn(right, field) &&
        isSame((left as Record<string, unknown>)[field], (right as Record<string, unknown>)[field]),
    )
  );
}

function refusal(bytes: ArrayLike<number>): StructuredRejection | undefined {
  const decoded = decodeStructured(Uint8Array.from(bytes));
  return decoded.ok ? undefined : decoded.reason;
}

function nested(depth: number): StructuredValue {
  let value: StructuredValue = null;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

test('[SV1, VC1] what is encoded decodes to an equal value', () => {
  const any = fc.oneof(structured, fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(any, (value) => {
      const encoded = encodeValue(value);
      assert.ok(encoded.ok);
      const decoded = decodeValue(encoded.codec, encoded.bytes);
      assert.ok(decoded.ok && isSame(value, decoded.value));
    }),
    RUNS,
  );
});

test('[VC1] a codec follows from the value; unknown ones are refused', () => {
  const codecs = ['text', new Uint8Array(1), null].map((value) => {
    const encoded = encodeValue(value);
    return encoded.ok ? encoded.codec : -1;
  });
  assert.equal(codecs, [VALUE_CODEC.text, VALUE_CODEC.bytes, VALUE_CODEC.structured]);
  assert.equal(decodeValue(3, new Uint8Array(1)), { ok: false, reason: 'codecUnknown' });
  const malformed = decodeValue(VALUE_CODEC.text, Uint8Array.of(0xff));
  assert.equal(malformed, { ok: false, reason: 'textMalformed' });
});

test('[SV4] __proto__ and constructor are fields, and touch no prototype', () => {
  const source = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as never;
  const encoded = encodeStructured(source);
  assert.ok(encoded.ok);
  const decoded = decodeStructured(encoded.bytes);
  assert.ok(decoded.ok);
  assert.is(Object.getPrototypeOf(decoded.value), null);
  assert.equal(Object.keys(decoded.value as object), ['__proto__', 'constructor']);
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
});

test('[SV2] I2 10 KB of nesting bytes are refused at the depth cap, without recursion', () => {
  for (const type of [STRUCTURED_TYPE.list, STRUCTURED_TYPE.object]) {
    const isList = type === STRUCTURED_TYPE.list;
    const level = isList ? [type, 1, 0, 0, 0] : [type, 1, 0, 0, 0, 1, 0, 0, 0, 65];
    const levels = Math.floor(10_240 / level.length);
    assert.is(refusal(Array.from({ length: levels }, () => level).flat()), 'tooDeep');
  }
  assert.ok(['truncated', 'tooManyElements', 'typeUnknown'].includes(refusal(filled(0x91))!));
  assert.ok(['truncated', 'tooManyElements', 'typeUnknown'].includes(refusal(filled(0x81))!));
  assert.is(refusal(filled(STRUCTURED_TYPE.list)), 'tooManyElements');
  assert.is(refusal(filled(STRUCTURED_TYPE.object)), 'tooManyFields');
});

function filled(byte: number): number[] {
  return new Array<number>(10_240).fill(byte);
}

test('[SV2] I2 depth, elements and cycles are bounded when writing too', () => {
  assert.ok(encodeStructured(nested(STRUCTURED_DEPTH_MAX)).ok);
  const tooDeep = encodeStructured(nested(STRUCTURED_DEPTH_MAX + 1));
  assert.equal(tooDeep, { ok: false, reason: 'tooDeep' });
  const cyclic: StructuredValue[] = [];
  cyclic.push(cyclic);
  assert.equal(encodeStructured(cyclic), { ok: false, reason: 'tooDeep' });
  const wide = new Array<null>(STRUCTURED_ELEMENTS_MAX).fill(null);
  assert.equal(encodeStructured(wide), { ok: false, reason: 'tooManyElements' });
  assert.ok(encodeStructured(wide.slice(1)).ok);
  const entries = Array.from({ length: STRUCTURED_FIELDS_MAX + 1 }, (_, index) => [`f${index}`, 1]);
  const fields = Object.fromEntries(entries) as StructuredValue;
  assert.equal(encodeStructured(fields), { ok: false, reason: 'tooManyFields' });
});

test('[SV2] I3 a claimed count is believed only as far as bytes have come', () => {
  assert.is(refusal([STRUCTURED_TYPE.list, 0xff, 0xff, 0xff, 0xff]), 'tooManyElements');
  assert.is(refusal([STRUCTURED_TYPE.list, 0xff, 0x1f, 0, 0]), 'truncated');
  assert.is(refusal([STRUCTURED_TYPE.object, 0xff, 0xff, 0xff, 0xff]), 'tooManyFields');
  assert.is(refusal([STRUCTURED_TYPE.object, 0, 1, 0, 0]), 'truncated');
  assert.is(refusal([STRUCTURED_TYPE.string, 0xff, 0xff, 0xff, 0xff, 65]), 'truncated');
});

test('[SV3] fields twice, unknown types, bytes left over and bad text are refused', () => {
  const field = [1, 0, 0, 0, 65, STRUCTURED_TYPE.null];
  assert.is(refusal([STRUCTURED_TYPE.object, 2, 0, 0, 0, ...field, ...field]), 'fieldTwice');
  assert.is(refusal([8]), 'typeUnknown');
  assert.is(refusal([STRUCTURED_TYPE.null, 0]), 'bytesLeftOver');
  assert.is(refusal([STRUCTURED_TYPE.string, 1, 0, 0, 0, 0xff]), 'textMalformed');
  assert.is(refusal([]), 'truncated');
  assert.is(refusal([STRUCTURED_TYPE.int32, 1, 0]), 'truncated');
});

test('[SV3] values of no known type are refused by name', () => {
  for (const value of [undefined, 1n, () => 1, new Date(0), new Map(), Symbol.iterator]) {
    const encoded = encodeValue([value] as never);
    assert.equal(encoded, { ok: false, reason: 'typeUnknown' });
  }
  assert.equal(encodeValue('\ud800'), { ok: false, reason: 'textMalformed' });
  assert.equal(encodeValue({ '\ud800': 1 }), { ok: false, reason: 'textMalformed' });
});

test('[SV3] I6 damaged bytes give a value or a name, never an exception', () => {
  fc.assert(
    fc.property(structured, fc.nat(), fc.nat(255), fc.nat(), (value, at, byte, cut) => {
      const encoded = encodeStructured(value);
      assert.ok(encoded.ok);
      const bytes = encoded.bytes.slice();
      bytes[at % bytes.length] = byte;
      for (const damaged of [bytes, bytes.subarray(0, cut % (bytes.length + 1))]) {
        const decoded = decodeStructured(damaged);
        assert.ok(decoded.ok || decoded.reason.length > 0);
      }
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test.run();
