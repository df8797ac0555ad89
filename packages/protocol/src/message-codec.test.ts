import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { ArrayBacking } from './array-backing.ts';
import { CONTROL_MESSAGES, controlDeclaration } from './control-messages.ts';
import type { ControlKind, ControlMessage, FieldDeclaration } from './control-messages.ts';
import { FRAME, FRAME_HEADER_WORDS, TAG } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { CONTROL, readControl, readControlFrame, writeControl } from './message-codec.ts';

const SEED = 20_119;
const KINDS = Object.keys(CONTROL_MESSAGES) as ControlKind[];

function frameOf(message: ControlMessage): Int32Array {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  assert.ok(writeControl(writer, message));
  writer.flush();
  return backing.take()[0]!;
}

function reasonOf(frame: Int32Array): string {
  const result = readControlFrame(frame, 0, frame.length, DEFAULT_LIMITS);
  return result.ok ? 'accepted' : result.reason;
}

function arbitraryField(field: FieldDeclaration): Arbitrary<unknown> {
  switch (field[1]) {
    case 'u8':
      return fc.integer({ min: 0, max: 0xff });
    case 'u16':
      return fc.integer({ min: 0, max: 0xffff });
    case 'u32':
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case 'i32':
      return fc.integer();
    case 'u64':
      return fc.record({ high: fc.integer(), low: fc.integer() }, { noNullPrototype: true });
    case 'f64':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'bool':
      return fc.boolean();
    case 'text':
      return fc.string({ unit: 'binary', maxLength: Math.min(16, field[2] >>> 2) });
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 });
    case 'choice':
      return fc.constantFrom(...field[2]);
    case 'list':
      return fc.array(arbitraryFields(field[3]), { maxLength: 4 });
    default:
      return field;
  }
}

function arbitraryFields(fields: readonly FieldDeclaration[]): Arbitrary<object> {
  return fc.record(Object.fromEntries(fields.map((field) => [field[0], arbitraryField(field)])), {
    noNullPrototype: true,
  });
}

function arbitraryMessage(kind: ControlKind): Arbitrary<ControlMessage> {
  const fields = arbitraryFields(controlDeclaration(kind).fields);
  return fields.map((values) => ({ kind, ...values }) as ControlMessage);
}

/** The most bytes that a message of these fields can have. */
function bytesMax(fields: readonly FieldDeclaration[]): number {
  return fields.reduce((sum, field) => {
    if (field[1] === 'text' || field[1] === 'bytes') return sum + 4 + field[2];
    if (field[1] === 'list') return sum + 4 + field[2] * bytesMax(field[3]);
    return sum + 8;
  }, 0);
}

