/**
 * Responses, checked in place by whoever asked: the client, or a coordinator that proxied.
 *
 * data plane: a number per frame, no object per operation.
 *
 * Invariants:
 *   VA1 every response of an accepted frame lies inside it, and so do its context, siblings and records
 *   VA2 an error carries no body but its explanation
 */
import type { Limits } from '@clockwise/kernel/limits';
import {
  ENTRY_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  VALUE_CODEC,
  paddedWords,
} from '@clockwise/record/layout';
import { paddingIsZero, validateContext } from '@clockwise/record/validate';
import type { RecordLimits } from '@clockwise/record/validate';
import { STATUS_NOT_FOUND, STATUS_OK, isStatusCode } from './errors.ts';
import {
  DURABILITY,
  EXPLANATION,
  EXPLANATION_HEADER_WORDS,
  FRAME,
  FRAME_HEADER_WORDS,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  TAG,
} from './frame.ts';
import { REJECTION } from './rejections.ts';
import { validateOperationExtent, validateTaggedHeader } from './validate-frame.ts';
import { validateRecords } from './validate-replica.ts';

const RESPONSE_FLAGS_ALL =
  RESPONSE_FLAG.sloppy |
  RESPONSE_FLAG.complete |
  RESPONSE_FLAG.more |
  RESPONSE_FLAG.explained |
  RESPONSE_FLAG.duplicate;

/** A whole frame of RESPONSE operations. Returns a REJECTION. */
export function validateResponseFrame(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
  records: RecordLimits,
): number {
  const rejection = validateTaggedHeader(words, offset, wordCount, TAG.response, limits);
  if (rejection !== REJECTION.none) return rejection;
  const end = offset + wordCount;
  const operationCount = words[offset + FRAME.operationCount]!;
  let operation = offset + FRAME_HEADER_WORDS;
  for (let index = 0; index < operationCount; index += 1) {
    if (operation === end) return REJECTION.operationsMissing;
    const refused = validateResponse(words, operation, end, records);
    if (refused !== REJECTION.none) return refused;
    operation += words[operation + RESPONSE.wordCount]!;
  }
  return operation === end ? REJECTION.none : REJECTION.wordsLeftOver;
}

function validateResponse(
  words: Int32Array,
  operation: number,
  frameEnd: number,
  records: RecordLimits,
): number {
  const extent = validateOperationExtent(words, operation, frameEnd, RESPONSE_HEADER_WORDS);
  if (extent !== REJECTION.none) return extent;
  const statusWord = words[operation + RESPONSE.status]!;
  const status = statusWord & 0xffff;
  const opcode = statusWord >>> 24;
  if (!isStatusCode(status)) return REJECTION.statusUnknown;
  if (((statusWord >>> 16) & 0xff & ~RESPONSE_FLAGS_ALL) !== 0) {
    return REJECTION.flagsUnknown;
  }
  if (opcode < REQUEST_OPCODE.get || opcode > REQUEST_OPCODE.scan) return REJECTION.opcodeUnknown;
  const answered = words[operation + RESPONSE.answered]!;
  if (((answered >>> 16) & 0xff) > DURABILITY.none) return REJECTION.durabilityUnknown;
  if (answered >>> 24 !== 0) return REJECTION.reservedNotZero;
  if (words[operation + RESPONSE.retryAfterMs]! < 0) return REJECTION.remainingMs;
  const flags = (statusWord >>> 16) & 0xff;
  return validateBody(words, operation, status, opcode, flags, records);
}

function validateBody(
  words: Int32Array,
  operation: number,
  status: number,
  opcode: number,
  flags: number,
  records: RecordLimits,
): number {
  const counts = words[operation + RESPONSE.counts]!;
  const body = operation + RESPONSE_HEADER_WORDS;
  const end = operation + words[operation + RESPONSE.wordCount]!;
  const isExplained = (flags & RESPONSE_FLAG.explained) !== 0;
  if (status !== STATUS_OK && status !== STATUS_NOT_FOUND) {
    if (counts !== 0) return REJECTION.countsUnexpected;
    return validateBodyEnd(words, body, end, isExplained);
  }
  const entryCount = counts & 0xffff;
  const itemCount = counts >>> 16;
  if (opcode === REQUEST_OPCODE.scan) {
    if (entryCount !== 0) return REJECTION.countsUnexpected;
    if (isExplained) return REJECTION.flagsUnexpected;
    return validateRecords(words, body, end, itemCount, records);
  }
  if (opcode !== REQUEST_OPCODE.get && itemCount !== 0) return REJECTION.countsUnexpected;
  const siblings = body + entryCount * ENTRY_WORDS;
  if (siblings > end) return REJECTION.operationWordCountMismatch;
  if (validateContext(words, body, entryCount) !== 0) return REJECTION.contextInvalid;
  return validateSiblings(words, siblings, end, itemCount, isExplained);
}

/** The body ends at `offset`, but for the explanation that its flag announces. */
function validateBodyEnd(
  words: Int32Array,
  offset: number,
  end: number,
  isExplained: boolean,
): number {
  if (!isExplained) return offset === end ? REJECTION.none : REJECTION.operationWordCountMismatch;
  if (end - offset < EXPLANATION_HEADER_WORDS) return REJECTION.explanationShape;
  const byteCount = words[offset + EXPLANATION.byteCount]!;
  if (words[offset + EXPLANATION.reserved] !== 0) return REJECTION.reservedNotZero;
  if (byteCount < 0 || byteCount > (end - offset) * 4) return REJECTION.explanationShape;
  const text = offset + EXPLANATION_HEADER_WORDS;
  if (text + paddedWords(byteCount) !== end) return REJECTION.explanationShape;
  return paddingIsZero(words, text, byteCount) ? REJECTION.none : REJECTION.paddingNotZero;
}

function validateSiblings(
  words: Int32Array,
  offset: number,
  end: number,
  siblingCount: number,
  isExplained: boolean,
): number {
  let sibling = offset;
  for (let index = 0; index < siblingCount; index += 1) {
    if (end - sibling < SIBLING_HEADER_WORDS) return REJECTION.operationWordCountMismatch;
    const flagsAndCodec = words[sibling + SIBLING.flagsAndCodec]!;
    const valueBytes = words[sibling + SIBLING.valueBytes]!;
    if ((flagsAndCodec & 0xff & ~SIBLING_FLAG.tombstone) !== 0) {
      return REJECTION.siblingFlagsUnknown;
    }
    if (flagsAndCodec >>> 8 > VALUE_CODEC.structured) return REJECTION.codecUnknown;
    if (valueBytes < 0 || valueBytes > (end - sibling) * 4) return REJECTION.valueLength;
    const next = sibling + SIBLING_HEADER_WORDS + paddedWords(valueBytes);
    if (next > end) return REJECTION.valueLength;
    if (!paddingIsZero(words, sibling + SIBLING_HEADER_WORDS, valueBytes)) {
      return REJECTION.paddingNotZero;
    }
    sibling = next;
  }
  return validateBodyEnd(words, sibling, end, isExplained);
}
