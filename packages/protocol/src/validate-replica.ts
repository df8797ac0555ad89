/**
 * What peers send on behalf of their coordinators and replicas, checked in place at the gateway.
 * The configured limits of keys and values bind clients, not peers: a node whose operator lowered
 * them must still take repairs of what is stored elsewhere. Widths, the frame's size and the ceilings
 * of form (`recordLimits`, made once from the limits) bind everyone. Embedded records are judged by
 * record/validate.
 *
 * data plane: a number per frame, no object per operation.
 *
 * Invariants:
 *   VP1 every operation of an accepted frame lies inside it, and so do its key, context, value and records
 *   VP3 hidden form (record/hidden.ts), and what only a node says to itself, crosses no link
 *   VP2 on a link a record follows its reply's header: no reply names memory of another process
 */
import type { Limits } from '@clockwise/kernel/limits';
import { HIDDEN_BUCKET_MIN } from '@clockwise/record/hidden';
import {
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  VALUE_CODEC,
  paddedWords,
} from '@clockwise/record/layout';
import { paddingIsZero, validateContext, validateRecord } from '@clockwise/record/validate';
import type { RecordLimits } from '@clockwise/record/validate';
import { isStatusCode } from './errors.ts';
import {
  DURABILITY,
  FRAME,
  FRAME_HEADER_WORDS,
  LIST_POSITIONS_MAX,
  PASSED_ON,
  POLICY,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  SCAN_WORDS,
  TAG,
} from './frame.ts';
import { REJECTION } from './rejections.ts';
import { validateOperationExtent, validateTaggedHeader } from './validate-frame.ts';
import { validateScanWords } from './validate-request.ts';

const REQUEST_FLAGS_ALL =
  REPLICA_REQUEST_FLAG.contextGiven |
  REPLICA_REQUEST_FLAG.tombstone |
  REPLICA_REQUEST_FLAG.forward |
  REPLICA_REQUEST_FLAG.hint |
  REPLICA_REQUEST_FLAG.retry;
const REPLY_FLAGS_ALL = REPLY_FLAG.inline | REPLY_FLAG.more | REPLY_FLAG.duplicate;
const POLICY_ALL = POLICY.lww | POLICY.durabilityMask;
const { hint, retry } = REPLICA_REQUEST_FLAG;

/** By opcode, where it is known: the newer flags that have no meaning with it. */
const FLAGS_UNEXPECTED: Int32Array = new Int32Array(0x100);
FLAGS_UNEXPECTED[REPLICA_OPCODE.read] = retry;
FLAGS_UNEXPECTED[REPLICA_OPCODE.store] = retry;
FLAGS_UNEXPECTED[REPLICA_OPCODE.scan] = hint | retry;
FLAGS_UNEXPECTED[REPLICA_OPCODE.probe] = hint | retry;

/** A whole frame of REPLICA_REQUEST operations. Returns a REJECTION. */
export function validateReplicaRequestFrame(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
  records: RecordLimits,
): number {
  const rejection = validateTaggedHeader(words, offset, wordCount, TAG.replicaRequest, limits);
  if (rejection !== REJECTION.none) return rejection;
  const end = offset + wordCount;
  const operationCount = words[offset + FRAME.operationCount]!;
  let operation = offset + FRAME_HEADER_WORDS;
  for (let index = 0; index < operationCount; index += 1) {
    if (operation === end) return REJECTION.operationsMissing;
    const refused = validateReplicaRequest(words, operation, end, records);
    if (refused !== REJECTION.none) return refused;
    operation += words[operation + REPLICA_REQUEST.wordCount]!;
  }
  return operation === end ? REJECTION.none : REJECTION.wordsLeftOver;
}

/** A whole frame of REPLICA_REPLY operations, as it comes over a link. Returns a REJECTION. */
export function validateReplicaReplyFrame(
  words: Int32Array,
  offset: number,
  wordCount: number,
  limits: Limits,
  records: RecordLimits,
): number {
  const rejection = validateTaggedHeader(words, offset, wordCount, TAG.replicaReply, limits);
  if (rejection !== REJECTION.none) return rejection;
  const end = offset + wordCount;
  const operationCount = words[offset + FRAME.operationCount]!;
  let operation = offset + FRAME_HEADER_WORDS;
  for (let index = 0; index < operationCount; index += 1) {
    if (operation === end) return REJECTION.operationsMissing;
    const refused = validateReplicaReply(words, operation, end, limits, records);
    if (refused !== REJECTION.none) return refused;
    operation += words[operation + REPLICA_REPLY.wordCount]!;
  }
  return operation === end ? REJECTION.none : REJECTION.wordsLeftOver;
}

