/**
 * Hidden records: what a node keeps for others in the same store as its own objects, in buckets that
 * no ring can name. A hint is a whole object that its node holds as a stand-in; a mark says of a key,
 * a dirty range of a partition, that others may lack what this node holds. Header word 7 names the
 * positions of the replica list to which a hidden record is owed.
 *
 * data plane
 *
 *     hint         the object's record, under a hidden bucket and key
 *     mark, dirty  header | key | one recent: sequence is the note's number, seconds its time, rest zero
 *     settled      header | key: nothing is owed any more; word 7 is zero
 *     hidden key   bucket id (4 bytes, little-endian) | key
 *
 * Invariants:
 *   HD1 hidden and visible form are inverse to one another, word for word
 *   HD2 hidden keys of two keys, or of two buckets, never meet
 *   HD3 the join of owed words is commutative, associative and idempotent
 *
 * Boundary: hidden form never leaves its node; gateways refuse it (protocol, VP3). The numbers are on
 * disks: append-only.
 */
import { copyWords } from './copy.ts';
import { leafHash } from './leaf-hash.ts';
import {
  HEADER,
  HEADER_WORDS,
  keyBytes,
  keyOffset,
  paddedWords,
  RECENT,
  recentsOffset,
  recordWordCount,
  siblingCount,
} from './layout.ts';

/** Bucket ids from here up are hidden: no ring holds them, no gateway lets them in. */
export const HIDDEN_BUCKET_MIN = 0x4000_0000;
export const HIDDEN_BUCKET = { hint: 0x4000_0001, mark: 0x4000_0002, dirty: 0x4000_0003 } as const;

/** What a hidden key has more than the key in it. */
export const HIDDEN_KEY_BYTES = 4;

/**
 * The owed word: bits of positions in the replica list | low half of the ring's epoch << 16, in which
 * the positions count.
 */
export const OWED = { positionMask: 0xffff, epochShift: 16 } as const;

export function isHiddenBucket(bucketId: number): boolean {
  return bucketId >>> 0 >= HIDDEN_BUCKET_MIN;
}

export function isHidden(words: Int32Array, record: number): boolean {
  return isHiddenBucket(words[record + HEADER.bucketId]!);
}

export function owedOf(words: Int32Array, record: number): number {
  return words[record + HEADER.reserved]!;
}

/** Hidden, and no position is owed it. */
export function isSettled(words: Int32Array, record: number): boolean {
  return isHidden(words, record) && (owedOf(words, record) & OWED.positionMask) === 0;
}

/**
 * [HD3] Of one epoch: the positions of both. Positions of two epochs cannot be added: of those only
 * the younger epoch is known, and all its positions are owed. A word without positions adds nothing.
 */
export function joinOwed(left: number, right: number): number {
  const epochLeft = left >>> OWED.epochShift;
  const epochRight = right >>> OWED.epochShift;
  if (epochLeft === epochRight) return left | right;
  const younger = epochLeft > epochRight ? left : right;
  const isOneEmpty = (left & OWED.positionMask) === 0 || (right & OWED.positionMask) === 0;
  if (!isOneEmpty) return younger | OWED.positionMask;
  const full = (left & OWED.positionMask) === 0 ? right : left;
  return (full & OWED.positionMask) === 0 ? younger : full;
}

/** Words of the hidden form of a visible record. */
export function hiddenWordCount(words: Int32Array, record: number): number {
  const keyByteCount = keyBytes(words, record);
  return (
    recordWordCount(words, record) -
    paddedWords(keyByteCount) +
    paddedWords(keyByteCount + HIDDEN_KEY_BYTES)
  );
}

