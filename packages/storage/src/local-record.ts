/**
 * The records of an embedded store: one sibling, no context, no recents, written in place.
 *
 * data plane
 *
 * Invariants:
 *   LRC1 a record has one encoding: padding and spare bits are zero, whatever lies behind a key
 */
import { copyWords } from '@clockwise/record/copy';
import {
  HEADER,
  HEADER_WORDS,
  KIND,
  kindWord,
  paddedWords,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';

/** What a record is made of besides key and value; one object, reused from record to record. */
export interface LocalRecordFields {
  bucketId: number;
  tokenHigh: number;
  tokenLow: number;
  isTombstone: boolean;
  /** The incarnation of its dot; the counter is the sequence. */
  incarnationLow: number;
  incarnationHigh: number;
  sequence: number;
  /** 0: never. */
  expirySeconds: number;
  /** Milliseconds since 1970. */
  writtenAtMs: number;
}

export function localRecordWords(keyBytes: number, valueBytes: number): number {
  return HEADER_WORDS + paddedWords(keyBytes) + SIBLING_HEADER_WORDS + paddedWords(valueBytes);
}

/** REQUIRES: `words` has localRecordWords from `at` on; the key's bytes stand at word `keyAt` of `key`. */
export function writeLocalRecord(
  words: Int32Array,
  at: number,
  key: Int32Array,
  keyAt: number,
  keyBytes: number,
  valueBytes: number,
  fields: LocalRecordFields,
): void {
  const keyWords = paddedWords(keyBytes);
  const sibling = at + HEADER_WORDS + keyWords;
  const valueWords = paddedWords(valueBytes);
  words[at + HEADER.wordCount] = HEADER_WORDS + keyWords + SIBLING_HEADER_WORDS + valueWords;
  words[at + HEADER.kind] = kindWord(fields.isTombstone, 0);
  words[at + HEADER.bucketId] = fields.bucketId;
  words[at + HEADER.tokenHigh] = fields.tokenHigh;
  words[at + HEADER.tokenLow] = fields.tokenLow;
  words[at + HEADER.keyAndContext] = keyBytes;
  words[at + HEADER.siblingsAndRecents] = 1;
  words[at + HEADER.reserved] = 0;
  writeKey(words, at + HEADER_WORDS, key, keyAt, keyBytes, keyWords);
  words[sibling + SIBLING.flagsAndCodec] = fields.isTombstone ? SIBLING_FLAG.tombstone : 0;
  words[sibling + SIBLING.valueBytes] = valueBytes;
  words[sibling + SIBLING.incarnationLow] = fields.incarnationLow;
  words[sibling + SIBLING.incarnationHigh] = fields.incarnationHigh;
  words[sibling + SIBLING.counterLow] = fields.sequence | 0;
  words[sibling + SIBLING.counterHigh] = Math.floor(fields.sequence / 0x1_0000_0000);
  words[sibling + SIBLING.sessionLow] = 0;
  words[sibling + SIBLING.sessionHigh] = 0;
  words[sibling + SIBLING.sequence] = 0;
  words[sibling + SIBLING.expirySeconds] = fields.expirySeconds | 0;
  // Hybrid time: milliseconds << 16, in two words.
  words[sibling + SIBLING.hybridLow] = (fields.writtenAtMs % 0x1_0000) << 16;
  words[sibling + SIBLING.hybridHigh] = Math.floor(fields.writtenAtMs / 0x1_0000) | 0;
  if (valueWords > 0) {
    words[sibling + SIBLING_HEADER_WORDS + valueWords - 2] = 0;
    words[sibling + SIBLING_HEADER_WORDS + valueWords - 1] = 0;
  }
}

function writeKey(
  words: Int32Array,
  at: number,
  key: Int32Array,
  keyAt: number,
  keyBytes: number,
  keyWords: number,
): void {
  const wholeWords = keyBytes >>> 2;
  copyWords(key, keyAt, words, at, wholeWords);
  const tailBytes = keyBytes & 3;
  let written = wholeWords;
  if (tailBytes !== 0) {
    words[at + written] = key[keyAt + written]! & ((1 << (tailBytes << 3)) - 1);
    written += 1;
  }
  if (written < keyWords) words[at + written] = 0;
}

/** The word at which the one sibling of a record stands. */
export function localSibling(words: Int32Array, record: number): number {
  return record + HEADER_WORDS + paddedWords(words[record + HEADER.keyAndContext]! & 0xffff);
}

/** Whether there is a value for a reader at this time: neither deleted nor expired. */
export function isLive(words: Int32Array, record: number, nowSeconds: number): boolean {
  if ((words[record + HEADER.kind]! & 0xff) !== KIND.full) return false;
  const expiry = words[localSibling(words, record) + SIBLING.expirySeconds]! >>> 0;
  return expiry === 0 || expiry > nowSeconds;
}