/** `recordCount` whole records that fill the words from `offset` to `end` exactly. */
export function validateRecords(
  words: Int32Array,
  offset: number,
  end: number,
  recordCount: number,
  limits: RecordLimits,
): number {
  let record = offset;
  for (let index = 0; index < recordCount; index += 1) {
    if (end - record < HEADER_WORDS) return REJECTION.recordCountMismatch;
    if (validateRecord(words, record, end - record, limits) !== 0) return REJECTION.recordInvalid;
    record += words[record + HEADER.wordCount]!;
  }
  return record === end ? REJECTION.none : REJECTION.recordWordCountMismatch;
}

function validateReplicaRequest(
  words: Int32Array,
  operation: number,
  end: number,
  records: RecordLimits,
): number {
  const extent = validateOperationExtent(words, operation, end, REPLICA_STORE_HEADER_WORDS);
  if (extent !== REJECTION.none) return extent;
  const opcodeWord = words[operation + REPLICA_REQUEST.opcode]!;
  if (((opcodeWord >>> 8) & 0xff & ~REQUEST_FLAGS_ALL) !== 0) {
    return REJECTION.flagsUnknown;
  }
  if (((opcodeWord >>> 8) & FLAGS_UNEXPECTED[opcodeWord & 0xff]!) !== 0) {
    return REJECTION.flagsUnexpected;
  }
  const policy = opcodeWord >>> 24;
  if ((policy & ~POLICY_ALL) !== 0) return REJECTION.policyUnknown;
  if (policy >>> POLICY.durabilityShift > DURABILITY.none) return REJECTION.policyUnknown;
  switch (opcodeWord & 0xff) {
    case REPLICA_OPCODE.read:
      return validateRead(words, operation);
    case REPLICA_OPCODE.write:
      return validateWrite(words, operation, records);
    case REPLICA_OPCODE.store:
      return validateStore(words, operation, records);
    case REPLICA_OPCODE.scan:
      return validateReplicaScan(words, operation);
    case REPLICA_OPCODE.probe:
      return validateProbe(words, operation);
    default:
      return REJECTION.opcodeUnknown;
  }
}

function isHiddenBucket(words: Int32Array, operation: number): boolean {
  return words[operation + REPLICA_REQUEST.bucketId]! >>> 0 >= HIDDEN_BUCKET_MIN;
}

function validateRead(words: Int32Array, operation: number): number {
  const wordCount = words[operation + REPLICA_REQUEST.wordCount]!;
  if (wordCount < REPLICA_READ_HEADER_WORDS) return REJECTION.operationTooShort;
  const keyAndContext = words[operation + REPLICA_REQUEST.keyAndContext]!;
  const keyLength = keyAndContext & 0xffff;
  if (isHiddenBucket(words, operation)) return REJECTION.bucketHidden;
  if (keyLength === 0) return REJECTION.keyMissing;
  if (keyAndContext >>> 16 !== 0) return REJECTION.contextUnexpected;
  if (words[operation + REPLICA_REQUEST.valueBytes] !== 0) return REJECTION.valueUnexpected;
  if (wordCount !== REPLICA_READ_HEADER_WORDS + paddedWords(keyLength)) {
    return REJECTION.operationWordCountMismatch;
  }
  const padded = paddingIsZero(words, operation + REPLICA_READ_HEADER_WORDS, keyLength);
  return padded ? REJECTION.none : REJECTION.paddingNotZero;
}

