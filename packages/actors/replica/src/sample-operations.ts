/**
 * Operations for a replica and its replies as plain objects, for tests. Nothing in a running node
 * imports it: coordinators write these words themselves.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import {
  FRAME,
  OPERATION,
  POLICY,
  PRIORITY,
  REPLICA_NOTE,
  REPLICA_NOTE_HEADER_WORDS,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REPLY,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_SETTLE,
  REPLICA_SETTLE_HEADER_WORDS,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
  SCAN,
  SCAN_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { computeToken, type Token } from '@clockwise/placement/token';
import {
  type Dot,
  encodeRecord,
  type RecordObject,
  writeBytes,
  writeEntry,
} from '@clockwise/record/build';
import { HIDDEN_BUCKET, HIDDEN_KEY_BYTES, writeHiddenKey } from '@clockwise/record/hidden';
import { ENTRY_WORDS, paddedWords } from '@clockwise/record/layout';

interface Keyed {
  readonly key: string;
  readonly bucketId?: number;
  /** Of the hinted copy. */
  readonly hint?: boolean;
}

/** What a note or settle is about. Default: a hint. */
type Hidden = Omit<Keyed, 'hint'> & { readonly hidden?: keyof typeof HIDDEN_BUCKET };

export type SampleOperation =
  | ({ readonly kind: 'read' } & Keyed)
  | ({
      readonly kind: 'write';
      /** Undefined: a delete. */
      readonly value: string | undefined;
      /** Undefined: an overwrite. */
      readonly context?: readonly Dot[];
      readonly session?: number;
      readonly sequence?: number;
      readonly forward?: boolean;
      readonly lww?: boolean;
      readonly durability?: number;
      readonly owed?: number;
      readonly retry?: boolean;
      /** What the session had seen; hybrid time. */
      readonly seen?: bigint;
      readonly ageMs?: number;
    } & Keyed)
  | {
      readonly kind: 'store';
      readonly record: RecordObject;
      readonly lww?: boolean;
      readonly durability?: number;
      /** With a word: as a hinted copy. */
      readonly owed?: number;
    }
  | ({ readonly kind: 'note'; readonly owed: number; readonly durability?: number } & Hidden)
  | ({
      readonly kind: 'settle';
      /** Positions and the half of the epoch. */
      readonly owed: number;
      /** Low and high word. */
      readonly version: readonly [number, number];
    } & Hidden)
  | {
      readonly kind: 'scan';
      readonly bucketId?: number;
      readonly partition: number;
      readonly after?: RecordObject;
      readonly recordsMax?: number;
      readonly bytesMax?: number;
    }
  | { readonly kind: 'probe' };

/** What a reply says, before its record is looked up. */
export interface ReplyHeader {
  readonly slot: number;
  readonly kind: number;
  readonly status: number;
  readonly flags: number;
  readonly chunk: number;
  readonly generation: number;
  readonly offset: number;
  readonly recordWords: number;
  readonly recordCount: number;
  readonly durability: number;
}

const DEFAULT_BUCKET = 1;
const SESSION_HIGH = 7;

