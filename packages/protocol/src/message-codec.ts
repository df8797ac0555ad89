/**
 * Control messages to words and back, driven by their declaration. A control message travels as the
 * single operation of a frame with TAG.control:
 *
 *     word count | message code | byte length | 0 | fields, padded with zeros to 8 bytes
 *
 * Decoding never throws: whatever arrives is a message or a named rejection.
 *
 * Invariants:
 *   MC1 what is written reads back equal
 *   MC2 a length or count is checked against its limit and against what arrived before anything is made
 *   MC3 an unknown code, a field out of range, bytes left over: each a named rejection
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { OperationSink } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';
import { paddedWords } from '@clockwise/record/layout';
import { paddingIsZero } from '@clockwise/record/validate';
import { ByteReader, ByteWriter } from './byte-buffer.ts';
import { CONTROL_MESSAGES, controlDeclaration } from './control-messages.ts';
import type { ControlKind, ControlMessage, FieldDeclaration, Word64 } from './control-messages.ts';
import { FRAME_HEADER_WORDS, TAG } from './frame.ts';
import { REJECTION, rejectionName } from './rejections.ts';
import type { RejectionName } from './rejections.ts';
import { utf8ByteLength } from './utf8.ts';
import { validateTaggedHeader } from './validate-frame.ts';

export const CONTROL_HEADER_WORDS = 4;
export const CONTROL = { wordCount: 0, code: 1, byteLength: 2, reserved: 3 } as const;

export type ControlRejection =
  | RejectionName
  | 'messageUnknown'
  | 'messageExtent'
  | 'messagePadding'
  | 'messageField'
  | 'messageBytesLeftOver';

export type ControlResult =
  | { readonly ok: true; readonly message: ControlMessage }
  | { readonly ok: false; readonly reason: ControlRejection };

type Fields = { readonly [name: string]: unknown };

const KIND_OF_CODE: ReadonlyMap<number, ControlKind> = new Map(
  Object.keys(CONTROL_MESSAGES).map((kind) => [
    controlDeclaration(kind as ControlKind).code,
    kind as ControlKind,
  ]),
);

/** Words of the operation that carries the message: what a frame for it needs beside its header. */
export function controlWordCount(message: ControlMessage): number {
  return CONTROL_HEADER_WORDS + paddedWords(encodeFieldsOf(message).length);
}

/** False: the channel is full. REQUIRES: the message keeps the limits of its declaration. */
export function writeControl(sink: OperationSink, message: ControlMessage): boolean {
  const bytes = encodeFieldsOf(message);
  const wordCount = CONTROL_HEADER_WORDS + paddedWords(bytes.length);
  const operation = sink.begin(TAG.control, wordCount);
  if (operation < 0) return false;
  const { words } = sink;
  words.fill(0, operation, operation + wordCount);
  words[operation + CONTROL.code] = controlDeclaration(message.kind).code;
  words[operation + CONTROL.byteLength] = bytes.length;
  const start = words.byteOffset + (operation + CONTROL_HEADER_WORDS) * 4;
  new Uint8Array(words.buffer, start, bytes.length).set(bytes);
  sink.end(wordCount);
  return true;
}

/** The message of a whole frame of which `wordCount` words arrived. */
export function readControlFrame(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
): ControlResult {
  const rejection = validateTaggedHeader(words, offset, wordCount, TAG.control, limits);
  if (rejection !== REJECTION.none) {
    const reason = rejectionName(rejection);
    assert(reason !== undefined, 'every rejection has a name');
    return { ok: false, reason };
  }
  const operationWords = wordCount - FRAME_HEADER_WORDS;
  const operation = offset + FRAME_HEADER_WORDS;
  if (words[operation + CONTROL.wordCount] !== operationWords) {
    return { ok: false, reason: 'messageExtent' };
  }
  return readControl(words, operation, operationWords);
}

/** The message of the operation at `operation`, in which `wordCountAvailable` words arrived. */
export function readControl(
  words: Int32Array,
  operation: number,
  wordCountAvailable: number = words.length - operation,
): ControlResult {
  if (operation < 0 || operation + wordCountAvailable > words.length) {
    return { ok: false, reason: 'messageExtent' };
  }
  if (wordCountAvailable < CONTROL_HEADER_WORDS) return { ok: false, reason: 'messageExtent' };
  const wordCount = words[operation + CONTROL.wordCount]!;
  const byteLength = words[operation + CONTROL.byteLength]!;
  if (wordCount > wordCountAvailable || byteLength < 0 || byteLength > wordCount * 4) {
    return { ok: false, reason: 'messageExtent' };
  }
  if (wordCount !== CONTROL_HEADER_WORDS + paddedWords(byteLength)) {
    return { ok: false, reason: 'messageExtent' };
  }
  const body = operation + CONTROL_HEADER_WORDS;
  if (words[operation + CONTROL.reserved] !== 0 || !paddingIsZero(words, body, byteLength)) {
    return { ok: false, reason: 'messagePadding' };
  }
  const start = words.byteOffset + body * 4;
  const bytes = new Uint8Array(words.buffer, start, byteLength);
  return decodeMessage(words[operation + CONTROL.code]!, bytes);
}