function validateWrite(words: Int32Array, operation: number, records: RecordLimits): number {
  const fields = validateWriteFields(words, operation, records);
  if (fields !== REJECTION.none) return fields;
  const keyAndContext = words[operation + REPLICA_REQUEST.keyAndContext]!;
  const valueBytes = words[operation + REPLICA_REQUEST.valueBytes]!;
  const key = operation + REPLICA_WRITE_HEADER_WORDS;
  const context = key + paddedWords(keyAndContext & 0xffff);
  const value = context + (keyAndContext >>> 16) * ENTRY_WORDS;
  const end = operation + words[operation + REPLICA_REQUEST.wordCount]!;
  if (value + paddedWords(valueBytes) !== end) return REJECTION.operationWordCountMismatch;
  if (!paddingIsZero(words, key, keyAndContext & 0xffff)) return REJECTION.paddingNotZero;
  if (!paddingIsZero(words, value, valueBytes)) return REJECTION.paddingNotZero;
  const fault = validateContext(words, context, keyAndContext >>> 16);
  return fault === 0 ? REJECTION.none : REJECTION.contextInvalid;
}

function validateWriteFields(words: Int32Array, operation: number, records: RecordLimits): number {
  const wordCount = words[operation + REPLICA_REQUEST.wordCount]!;
  if (wordCount < REPLICA_WRITE_HEADER_WORDS) return REJECTION.operationTooShort;
  const opcodeWord = words[operation + REPLICA_REQUEST.opcode]!;
  const flags = (opcodeWord >>> 8) & 0xff;
  const codec = (opcodeWord >>> 16) & 0xff;
  const keyAndContext = words[operation + REPLICA_REQUEST.keyAndContext]!;
  const entryCount = keyAndContext >>> 16;
  const valueBytes = words[operation + REPLICA_REQUEST.valueBytes]!;
  if (isHiddenBucket(words, operation)) return REJECTION.bucketHidden;
  if ((keyAndContext & 0xffff) === 0) return REJECTION.keyMissing;
  if (entryCount > records.contextEntriesMax) return REJECTION.contextTooLarge;
  if (entryCount > 0 && (flags & REPLICA_REQUEST_FLAG.contextGiven) === 0) {
    return REJECTION.contextUnexpected;
  }
  if (valueBytes < 0 || valueBytes > records.valueBytesMax) return REJECTION.valueLength;
  if ((flags & REPLICA_REQUEST_FLAG.tombstone) !== 0 && (valueBytes !== 0 || codec !== 0)) {
    return REJECTION.valueUnexpected;
  }
  if (codec > VALUE_CODEC.structured) return REJECTION.codecUnknown;
  if (words[operation + REPLICA_REQUEST.remainingMs]! < 0) return REJECTION.remainingMs;
  if (words[operation + REPLICA_REQUEST.ageMs]! < 0) return REJECTION.requestAge;
  const isHint = (flags & REPLICA_REQUEST_FLAG.hint) !== 0;
  if (!isHint && words[operation + REPLICA_REQUEST.owed] !== 0) return REJECTION.reservedNotZero;
  const replicationClass = words[operation + REPLICA_REQUEST.replicationClass]!;
  return replicationClass >>> 8 === 0 ? REJECTION.none : REJECTION.replicationClass;
}

function validateStore(words: Int32Array, operation: number, records: RecordLimits): number {
  const end = operation + words[operation + REPLICA_REQUEST.wordCount]!;
  const flags = (words[operation + REPLICA_REQUEST.opcode]! >>> 8) & 0xff;
  const isHint = (flags & REPLICA_REQUEST_FLAG.hint) !== 0;
  const owed = words[operation + REPLICA_STORE.owed]!;
  const fanOut = words[operation + REPLICA_STORE.fanOut]!;
  if (words[operation + REPLICA_STORE.reserved] !== 0) return REJECTION.reservedNotZero;
  if (!isHint && owed !== 0) return REJECTION.reservedNotZero;
  if (fanOut >>> LIST_POSITIONS_MAX !== 0 || (isHint && fanOut !== 0)) return REJECTION.fanOut;
  return validateRecords(words, operation + REPLICA_STORE_HEADER_WORDS, end, 1, records);
}