test('[MC1] every message reads back equal', () => {
  fc.assert(
    fc.property(fc.oneof(...KINDS.map(arbitraryMessage)), (message) => {
      const frame = frameOf(message);
      const result = readControlFrame(frame, 0, frame.length, DEFAULT_LIMITS);
      assert.equal(result, { ok: true, message });
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test('[MC1] a message reads back from the middle of shared memory, and keeps no part of it', () => {
  const message: ControlMessage = { kind: 'ring', requestId: 3, bytes: Uint8Array.of(1, 2, 3) };
  const frame = frameOf(message);
  const shared = new Int32Array(new SharedArrayBuffer(4096), 64);
  shared.set(frame, 10);
  const result = readControlFrame(shared, 10, frame.length, DEFAULT_LIMITS);
  shared.fill(0);
  assert.equal(result, { ok: true, message });
});

test('[MC2] the largest message of each kind fits the frames that a gateway accepts', () => {
  for (const kind of KINDS) {
    const most = bytesMax(controlDeclaration(kind).fields);
    assert.ok(most + 64 <= DEFAULT_LIMITS.frameBytesMax, `${kind}: ${most} bytes`);
  }
});

test('[MC2] I1 a text of 4 GB, a list of 4 billion: refused by what arrived', () => {
  const backing = frameOf({ kind: 'goodbye', reason: 1, text: 'abc' });
  const body = FRAME_HEADER_WORDS + 4;
  const huge = backing.slice();
  new Uint8Array(huge.buffer, body * 4).set([0, 0, 0xff, 0xff, 0xff, 0xff]);
  assert.is(reasonOf(huge), 'messageField');
  const roots = frameOf({ kind: 'rootsRequest', requestId: 1, epoch: 1, partitions: [] });
  const claimed = roots.slice();
  claimed[body + 2] = 65_536;
  assert.is(reasonOf(claimed), 'messageField');
  claimed[body + 2] = -1;
  assert.is(reasonOf(claimed), 'messageField');
});

test('[MC3] unknown codes, odd extents, padding and bytes left over have names', () => {
  const valid = frameOf({ kind: 'statusRequest', requestId: 7 });
  assert.is(reasonOf(valid), 'accepted');
  const change = (index: number, value: number): Int32Array => {
    const frame = valid.slice();
    frame[index] = value;
    return frame;
  };
  const operation = FRAME_HEADER_WORDS;
  assert.is(reasonOf(change(operation + CONTROL.code, 999)), 'messageUnknown');
  assert.is(reasonOf(change(operation + CONTROL.byteLength, -1)), 'messageExtent');
  assert.is(reasonOf(change(operation + CONTROL.byteLength, 0x7fff_ffff)), 'messageExtent');
  assert.is(reasonOf(change(operation + CONTROL.byteLength, 8)), 'messageBytesLeftOver');
  assert.is(reasonOf(change(operation + CONTROL.byteLength, 3)), 'messageField');
  assert.is(reasonOf(change(operation + CONTROL.reserved, 1)), 'messagePadding');
  assert.is(reasonOf(change(operation + 5, 1)), 'messagePadding');
  assert.is(reasonOf(change(FRAME.tag, TAG.request | (1 << 8))), 'frameTagUnexpected');
  assert.is(reasonOf(change(FRAME.operationCount, 2)), 'frameOperationCount');
});

test('[MC3] I2 10 KB of any one byte as the body of any message: a message or a name', () => {
  for (const kind of KINDS) {
    for (const byte of [0x00, 0x81, 0x91, 0xc7, 0xdd, 0xff]) {
      const words = new Int32Array(4 + 2560);
      words.set([words.length, controlDeclaration(kind).code, 10_240, 0]);
      new Uint8Array(words.buffer, 16).fill(byte);
      const result = readControl(words, 0);
      assert.ok(result.ok || result.reason.startsWith('message'));
    }
  }
});

test('[MC3] hello and goodbye of a later version are read as far as they are known', () => {
  const frame = frameOf({ kind: 'goodbye', reason: 30, text: 'x' });
  const longer = new Int32Array(frame.length + 2);
  longer.set(frame);
  longer[FRAME.wordCount] = longer.length;
  longer[FRAME.tag] = TAG.control | (9 << 8);
  const operation = FRAME_HEADER_WORDS;
  longer[operation + CONTROL.wordCount] = frame[operation + CONTROL.wordCount]! + 2;
  longer[operation + CONTROL.byteLength] = frame[operation + CONTROL.byteLength]! + 8;
  const result = readControlFrame(longer, 0, longer.length, DEFAULT_LIMITS);
  assert.equal(result, { ok: true, message: { kind: 'goodbye', reason: 30, text: 'x' } });
});

test('[MC2] a message beyond its declaration is a mistake of whoever writes it', () => {
  const backing = new FrameWriter(new ArrayBacking(), 64);
  const long = 'x'.repeat(1025);
  assert.throws(() => writeControl(backing, { kind: 'goodbye', reason: 1, text: long }), /limit/);
  assert.throws(() => writeControl(backing, { kind: 'goodbye', reason: -1, text: '' }), /2 bytes/);
  assert.throws(
    () => writeControl(backing, { kind: 'goodbye', reason: 1, text: '\ud800' }),
    /surrogates/,
  );
});

test('[MC3] codes are wire format: unique, and as they were', () => {
  const codes = KINDS.map((kind) => controlDeclaration(kind).code);
  assert.equal(codes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
});

test.run();
