/**
 * What one write brings: made once per core and filled anew for each operation, so that nothing is
 * allocated for it. Keys, contexts and values stay where they came; here is where that is.
 *
 * data plane
 */
import {
  ENTRY_WORDS,
  HEADER_WORDS,
  paddedWords,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';

const NONE: Int32Array = new Int32Array(0);

export class WriteOperands {
  bucketId = 0;
  tokenHigh = 0;
  tokenLow = 0;
  replicationClass = 0;
  /** Padding bytes are zero; the gateway has seen to it. */
  keyWords: Int32Array = NONE;
  keyOffset = 0;
  keyByteCount = 0;
  /** With a context, even an empty one, the write replaces what it covers; without, everything. */
  contextGiven = false;
  /** Entries ascend by incarnation; the gateway has seen to it. */
  contextWords: Int32Array = NONE;
  contextOffset = 0;
  contextCount = 0;
  valueWords: Int32Array = NONE;
  valueOffset = 0;
  valueByteCount = 0;
  codec = 0;
  /** A delete: value, codec and expiry are not looked at. */
  tombstone = false;
  /** Absolute; 0: never. */
  expirySeconds = 0;
  sessionLow = 0;
  sessionHigh = 0;
  sequence = 0;
  /** The new dot in the words of an ENTRY. Its counter is above all that this incarnation gave. */
  readonly dot: Int32Array = new Int32Array(ENTRY_WORDS);
  hybridLow = 0;
  hybridHigh = 0;
  /** Sent before, and perhaps applied elsewhere. */
  retry = false;
  /** What the session had seen when it was first sent: below the time of its first dot. 0: nothing. */
  seenLow = 0;
  seenHigh = 0;
  /** Of a record in a hidden bucket: to whom it is owed (record/hidden). */
  owed = 0;
  /** The bucket's policy. There the context is not looked at: each write is an overwrite. */
  lww = false;
}

/** The most words that `applyWrite` may write. `currentWordCount`: 0 without a current record. */
export function writeWordCountMax(operands: WriteOperands, currentWordCount: number): number {
  return (
    HEADER_WORDS +
    paddedWords(operands.keyByteCount) +
    operands.contextCount * ENTRY_WORDS +
    ENTRY_WORDS +
    SIBLING_HEADER_WORDS +
    paddedWords(operands.valueByteCount) +
    currentWordCount
  );
}
