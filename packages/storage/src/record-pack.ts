/**
 * Records as a group of the log or a block of a table holds them: each word of a record's beginning is
 * told by the record before it where it can be, for headers, dots and clocks repeat or count up from
 * record to record.
 *
 *     a record:  code word | literals of 16 words | code word | literals of 16 words | ... | the rest
 *
 * A code word has two bits for each of 16 words: 0 as in the record before, 1 a literal, 2 one more than
 * in the record before, 3 as the word to its left. Before the first record, and behind the end of the
 * record before, words are 0. From its 25th word on (of a prefix, the 33rd) a record stands as it is. A
 * prefix's `previousInPartition` is of a chunk and says nothing in a log: it is 0.
 *
 * data plane
 *
 * Invariants:
 *   LP1 unpack(pack(records)) are the records, but for `previousInPartition`
 *   LP2 whatever the source says, nothing outside [from, to) is read and nothing behind `outWords` is
 *       written
 */
import { copyWords } from '@clockwise/record/copy';
import { HEADER, HEADER_WORDS, PREFIX } from '@clockwise/record/layout';

/** Words that have codes behind a prefix: header, a key of sixteen bytes and what its sibling says. */
const CODED_WORDS = 24;
const WORDS_PER_CODE = 16;
/** Room for packed records that is kept: that of usual groups. */
const KEPT_WORDS_MAX = 64 * 1024;
/** A code word gives sixteen words at the most. */
export const UNPACKED_FACTOR_MAX: number = WORDS_PER_CODE;

/** Words that `rawWords` words of records take at the most. */
export function packedWordsMax(rawWords: number): number {
  // Each record begins code words of its own, of which each may be for a few words.
  return rawWords + Math.ceil(rawWords / HEADER_WORDS);
}

export class RecordPacker {
  out: Int32Array = new Int32Array(0);
  outWords = 0;
  #before: Int32Array = new Int32Array(0);
  #beforeAt = 0;
  #beforeWords = 0;
  readonly #prefixWords: number;
  readonly #codedWords: number;
  readonly #skippedAt: number;

  /** `prefixWords`: PREFIX_WORDS, or 0 for records without. */
  constructor(prefixWords: number) {
    this.#prefixWords = prefixWords;
    this.#codedWords = prefixWords + CODED_WORDS;
    this.#skippedAt = prefixWords === 0 ? -1 : PREFIX.previousInPartition;
  }

  /** Begins a group of `rawWords` words of records; what a large group needed is given back. */
  begin(rawWords: number): void {
    const wanted = packedWordsMax(rawWords);
    if (this.out.length < wanted || this.out.length > KEPT_WORDS_MAX) {
      this.out = new Int32Array(wanted);
    }
    this.outWords = 0;
    this.#beforeWords = 0;
  }

  /** REQUIRES: words [from, to) are whole [prefix | record] runs, within what `begin` was told. */
  add(words: Int32Array, from: number, to: number): void {
    const prefixWords = this.#prefixWords;
    for (let at = from; at < to;) {
      const wordCount = prefixWords + words[at + prefixWords + HEADER.wordCount]!;
      this.#addRecord(words, at, wordCount);
      this.#before = words;
      this.#beforeAt = at;
      this.#beforeWords = wordCount;
      at += wordCount;
    }
  }

  #addRecord(words: Int32Array, at: number, wordCount: number): void {
    const { out } = this;
    const before = this.#before;
    const beforeAt = this.#beforeAt;
    const beforeWords = this.#beforeWords;
    const skippedAt = this.#skippedAt;
    const coded = wordCount < this.#codedWords ? wordCount : this.#codedWords;
    let put = this.outWords;
    let left = 0;
    for (let block = 0; block < coded; block += WORDS_PER_CODE) {
      const codeAt = put;
      put += 1;
      let codes = 0;
      const end = coded - block < WORDS_PER_CODE ? coded - block : WORDS_PER_CODE;
      for (let index = 0; index < end; index += 1) {
        const place = block + index;
        if (place === skippedAt) {
          left = 0;
          continue;
        }
        const word = words[at + place]!;
        const above = place < beforeWords ? before[beforeAt + place]! : 0;
        if (word === above) {
          left = word;
          continue;
        }
        if (word === ((above + 1) | 0)) codes |= 2 << (index << 1);
        else if (word === left) codes |= 3 << (index << 1);
        else {
          codes |= 1 << (index << 1);
          out[put] = word;
          put += 1;
        }
        left = word;
      }
      out[codeAt] = codes;
    }
    const rest = wordCount - coded;
    if (rest > 0) copyWords(words, at + coded, out, put, rest);
    this.outWords = put + rest;
  }
}

/**
 * Fills out[0, outWords) with the records that stand packed in words [from, to), of which the last may
 * be padding; false: they are not `outWords` words of records. [LP2]
 */
export function unpackRecords(
  words: Int32Array,
  from: number,
  to: number,
  out: Int32Array,
  outWords: number,
  prefixWords: number,
): boolean {
  const lengthAt = prefixWords + HEADER.wordCount;
  let at = from;
  let record = 0;
  let before = 0;
  while (record < outWords) {
    at = unpackRecord(words, at, to, out, record, before, outWords, prefixWords);
    if (at < 0) return false;
    before = record;
    record += prefixWords + out[record + lengthAt]!;
  }
  return to - at < 2;
}

/**
 * One of them, to out[record, outWords): it stands packed at `at`, and the one before it in `out` at
 * `before`, or it is the first, and `before` is `record`. The place behind it, or -1. [LP2]
 */
export function unpackRecord(
  words: Int32Array,
  from: number,
  to: number,
  out: Int32Array,
  record: number,
  before: number,
  outWords: number,
  prefixWords: number,
): number {
  const codedWords = prefixWords + CODED_WORDS;
  const lengthAt = prefixWords + HEADER.wordCount;
  const beforeWords = record - before;
  // What a record is until it says how long it is.
  let end = outWords - record;
  if (end < prefixWords + HEADER_WORDS) return -1;
  let coded = end < codedWords ? end : codedWords;
  let left = 0;
  let at = from;
  for (let block = 0; block < coded; block += WORDS_PER_CODE) {
    if (at >= to) return -1;
    const codes = words[at]!;
    at += 1;
    let count = coded - block < WORDS_PER_CODE ? coded - block : WORDS_PER_CODE;
    for (let index = 0; index < count; index += 1) {
      const place = block + index;
      const code = (codes >>> (index << 1)) & 3;
      if (code === 1) {
        if (at >= to) return -1;
        left = words[at]!;
        at += 1;
      } else if (code !== 3) {
        left = (place < beforeWords ? out[before + place]! : 0) + (code >>> 1);
      }
      left |= 0;
      out[record + place] = left;
      if (place !== lengthAt) continue;
      if (left < HEADER_WORDS || left > end - prefixWords) return -1;
      end = prefixWords + left;
      coded = end < codedWords ? end : codedWords;
      if (count > coded) count = coded;
    }
  }
  const rest = end - coded;
  if (rest > to - at) return -1;
  if (rest > 0) copyWords(words, at, out, record + coded, rest);
  return at + rest;
}