function decodeMessage(code: number, bytes: Uint8Array): ControlResult {
  const kind = KIND_OF_CODE.get(code);
  if (kind === undefined) return { ok: false, reason: 'messageUnknown' };
  const declaration = controlDeclaration(kind);
  const reader = new ByteReader(bytes);
  const message: { [name: string]: unknown } = { kind };
  readFields(reader, declaration.fields, message);
  if (reader.failed) return { ok: false, reason: 'messageField' };
  if (reader.remaining > 0 && !declaration.extensible) {
    return { ok: false, reason: 'messageBytesLeftOver' };
  }
  return { ok: true, message: message as unknown as ControlMessage };
}

function encodeFieldsOf(message: ControlMessage): Uint8Array {
  const writer = new ByteWriter();
  writeFields(writer, controlDeclaration(message.kind).fields, message);
  return writer.view();
}

function writeFields(
  writer: ByteWriter,
  declarations: readonly FieldDeclaration[],
  fields: Fields,
): void {
  for (const declaration of declarations) {
    writeField(writer, declaration, fields[declaration[0]]);
  }
}

function writeField(writer: ByteWriter, field: FieldDeclaration, value: unknown): void {
  switch (field[1]) {
    case 'u8':
      return writeInteger(writer, field[0], value as number, 1);
    case 'u16':
      return writeInteger(writer, field[0], value as number, 2);
    case 'u32':
      return writeInteger(writer, field[0], value as number, 4);
    case 'i32':
      assert((value as number) === ((value as number) | 0), `${field[0]} is an int32`);
      return writer.unsigned(value as number, 4);
    case 'u64':
      writer.unsigned((value as Word64).low, 4);
      return writer.unsigned((value as Word64).high, 4);
    case 'f64':
      assert(Number.isFinite(value), `${field[0]} is finite`);
      return writer.float64(value as number);
    case 'bool':
      return writer.unsigned(value === true ? 1 : 0, 1);
    case 'text':
      return writeText(writer, field[0], value as string, field[2]);
    case 'bytes':
      assert((value as Uint8Array).length <= field[2], `${field[0]} keeps its limit`);
      writer.unsigned((value as Uint8Array).length, 4);
      return writer.raw(value as Uint8Array);
    case 'choice':
      assert(field[2].includes(value as string), `${field[0]} is one of its names`);
      return writer.unsigned(field[2].indexOf(value as string), 1);
    case 'list':
      assert((value as Fields[]).length <= field[2], `${field[0]} keeps its limit`);
      writer.unsigned((value as Fields[]).length, 4);
      for (const item of value as Fields[]) writeFields(writer, field[3], item);
      return;
    default:
      unreachable(field);
  }
}

function writeInteger(writer: ByteWriter, name: string, value: number, byteCount: number): void {
  const isInRange = Number.isInteger(value) && value >= 0 && value < 2 ** (8 * byteCount);
  assert(isInRange, `${name} is an integer of ${byteCount} bytes`);
  writer.unsigned(value, byteCount);
}

function writeText(writer: ByteWriter, name: string, text: string, byteLengthMax: number): void {
  const byteLength = utf8ByteLength(text);
  assert(byteLength >= 0, `${name} has no lone surrogates`);
  assert(byteLength <= byteLengthMax, `${name} keeps its limit`);
  writer.unsigned(byteLength, 4);
  writer.utf8(text, byteLength);
}

function readFields(
  reader: ByteReader,
  declarations: readonly FieldDeclaration[],
  fields: { [name: string]: unknown },
): void {
  for (const declaration of declarations) {
    fields[declaration[0]] = readField(reader, declaration);
    if (reader.failed) return;
  }
}

function readField(reader: ByteReader, field: FieldDeclaration): unknown {
  switch (field[1]) {
    case 'u8':
      return reader.unsigned(1);
    case 'u16':
      return reader.unsigned(2);
    case 'u32':
      return reader.unsigned(4);
    case 'i32':
      return reader.unsigned(4) | 0;
    case 'u64': {
      const low = reader.unsigned(4) | 0;
      return { high: reader.unsigned(4) | 0, low };
    }
    case 'f64':
      return checked(reader, reader.float64(), Number.isFinite);
    case 'bool':
      return checked(reader, reader.unsigned(1), (value) => value <= 1) === 1;
    case 'text':
      return reader.utf8(checked(reader, reader.unsigned(4), (length) => length <= field[2]));
    case 'bytes':
      return reader.raw(checked(reader, reader.unsigned(4), (length) => length <= field[2]));
    case 'choice':
      return field[2][checked(reader, reader.unsigned(1), (index) => index < field[2].length)];
    case 'list':
      return readList(reader, field[2], field[3]);
    default:
      return unreachable(field);
  }
}

/** [MC2] The count is only a bound: items are made as their bytes are found, never ahead. */
function readList(
  reader: ByteReader,
  countMax: number,
  declarations: readonly FieldDeclaration[],
): Fields[] {
  const count = checked(reader, reader.unsigned(4), (value) => value <= countMax);
  const items: Fields[] = [];
  for (let index = 0; index < count && !reader.failed; index += 1) {
    const item: { [name: string]: unknown } = {};
    readFields(reader, declarations, item);
    items.push(item);
  }
  return items;
}

function checked(reader: ByteReader, value: number, isAllowed: (value: number) => boolean): number {
  if (isAllowed(value)) return value;
  reader.fail();
  return 0;
}
