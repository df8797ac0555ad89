/**
 * Requests of clients (and of coordinators that proxy), checked in place at the gateway. A frame
 * that breaks the layout is rejected and closes its connection; an operation that is well formed
 * but larger than this node allows is answered by itself (`requestStatus`), so that one record
 * over the limit does not take its neighbours along.
 *
 * data plane: a number per frame, no object per operation.
 *
 * Invariants:
 *   VR1 every operation of an accepted frame lies inside the frame, and so do its key, context and value
 *   VR2 the operations of an accepted frame fill it exactly and are as many as its header says
 *   VR3 limits of this node are answered per operation, never by closing the connection
 */
import type { Limits } from '@clockwise/kernel/limits';
import { ENTRY_WORDS, VALUE_CODEC, paddedWords } from '@clockwise/record/layout';
import { paddingIsZero, validateContext } from '@clockwise/record/validate';
import { ERRORS, STATUS_OK } from './errors.ts';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  LEVEL,
  REQUEST,
  REQUEST_FLAG,
  REQUEST_HEADER_WORDS,
  REQUEST_OPCODE,
  SCAN,
  SCAN_WORDS,
  TAG,
} from './frame.ts';
import { REJECTION } from './rejections.ts';
import { validateOperationExtent, validateTaggedHeader } from './validate-frame.ts';

const REQUEST_FLAGS_ALL =
  REQUEST_FLAG.contextGiven |
  REQUEST_FLAG.wantContext |
  REQUEST_FLAG.strict |
  REQUEST_FLAG.monotonic |
  REQUEST_FLAG.retry |
  REQUEST_FLAG.explain;

/** By opcode: the flags that have no meaning with it. */
const FLAGS_UNEXPECTED: readonly number[] = [
  0,
  REQUEST_FLAG.retry,
  REQUEST_FLAG.monotonic,
  REQUEST_FLAG.monotonic,
  REQUEST_FLAG.monotonic | REQUEST_FLAG.retry | REQUEST_FLAG.explain,
];

const KEY_TOO_LARGE = ERRORS.KEY_TOO_LARGE.code;
const VALUE_TOO_LARGE = ERRORS.VALUE_TOO_LARGE.code;
const CONTEXT_TOO_LARGE = ERRORS.CONTEXT_TOO_LARGE.code;

/** A whole request frame of which `wordCount` words arrived. Returns a REJECTION. */
export function validateRequestFrame(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
): number {
  const rejection = validateTaggedHeader(words, offset, wordCount, TAG.request, limits);
  if (rejection !== REJECTION.none) return rejection;
  const end = offset + wordCount;
  const operationCount = words[offset + FRAME.operationCount]!;
  let operation = offset + FRAME_HEADER_WORDS;
  for (let index = 0; index < operationCount; index += 1) {
    if (operation === end) return REJECTION.operationsMissing;
    const refused = validateRequest(words, operation, end);
    if (refused !== REJECTION.none) return refused;
    operation += words[operation + REQUEST.wordCount]!;
  }
  return operation === end ? REJECTION.none : REJECTION.wordsLeftOver;
}

/** STATUS_OK, or the status with which a well-formed request beyond this node's limits is answered. */
export function requestStatus(words: Int32Array, operation: number, limits: Limits): number {
  const keyAndContext = words[operation + REQUEST.keyAndContext]!;
  const opcode = words[operation + REQUEST.opcode]! & 0xff;
  const keyLength = keyAndContext & 0xffff;
  if (keyLength > limits.keyBytesMax) return KEY_TOO_LARGE;
  if (keyLength === 0 && opcode !== REQUEST_OPCODE.scan) return KEY_TOO_LARGE;
  if (keyAndContext >>> 16 > clientContextEntriesMax(limits)) return CONTEXT_TOO_LARGE;
  if (opcode !== REQUEST_OPCODE.put) return STATUS_OK;
  const valueBytes = words[operation + REQUEST.valueBytes]!;
  return valueBytes > limits.valueBytesMax ? VALUE_TOO_LARGE : STATUS_OK;
}

/** Entries that a client may hand back: all that an object's context can have (versioning, V16). */
export function clientContextEntriesMax(limits: Limits): number {
  return Math.min(limits.contextEntriesMax + limits.siblingsMax, 0xffff);
}

export function isKnownLevel(level: number): boolean {
  return level <= LEVEL.numberMax || (level >= LEVEL.quorum && level <= LEVEL.eachQuorum);
}