/** Keys are ASCII. */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
export function textOfBytes(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

export function tokenOf(bucketId: number, key: string): Token {
  const token = { high: 0, low: 0 };
  computeToken(token, bucketId, wordsOfText(key), 0, key.length);
  return token;
}

export function token64(bucketId: number, key: string): bigint {
  const { high, low } = tokenOf(bucketId, key);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function wordsOfText(text: string): Int32Array {
  const words = new Int32Array(paddedWords(text.length));
  writeBytes(words, 0, bytesOfText(text));
  return words;
}

export interface FrameOptions {
  readonly priority?: number;
  /** FRAME.due. */
  readonly due?: number;
}

/** One frame of operations; their slots count up from `firstSlot`. */
export function frameOf(
  operations: readonly SampleOperation[],
  firstSlot: number,
  { priority = PRIORITY.foreground, due = 0 }: FrameOptions = {},
): Int32Array {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 16 * 1024);
  operations.forEach((operation, index) => {
    const words = operationWords(operation);
    words[OPERATION.wordCount] = words.length;
    words[REPLICA_REQUEST.slot] = firstSlot + index;
    words[REPLICA_REQUEST.slotGeneration] = 1;
    const start = writer.begin(TAG.replicaRequest, words.length);
    writer.words.set(words, start);
    writer.end(words.length);
  });
  writer.flush();
  const [frame, ...more] = backing.take();
  if (frame === undefined || more.length > 0) throw new Error('the operations fill one frame');
  frame[FRAME.tag]! |= priority << 16;
  frame[FRAME.due] = due;
  return frame;
}

function operationWords(operation: SampleOperation): Int32Array {
  switch (operation.kind) {
    case 'read':
      return keyedWords(REPLICA_OPCODE.read, REPLICA_READ_HEADER_WORDS, operation, 0);
    case 'write':
      return writeWords(operation);
    case 'store': {
      const record = encodeRecord(operation.record);
      const words = new Int32Array(REPLICA_STORE_HEADER_WORDS + record.length);
      words.set(record, REPLICA_STORE_HEADER_WORDS);
      const { owed } = operation;
      const flags = owed === undefined ? 0 : REPLICA_REQUEST_FLAG.hint << 8;
      words[REPLICA_REQUEST.opcode] = REPLICA_OPCODE.store | flags | policyBits(operation);
      words[REPLICA_STORE.owed] = owed ?? 0;
      return words;
    }
    case 'note': {
      const words = hiddenWords(REPLICA_OPCODE.note, REPLICA_NOTE_HEADER_WORDS, operation);
      words[REPLICA_REQUEST.opcode]! |= policyBits(operation);
      words[REPLICA_NOTE.owed] = operation.owed;
      return words;
    }
    case 'settle': {
      const words = hiddenWords(REPLICA_OPCODE.settle, REPLICA_SETTLE_HEADER_WORDS, operation);
      words[REPLICA_SETTLE.positions] = operation.owed;
      [words[REPLICA_SETTLE.versionLow], words[REPLICA_SETTLE.versionHigh]] = operation.version;
      return words;
    }
    case 'scan':
      return scanWords(operation);
    case 'probe': {
      const words = new Int32Array(REPLICA_READ_HEADER_WORDS);
      words[REPLICA_REQUEST.opcode] = REPLICA_OPCODE.probe;
      return words;
    }
    default:
      return unreachable(operation);
  }
}

function policyBits(operation: { readonly lww?: boolean; readonly durability?: number }): number {
  const durability = (operation.durability ?? 0) << POLICY.durabilityShift;
  return ((operation.lww === true ? POLICY.lww : 0) | durability) << 24;
}

/** The token is that of the key in its bucket; the key is the hidden one. */
function hiddenWords(
  opcode: number,
  headerWords: number,
  { key, bucketId = DEFAULT_BUCKET, hidden = 'hint' }: Hidden,
): Int32Array {
  const token = tokenOf(bucketId, key);
  const words = new Int32Array(headerWords + paddedWords(key.length + HIDDEN_KEY_BYTES));
  const bytes = writeHiddenKey(bucketId, wordsOfText(key), 0, key.length, words, headerWords);
  words[REPLICA_REQUEST.opcode] = opcode;
  words[REPLICA_REQUEST.bucketId] = HIDDEN_BUCKET[hidden];
  words[REPLICA_REQUEST.tokenHigh] = token.high;
  words[REPLICA_REQUEST.tokenLow] = token.low;
  words[REPLICA_REQUEST.keyAndContext] = bytes;
  return words;
}

function keyedWords(
  opcode: number,
  headerWords: number,
  { key, bucketId = DEFAULT_BUCKET, hint = false }: Keyed,
  moreWords: number,
): Int32Array {
  const keyWords = wordsOfText(key);
  const words = new Int32Array(headerWords + keyWords.length + moreWords);
  const token = tokenOf(bucketId, key);
  words[REPLICA_REQUEST.opcode] = opcode | (hint ? REPLICA_REQUEST_FLAG.hint << 8 : 0);
  words[REPLICA_REQUEST.bucketId] = bucketId;
  words[REPLICA_REQUEST.tokenHigh] = token.high;
  words[REPLICA_REQUEST.tokenLow] = token.low;
  words[REPLICA_REQUEST.keyAndContext] = key.length;
  words.set(keyWords, headerWords);
  return words;
}

function writeWords(operation: Extract<SampleOperation, { kind: 'write' }>): Int32Array {
  const { value, context = [] } = operation;
  const valueBytes = bytesOfText(value ?? '');
  const contextWords = context.length * ENTRY_WORDS;
  const words = keyedWords(
    REPLICA_OPCODE.write,
    REPLICA_WRITE_HEADER_WORDS,
    operation,
    contextWords + paddedWords(valueBytes.length),
  );
  const flags =
    (operation.context === undefined ? 0 : REPLICA_REQUEST_FLAG.contextGiven) |
    (value === undefined ? REPLICA_REQUEST_FLAG.tombstone : 0) |
    (operation.forward === true ? REPLICA_REQUEST_FLAG.forward : 0) |
    (operation.retry === true ? REPLICA_REQUEST_FLAG.retry : 0);
  words[REPLICA_REQUEST.opcode]! |= (flags << 8) | policyBits(operation);
  words[REPLICA_REQUEST.keyAndContext]! |= context.length << 16;
  words[REPLICA_REQUEST.valueBytes] = valueBytes.length;
  words[REPLICA_REQUEST.sessionLow] = operation.session ?? 0;
  words[REPLICA_REQUEST.sessionHigh] = operation.session === undefined ? 0 : SESSION_HIGH;
  words[REPLICA_REQUEST.sequence] = operation.sequence ?? 0;
  const { seen = 0n } = operation;
  words[REPLICA_REQUEST.seenLow] = Number(BigInt.asIntN(32, seen));
  words[REPLICA_REQUEST.seenHigh] = Number(BigInt.asIntN(32, seen >> 32n));
  words[REPLICA_REQUEST.ageMs] = operation.ageMs ?? 0;
  words[REPLICA_REQUEST.owed] = operation.owed ?? 0;
  let position = REPLICA_WRITE_HEADER_WORDS + paddedWords(operation.key.length);
  for (const entry of context) {
    writeEntry(words, position, entry);
    position += ENTRY_WORDS;
  }
  writeBytes(words, position, valueBytes);
  return words;
}

function scanWords(operation: Extract<SampleOperation, { kind: 'scan' }>): Int32Array {
  const { after, bucketId = DEFAULT_BUCKET } = operation;
  const key = after === undefined ? '' : textOfBytes(after.key);
  const keyed = { key, bucketId };
  const words = keyedWords(REPLICA_OPCODE.scan, REPLICA_READ_HEADER_WORDS, keyed, SCAN_WORDS);
  const scan = words.length - SCAN_WORDS;
  words[REPLICA_REQUEST.valueBytes] = SCAN_WORDS * 4;
  words[scan + SCAN.partition] = operation.partition;
  words[scan + SCAN.recordsMax] = operation.recordsMax ?? 1000;
  words[scan + SCAN.bytesMax] = operation.bytesMax ?? 1 << 20;
  if (after !== undefined) {
    words[scan + SCAN.hasPosition] = 1;
    words[scan + SCAN.tokenHigh] = Number(BigInt.asIntN(32, after.token >> 32n));
    words[scan + SCAN.tokenLow] = Number(BigInt.asIntN(32, after.token));
  }
  return words;
}

export function replyHeader(words: Int32Array, at: number): ReplyHeader {
  const kind = words[at + REPLICA_REPLY.kind]!;
  const chunk = words[at + REPLICA_REPLY.chunk]!;
  return {
    slot: words[at + REPLICA_REPLY.slot]!,
    kind: kind & 0xff,
    status: (kind >>> 8) & 0xffff,
    flags: kind >>> 24,
    chunk: chunk & 0xffff,
    generation: chunk >>> 16,
    offset: words[at + REPLICA_REPLY.offset]!,
    recordWords: words[at + REPLICA_REPLY.recordWords]!,
    recordCount: words[at + REPLICA_REPLY.recordCount]!,
    durability: words[at + REPLICA_REPLY.durability]!,
  };
}