/** A visible record as a hint. Returns its words. REQUIRES: the output does not overlap the record. */
export function writeHidden(
  words: Int32Array,
  record: number,
  owed: number,
  out: Int32Array,
  at: number,
): number {
  const wordCount = hiddenWordCount(words, record);
  const bucketId = words[record + HEADER.bucketId]!;
  const key = keyOffset(record);
  const keyByteCount = keyBytes(words, record);
  copyWords(words, record, out, at, HEADER_WORDS);
  const hiddenBytes = writeHiddenKey(bucketId, words, key, keyByteCount, out, at + HEADER_WORDS);
  out[at + HEADER.wordCount] = wordCount;
  out[at + HEADER.bucketId] = HIDDEN_BUCKET.hint;
  out[at + HEADER.keyAndContext] = words[record + HEADER.keyAndContext]! + HIDDEN_KEY_BYTES;
  out[at + HEADER.reserved] = owed;
  const body = key + paddedWords(keyByteCount);
  const bodyOut = at + HEADER_WORDS + paddedWords(hiddenBytes);
  copyWords(words, body, out, bodyOut, record + recordWordCount(words, record) - body);
  return wordCount;
}

/** The hidden key of a key in a bucket, padded. Returns its bytes. */
export function writeHiddenKey(
  bucketId: number,
  words: Int32Array,
  key: number,
  keyByteCount: number,
  out: Int32Array,
  at: number,
): number {
  const hiddenBytes = keyByteCount + HIDDEN_KEY_BYTES;
  const end = at + paddedWords(hiddenBytes);
  const contentWords = (keyByteCount + 3) >>> 2;
  out[at] = bucketId;
  copyWords(words, key, out, at + 1, contentWords);
  for (let word = at + 1 + contentWords; word < end; word += 1) out[word] = 0;
  return hiddenBytes;
}

/** The bucket of the user in which the object of a hidden record is. */
export function visibleBucketId(words: Int32Array, record: number): number {
  return words[keyOffset(record)]!;
}

/** Words of the visible form of a hidden record. */
export function visibleWordCount(words: Int32Array, record: number): number {
  const hiddenBytes = keyBytes(words, record);
  return (
    recordWordCount(words, record) -
    paddedWords(hiddenBytes) +
    paddedWords(hiddenBytes - HIDDEN_KEY_BYTES)
  );
}

/**
 * A hidden record with its own bucket and key again, and word 7 zero. Returns its words.
 * REQUIRES: the output does not overlap the record.
 */
export function writeVisible(
  words: Int32Array,
  record: number,
  out: Int32Array,
  at: number,
): number {
  const wordCount = visibleWordCount(words, record);
  const hiddenBytes = keyBytes(words, record);
  const keyByteCount = hiddenBytes - HIDDEN_KEY_BYTES;
  copyWords(words, record, out, at, HEADER_WORDS);
  out[at + HEADER.wordCount] = wordCount;
  out[at + HEADER.bucketId] = visibleBucketId(words, record);
  out[at + HEADER.keyAndContext] = words[record + HEADER.keyAndContext]! - HIDDEN_KEY_BYTES;
  out[at + HEADER.reserved] = 0;
  const keyOut = at + HEADER_WORDS;
  const contentWords = (keyByteCount + 3) >>> 2;
  const bodyOut = keyOut + paddedWords(keyByteCount);
  copyWords(words, keyOffset(record) + 1, out, keyOut, contentWords);
  for (let word = keyOut + contentWords; word < bodyOut; word += 1) out[word] = 0;
  const body = keyOffset(record) + paddedWords(hiddenBytes);
  copyWords(words, body, out, bodyOut, record + recordWordCount(words, record) - body);
  return wordCount;
}

/**
 * What tells one version of a hidden record from a later one, into `out[0]` and `out[1]`: of a hint
 * the leaf hash of its token and context, of a mark or dirty range its note number, of a settled
 * record zero.
 */
export function hiddenVersion(words: Int32Array, record: number, out: Int32Array): void {
  if (siblingCount(words, record) > 0) {
    leafHash(words, record, out);
    return;
  }
  const recents = recentsOffset(words, record);
  const isNoted = recents < record + recordWordCount(words, record);
  out[0] = isNoted ? words[recents + RECENT.sequence]! : 0;
  out[1] = 0;
}
