/**
 * Requests as a client writes them, straight into a sink. The limits of keys, values and contexts are
 * the caller's to check (the SDK refuses by name; the gateway answers by status).
 *
 * data plane: the caller keeps one RequestFields and changes it from operation to operation.
 *
 * Invariants:
 *   RW1 what is written here passes validate-request
 */
import { ENTRY_WORDS, paddedWords } from '@clockwise/record/layout';
import type { OperationSink } from '@clockwise/kernel/core';
import {
  REQUEST,
  REQUEST_FLAG,
  REQUEST_HEADER_WORDS,
  REQUEST_OPCODE,
  SCAN,
  SCAN_WORDS,
  TAG,
} from './frame.ts';
import { writeBytes } from './word-bytes.ts';

/** What all requests have; mutable, so that one serves for all. */
export interface RequestFields {
  /** Unique among the requests in flight on the connection. */
  requestId: number;
  bucketId: number;
  /** LEVEL. */
  level: number;
  /** REQUEST_FLAG; contextGiven follows from the context. */
  flags: number;
  /** The operation id, equal over retries; of a write. */
  sessionLow: number;
  sessionHigh: number;
  sequence: number;
  /** The highest hybrid time that the session had seen at the first try; 0: none. */
  seenLow: number;
  seenHigh: number;
  /** Milliseconds since the first try; 0: this is it. */
  ageMs: number;
}

/** Where a page of a scan begins; `token` words are zero at the partition's beginning. */
export interface ScanPosition {
  readonly partition: number;
  readonly hasPosition: boolean;
  readonly tokenHigh: number;
  readonly tokenLow: number;
  readonly recordsMax: number;
  readonly bytesMax: number;
}

export function makeRequestFields(): RequestFields {
  return {
    requestId: 0,
    bucketId: 0,
    level: 0,
    flags: 0,
    sessionLow: 0,
    sessionHigh: 0,
    sequence: 0,
    seenLow: 0,
    seenHigh: 0,
    ageMs: 0,
  };
}

/** False, here and below: the channel is full and nothing was written. */
export function writeGet(sink: OperationSink, fields: RequestFields, key: Uint8Array): boolean {
  const wordCount = REQUEST_HEADER_WORDS + paddedWords(key.length);
  const operation = begin(sink, wordCount, fields, REQUEST_OPCODE.get | (fields.flags << 8));
  if (operation < 0) return false;
  sink.words[operation + REQUEST.keyAndContext] = key.length;
  writeBytes(sink.words, operation + REQUEST_HEADER_WORDS, key);
  sink.end(wordCount);
  return true;
}

/**
 * `context`: entries as a response carried them (`readContext`); undefined overwrites, an empty one
 * adds a sibling. `timeToLiveSeconds` 0: for ever.
 */
export function writePut(
  sink: OperationSink,
  fields: RequestFields,
  key: Uint8Array,
  context: Int32Array | undefined,
  codec: number,
  value: Uint8Array,
  timeToLiveSeconds: number,
): boolean {
  const contextWords = context === undefined ? 0 : context.length;
  const wordCount =
    REQUEST_HEADER_WORDS + paddedWords(key.length) + contextWords + paddedWords(value.length);
  const opcode = REQUEST_OPCODE.put | (writeFlags(fields, context) << 8) | (codec << 24);
  const operation = begin(sink, wordCount, fields, opcode);
  if (operation < 0) return false;
  const { words } = sink;
  words[operation + REQUEST.keyAndContext] = key.length | ((contextWords / ENTRY_WORDS) << 16);
  words[operation + REQUEST.valueBytes] = value.length;
  words[operation + REQUEST.timeToLiveSeconds] = timeToLiveSeconds;
  let offset = writeBytes(words, operation + REQUEST_HEADER_WORDS, key);
  if (context !== undefined) offset = copyWords(words, offset, context);
  writeBytes(words, offset, value);
  sink.end(wordCount);
  return true;
}

export function writeDelete(
  sink: OperationSink,
  fields: RequestFields,
  key: Uint8Array,
  context: Int32Array | undefined,
): boolean {
  const contextWords = context === undefined ? 0 : context.length;
  const wordCount = REQUEST_HEADER_WORDS + paddedWords(key.length) + contextWords;
  const opcode = REQUEST_OPCODE.delete | (writeFlags(fields, context) << 8);
  const operation = begin(sink, wordCount, fields, opcode);
  if (operation < 0) return false;
  const { words } = sink;
  words[operation + REQUEST.keyAndContext] = key.length | ((contextWords / ENTRY_WORDS) << 16);
  const offset = writeBytes(words, operation + REQUEST_HEADER_WORDS, key);
  if (context !== undefined) copyWords(words, offset, context);
  sink.end(wordCount);
  return true;
}

/** `key`: the last one seen; empty at the partition's beginning. */
export function writeScan(
  sink: OperationSink,
  fields: RequestFields,
  key: Uint8Array,
  position: ScanPosition,
): boolean {
  const wordCount = REQUEST_HEADER_WORDS + paddedWords(key.length) + SCAN_WORDS;
  const operation = begin(sink, wordCount, fields, REQUEST_OPCODE.scan | (fields.flags << 8));
  if (operation < 0) return false;
  const { words } = sink;
  words[operation + REQUEST.keyAndContext] = key.length;
  words[operation + REQUEST.valueBytes] = SCAN_WORDS * 4;
  const scan = writeBytes(words, operation + REQUEST_HEADER_WORDS, key);
  words[scan + SCAN.partition] = position.partition;
  words[scan + SCAN.hasPosition] = position.hasPosition ? 1 : 0;
  words[scan + SCAN.tokenHigh] = position.hasPosition ? position.tokenHigh : 0;
  words[scan + SCAN.tokenLow] = position.hasPosition ? position.tokenLow : 0;
  words[scan + SCAN.recordsMax] = position.recordsMax;
  words[scan + SCAN.bytesMax] = position.bytesMax;
  sink.end(wordCount);
  return true;
}

/** Room for the operation, with all that its kind does not set already in it. */
function begin(
  sink: OperationSink,
  wordCount: number,
  fields: RequestFields,
  opcodeWord: number,
): number {
  const operation = sink.begin(TAG.request, wordCount);
  if (operation < 0) return -1;
  const { words } = sink;
  words[operation + REQUEST.opcode] = opcodeWord | (fields.level << 16);
  words[operation + REQUEST.requestId] = fields.requestId;
  words[operation + REQUEST.bucketId] = fields.bucketId;
  words[operation + REQUEST.valueBytes] = 0;
  words[operation + REQUEST.sessionLow] = fields.sessionLow;
  words[operation + REQUEST.sessionHigh] = fields.sessionHigh;
  words[operation + REQUEST.sequence] = fields.sequence;
  words[operation + REQUEST.timeToLiveSeconds] = 0;
  words[operation + REQUEST.seenLow] = fields.seenLow;
  words[operation + REQUEST.seenHigh] = fields.seenHigh;
  words[operation + REQUEST.ageMs] = fields.ageMs;
  words[operation + REQUEST.reserved] = 0;
  return operation;
}

function writeFlags(fields: RequestFields, context: Int32Array | undefined): number {
  return context === undefined ? fields.flags : fields.flags | REQUEST_FLAG.contextGiven;
}

function copyWords(words: Int32Array, offset: number, source: Int32Array): number {
  for (let index = 0; index < source.length; index += 1) words[offset + index] = source[index]!;
  return offset + source.length;
}
