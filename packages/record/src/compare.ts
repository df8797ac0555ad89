/**
 * Orders and equalities over words: 64-bit numbers in two words, keys as unsigned bytes, and the one
 * order of everything stored: (bucket, token, key).
 *
 * data plane
 *
 * Invariants:
 *   RC1 the order of keys is the order of their bytes, unsigned, a prefix before what it begins
 *   RC2 the order of records is total over (bucket, token, key)
 *
 * Boundary: keys lie in whole words, little-endian, their padding zero (validate.ts).
 */
import { HEADER, keyBytes, keyOffset, paddedWords, RECENT, SIBLING } from './layout.ts';

/** Negative, zero or positive, as two unsigned 64-bit numbers compare. */
export function compareUnsigned64(
  highLeft: number,
  lowLeft: number,
  highRight: number,
  lowRight: number,
): number {
  if (highLeft !== highRight) return highLeft >>> 0 < highRight >>> 0 ? -1 : 1;
  if (lowLeft !== lowRight) return lowLeft >>> 0 < lowRight >>> 0 ? -1 : 1;
  return 0;
}

/** Whether two keys of one length are equal; whoever calls has compared the lengths. */
export function keysEqual(
  wordsLeft: Int32Array,
  keyOffsetLeft: number,
  wordsRight: Int32Array,
  keyOffsetRight: number,
  keyByteCount: number,
): boolean {
  const wordCount = paddedWords(keyByteCount);
  for (let index = 0; index < wordCount; index += 1) {
    if (wordsLeft[keyOffsetLeft + index] !== wordsRight[keyOffsetRight + index]!) return false;
  }
  return true;
}

/** The four bytes of a little-endian word as a number that compares as the bytes do. */
function bytesInOrder(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

export function compareKeys(
  wordsLeft: Int32Array,
  keyOffsetLeft: number,
  keyByteCountLeft: number,
  wordsRight: Int32Array,
  keyOffsetRight: number,
  keyByteCountRight: number,
): number {
  const shorter = keyByteCountLeft < keyByteCountRight ? keyByteCountLeft : keyByteCountRight;
  const wordCount = paddedWords(shorter);
  for (let index = 0; index < wordCount; index += 1) {
    const left = wordsLeft[keyOffsetLeft + index]!;
    const right = wordsRight[keyOffsetRight + index]!;
    if (left !== right) return bytesInOrder(left) < bytesInOrder(right) ? -1 : 1;
  }
  return keyByteCountLeft - keyByteCountRight;
}

/** The order of memtable scans, SSTables and merges. */
export function compareRecordPositions(
  wordsLeft: Int32Array,
  recordLeft: number,
  wordsRight: Int32Array,
  recordRight: number,
): number {
  const bucketLeft = wordsLeft[recordLeft + HEADER.bucketId]!;
  const bucketRight = wordsRight[recordRight + HEADER.bucketId]!;
  if (bucketLeft !== bucketRight) return bucketLeft >>> 0 < bucketRight >>> 0 ? -1 : 1;
  const byToken = compareUnsigned64(
    wordsLeft[recordLeft + HEADER.tokenHigh]!,
    wordsLeft[recordLeft + HEADER.tokenLow]!,
    wordsRight[recordRight + HEADER.tokenHigh]!,
    wordsRight[recordRight + HEADER.tokenLow]!,
  );
  if (byToken !== 0) return byToken;
  return compareKeys(
    wordsLeft,
    keyOffset(recordLeft),
    keyBytes(wordsLeft, recordLeft),
    wordsRight,
    keyOffset(recordRight),
    keyBytes(wordsRight, recordRight),
  );
}

/** The order of siblings: incarnation, then counter, both unsigned. */
export function compareDots(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const byIncarnation = compareUnsigned64(
    wordsLeft[left + SIBLING.incarnationHigh]!,
    wordsLeft[left + SIBLING.incarnationLow]!,
    wordsRight[right + SIBLING.incarnationHigh]!,
    wordsRight[right + SIBLING.incarnationLow]!,
  );
  if (byIncarnation !== 0) return byIncarnation;
  return compareUnsigned64(
    wordsLeft[left + SIBLING.counterHigh]!,
    wordsLeft[left + SIBLING.counterLow]!,
    wordsRight[right + SIBLING.counterHigh]!,
    wordsRight[right + SIBLING.counterLow]!,
  );
}

/**
 * The order of recents: seconds, counter, incarnation, session, sequence, all unsigned. Counters come
 * right after the seconds because the latest are kept: within a second the counters of one incarnation
 * tell the later, and sessions tell nothing.
 */
export function compareRecents(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const bySeconds = compareUnsigned64(
    wordsLeft[left + RECENT.seconds]!,
    wordsLeft[left + RECENT.counterHigh]!,
    wordsRight[right + RECENT.seconds]!,
    wordsRight[right + RECENT.counterHigh]!,
  );
  if (bySeconds !== 0) return bySeconds;
  const byCounter = compareUnsigned64(
    wordsLeft[left + RECENT.counterLow]!,
    wordsLeft[left + RECENT.incarnationHigh]!,
    wordsRight[right + RECENT.counterLow]!,
    wordsRight[right + RECENT.incarnationHigh]!,
  );
  if (byCounter !== 0) return byCounter;
  const byIncarnation = compareUnsigned64(
    wordsLeft[left + RECENT.incarnationLow]!,
    wordsLeft[left + RECENT.sessionHigh]!,
    wordsRight[right + RECENT.incarnationLow]!,
    wordsRight[right + RECENT.sessionHigh]!,
  );
  if (byIncarnation !== 0) return byIncarnation;
  return compareUnsigned64(
    wordsLeft[left + RECENT.sessionLow]!,
    wordsLeft[left + RECENT.sequence]!,
    wordsRight[right + RECENT.sessionLow]!,
    wordsRight[right + RECENT.sequence]!,
  );
}
