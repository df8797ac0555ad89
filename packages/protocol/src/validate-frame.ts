/**
 * What all frames have in common, checked at the gateway before anything in them is believed. The
 * operations are checked by validate-request, validate-replica and validate-response.
 *
 * data plane: a number per frame, no object per operation.
 *
 * Invariants:
 *   VF1 a frame that passes lies wholly inside the words that arrived
 *   VF2 nothing is allocated, and no word is read outside what arrived
 *   VF3 every rejection has a name
 */
import type { Limits } from '@clockwise/kernel/limits';
import { FRAME, FRAME_HEADER_WORDS, OPERATION, PRIORITY, PROTOCOL_VERSION, TAG } from './frame.ts';
import { REJECTION } from './rejections.ts';

/** The least words of an operation of any kind. */
const OPERATION_WORDS_MIN = 4;

/**
 * The header of a frame of which `wordCount` words arrived. Returns a REJECTION. A control frame
 * may carry any protocol version: the handshake inside says which ones its sender speaks.
 */
export function validateFrameHeader(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
): number {
  if (offset < 0 || wordCount < FRAME_HEADER_WORDS + OPERATION_WORDS_MIN) {
    return REJECTION.frameTooShort;
  }
  if (offset + wordCount > words.length) return REJECTION.frameTooShort;
  if (wordCount * 4 > limits.frameBytesMax) return REJECTION.frameTooLong;
  if ((wordCount & 1) !== 0) return REJECTION.frameWordCountOdd;
  if (words[offset + FRAME.wordCount] !== wordCount) return REJECTION.frameWordCountMismatch;
  const word = words[offset + FRAME.tag]!;
  const tag = word & 0xff;
  if (tag < TAG.request || tag > TAG.control) return REJECTION.frameTagUnknown;
  if (((word >>> 8) & 0xff) !== PROTOCOL_VERSION && tag !== TAG.control) {
    return REJECTION.frameVersionUnknown;
  }
  if (((word >>> 16) & 0xff) > PRIORITY.background) return REJECTION.framePriorityUnknown;
  if (word >>> 24 !== 0) return REJECTION.frameFlagsUnknown;
  const operationCount = words[offset + FRAME.operationCount]!;
  const operationCountMax = tag === TAG.control ? 1 : limits.frameOperationsMax;
  if (operationCount < 1 || operationCount > operationCountMax) {
    return REJECTION.frameOperationCount;
  }
  const remainingMs = words[offset + FRAME.remainingMs]!;
  if (remainingMs < 0 || remainingMs > limits.requestTimeoutMsMax) {
    return REJECTION.frameRemainingMs;
  }
  return words[offset + FRAME.due] === 0 ? REJECTION.none : REJECTION.frameReservedNotZero;
}

export function frameTag(words: Int32Array, offset: number): number {
  return words[offset + FRAME.tag]! & 0xff;
}

export function framePriority(words: Int32Array, offset: number): number {
  return (words[offset + FRAME.tag]! >>> 16) & 0xff;
}

/** The header, and that the frame is of the tag that its caller is about to walk. */
export function validateTaggedHeader(
  words: Int32Array,
  offset: number,
  wordCount: number,
  tag: number,
  limits: Limits,
): number {
  const rejection = validateFrameHeader(words, offset, wordCount, limits);
  if (rejection !== REJECTION.none) return rejection;
  return frameTag(words, offset) === tag ? REJECTION.none : REJECTION.frameTagUnexpected;
}

/** One operation's own word count against what its frame has left and its header needs. */
export function validateOperationExtent(
  words: Int32Array,
  operation: number,
  end: number,
  headerWords: number,
): number {
  if (end - operation < headerWords) return REJECTION.operationTooShort;
  const wordCount = words[operation + OPERATION.wordCount]!;
  if (wordCount < headerWords) return REJECTION.operationTooShort;
  if (wordCount > end - operation) return REJECTION.operationTooLong;
  return (wordCount & 1) === 0 ? REJECTION.none : REJECTION.operationWordCountOdd;
}