function validateReplicaScan(words: Int32Array, operation: number): number {
  const wordCount = words[operation + REPLICA_REQUEST.wordCount]!;
  if (wordCount < REPLICA_READ_HEADER_WORDS) return REJECTION.operationTooShort;
  const keyAndContext = words[operation + REPLICA_REQUEST.keyAndContext]!;
  const keyLength = keyAndContext & 0xffff;
  if (isHiddenBucket(words, operation)) return REJECTION.bucketHidden;
  if (keyAndContext >>> 16 !== 0) return REJECTION.contextUnexpected;
  if (words[operation + REPLICA_REQUEST.valueBytes] !== SCAN_WORDS * 4) return REJECTION.scanShape;
  const key = operation + REPLICA_READ_HEADER_WORDS;
  const scan = key + paddedWords(keyLength);
  if (scan + SCAN_WORDS !== operation + wordCount) return REJECTION.operationWordCountMismatch;
  if (!paddingIsZero(words, key, keyLength)) return REJECTION.paddingNotZero;
  return validateScanWords(words, scan, keyLength);
}

/** A probe is a bare header, of a store's words or of a read's. */
function validateProbe(words: Int32Array, operation: number): number {
  const wordCount = words[operation + REPLICA_REQUEST.wordCount]!;
  return wordCount <= REPLICA_READ_HEADER_WORDS
    ? REJECTION.none
    : REJECTION.operationWordCountMismatch;
}

function validateReplicaReply(
  words: Int32Array,
  operation: number,
  end: number,
  limits: Limits,
  records: RecordLimits,
): number {
  const extent = validateOperationExtent(words, operation, end, REPLICA_REPLY_HEADER_WORDS);
  if (extent !== REJECTION.none) return extent;
  const kindWord = words[operation + REPLICA_REPLY.kind]!;
  const kind = kindWord & 0xff;
  const flags = kindWord >>> 24;
  if (kind < REPLY_KIND.read || kind > REPLY_KIND.probed) return REJECTION.replyKindUnknown;
  if (!isStatusCode((kindWord >>> 8) & 0xffff)) return REJECTION.statusUnknown;
  if ((flags & ~REPLY_FLAGS_ALL) !== 0) return REJECTION.flagsUnknown;
  if (words[operation + REPLICA_REPLY.durability]! >>> 0 > DURABILITY.none) {
    return REJECTION.durabilityUnknown;
  }
  return validateReplyRecords(words, operation, kind, flags, limits, records);
}

/** [VP2] Records follow the header if and only if the reply says so, and fill its words. */
function validateReplyRecords(
  words: Int32Array,
  operation: number,
  kind: number,
  flags: number,
  limits: Limits,
  records: RecordLimits,
): number {
  const body = operation + REPLICA_REPLY_HEADER_WORDS;
  const end = operation + words[operation + REPLICA_REPLY.wordCount]!;
  const recordWords = words[operation + REPLICA_REPLY.recordWords]!;
  const recordCount = words[operation + REPLICA_REPLY.recordCount]!;
  if (recordWords !== end - body) return REJECTION.recordWordCountMismatch;
  if (kind === REPLY_KIND.scanned) {
    if (recordCount < 0 || recordCount > limits.scanRecordsMax) {
      return REJECTION.recordCountMismatch;
    }
    if (recordWords > 0 && (flags & REPLY_FLAG.inline) === 0) return REJECTION.recordUnexpected;
    return validateRecords(words, body, end, recordCount, records);
  }
  if (kind === REPLY_KIND.stored) {
    if (recordCount !== 0 && !isPassedOn(recordCount)) return REJECTION.passedOn;
  } else if (recordCount < 0 || recordCount > 1) {
    return REJECTION.recordCountMismatch;
  }
  if (recordWords === 0) {
    return (flags & REPLY_FLAG.inline) === 0 ? REJECTION.none : REJECTION.recordWordCountMismatch;
  }
  if ((flags & REPLY_FLAG.inline) === 0) return REJECTION.recordUnexpected;
  if (kind === REPLY_KIND.stored || kind === REPLY_KIND.probed) return REJECTION.recordUnexpected;
  return validateRecords(words, body, end, 1, records);
}

/** Whether a word names a position as PASSED_ON has it. */
function isPassedOn(word: number): boolean {
  const position = (word & PASSED_ON.positionMask) - 1;
  const isWhole = (word & ~(PASSED_ON.positionMask | PASSED_ON.standIn)) === 0;
  return isWhole && position >= 0 && position < LIST_POSITIONS_MAX;
}