function validateRequest(words: Int32Array, operation: number, end: number): number {
  const extent = validateOperationExtent(words, operation, end, REQUEST_HEADER_WORDS);
  if (extent !== REJECTION.none) return extent;
  const opcodeWord = words[operation + REQUEST.opcode]!;
  const opcode = opcodeWord & 0xff;
  const flags = (opcodeWord >>> 8) & 0xff;
  if (opcode < REQUEST_OPCODE.get || opcode > REQUEST_OPCODE.scan) return REJECTION.opcodeUnknown;
  if ((flags & ~REQUEST_FLAGS_ALL) !== 0) return REJECTION.flagsUnknown;
  if ((flags & FLAGS_UNEXPECTED[opcode]!) !== 0) return REJECTION.flagsUnexpected;
  if (words[operation + REQUEST.ageMs]! < 0) return REJECTION.requestAge;
  if (words[operation + REQUEST.reserved] !== 0) return REJECTION.reservedNotZero;
  if (!isKnownLevel((opcodeWord >>> 16) & 0xff)) return REJECTION.levelUnknown;
  const shape = validateShape(words, operation, opcode, opcodeWord >>> 24);
  if (shape !== REJECTION.none) return shape;
  if (opcode === REQUEST_OPCODE.scan) return validateScan(words, operation);
  const entryCount = words[operation + REQUEST.keyAndContext]! >>> 16;
  if (entryCount === 0) return REJECTION.none;
  const isWrite = opcode === REQUEST_OPCODE.put || opcode === REQUEST_OPCODE.delete;
  if (!isWrite || (flags & REQUEST_FLAG.contextGiven) === 0) return REJECTION.contextUnexpected;
  const fault = validateContext(words, contextOffset(words, operation), entryCount);
  return fault === 0 ? REJECTION.none : REJECTION.contextInvalid;
}

/** Lengths against the operation's word count, paddings, and what only a put may have. */
function validateShape(
  words: Int32Array,
  operation: number,
  opcode: number,
  codec: number,
): number {
  const wordCount = words[operation + REQUEST.wordCount]!;
  const keyAndContext = words[operation + REQUEST.keyAndContext]!;
  const valueBytes = words[operation + REQUEST.valueBytes]!;
  if (valueBytes < 0 || valueBytes > wordCount * 4) return REJECTION.valueLength;
  if (opcode !== REQUEST_OPCODE.put) {
    if (codec !== VALUE_CODEC.bytes) return REJECTION.codecUnknown;
    if (words[operation + REQUEST.timeToLiveSeconds] !== 0) return REJECTION.timeToLiveUnexpected;
    if (valueBytes !== 0 && opcode !== REQUEST_OPCODE.scan) return REJECTION.valueUnexpected;
  }
  if (codec > VALUE_CODEC.structured) return REJECTION.codecUnknown;
  const keyLength = keyAndContext & 0xffff;
  const key = operation + REQUEST_HEADER_WORDS;
  const value = key + paddedWords(keyLength) + (keyAndContext >>> 16) * ENTRY_WORDS;
  if (value + paddedWords(valueBytes) !== operation + wordCount) {
    return REJECTION.operationWordCountMismatch;
  }
  const padded = paddingIsZero(words, key, keyLength) && paddingIsZero(words, value, valueBytes);
  return padded ? REJECTION.none : REJECTION.paddingNotZero;
}

function contextOffset(words: Int32Array, operation: number): number {
  const keyLength = words[operation + REQUEST.keyAndContext]! & 0xffff;
  return operation + REQUEST_HEADER_WORDS + paddedWords(keyLength);
}

function validateScan(words: Int32Array, operation: number): number {
  const keyAndContext = words[operation + REQUEST.keyAndContext]!;
  if (keyAndContext >>> 16 !== 0) return REJECTION.contextUnexpected;
  if (words[operation + REQUEST.valueBytes] !== SCAN_WORDS * 4) return REJECTION.scanShape;
  return validateScanWords(words, contextOffset(words, operation), keyAndContext & 0xffff);
}

/** The SCAN words at `scan`, beside a key of `keyLength` bytes. REQUIRES: they lie inside `words`. */
export function validateScanWords(words: Int32Array, scan: number, keyLength: number): number {
  if (words[scan + SCAN.partition]! < 0) return REJECTION.scanShape;
  if (words[scan + SCAN.recordsMax]! < 1) return REJECTION.scanShape;
  if (words[scan + SCAN.bytesMax]! < 1) return REJECTION.scanShape;
  const hasPosition = words[scan + SCAN.hasPosition]!;
  if (hasPosition === 1) return keyLength > 0 ? REJECTION.none : REJECTION.scanPosition;
  if (hasPosition !== 0 || keyLength !== 0) return REJECTION.scanPosition;
  const token = words[scan + SCAN.tokenHigh]! | words[scan + SCAN.tokenLow]!;
  return token === 0 ? REJECTION.none : REJECTION.scanPosition;
}
