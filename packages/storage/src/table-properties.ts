/**
 * What a table says of its records as a whole, counted as they are written.
 *
 * data plane
 *
 * Invariants:
 *   TP1 the properties are those of the records that were added, and of no others
 */
import {
  HEADER,
  KIND,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import {
  BLOOM_LINE_WORDS,
  bloomAdd,
  bloomBitHash,
  bloomLineCount,
  bloomLineHash,
} from './bloom.ts';
import { PART_BUFFERS, SPARE_BUFFERS } from './spare-buffers.ts';

const FIRST_HASHES = 1024;

export class TableProperties {
  recordCount = 0;
  tombstoneCount = 0;
  deltaCount = 0;
  expiringCount = 0;
  rawBytes = 0;
  largestRecordWords = 0;
  /** Unsigned; 0: nothing expires. */
  earliestExpirySeconds = 0;
  latestExpirySeconds = 0;
  /** Of each record, for the filter, whose size only the last record decides: line hash, bit hash. */
  #hashes: Int32Array = SPARE_BUFFERS.take(FIRST_HASHES * 2);

  add(words: Int32Array, record: number): void {
    const wordCount = words[record + HEADER.wordCount]!;
    const kind = words[record + HEADER.kind]! & 0xff;
    this.#addHashes(
      words[record + HEADER.bucketId]!,
      words[record + HEADER.tokenHigh]!,
      words[record + HEADER.tokenLow]!,
    );
    this.recordCount += 1;
    this.rawBytes += wordCount * 4;
    if (wordCount > this.largestRecordWords) this.largestRecordWords = wordCount;
    if (kind === KIND.tombstone) this.tombstoneCount += 1;
    if (kind === KIND.delta) this.deltaCount += 1;
    if (kind === KIND.full || kind === KIND.delta || kind === KIND.tombstone) {
      this.#addExpiries(words, record);
    }
  }

  /** The filter of all records, of the size that suits their number; a buffer of PART_BUFFERS. */
  filter(bitsPerKey: number, probeCount: number): Int32Array {
    const lineCount = bloomLineCount(this.recordCount, bitsPerKey);
    const words = PART_BUFFERS.takeFitting(lineCount * BLOOM_LINE_WORDS).fill(0);
    const hashes = this.#hashes;
    for (let index = 0; index < this.recordCount; index += 1) {
      bloomAdd(words, probeCount, hashes[index * 2]!, hashes[index * 2 + 1]!);
    }
    return words;
  }

  /** Nothing is added or asked for after this. */
  close(): void {
    SPARE_BUFFERS.give(this.#hashes);
    this.#hashes = new Int32Array(0);
  }

  #addHashes(bucketId: number, tokenHigh: number, tokenLow: number): void {
    const at = this.recordCount * 2;
    if (at + 2 > this.#hashes.length) {
      const grown = SPARE_BUFFERS.take(at * 2);
      grown.set(this.#hashes);
      SPARE_BUFFERS.give(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[at] = bloomLineHash(bucketId, tokenHigh, tokenLow);
    this.#hashes[at + 1] = bloomBitHash(bucketId, tokenHigh, tokenLow);
  }

  #addExpiries(words: Int32Array, record: number): void {
    let sibling = siblingsOffset(words, record);
    let expires = false;
    for (let left = siblingCount(words, record); left > 0; left -= 1) {
      const seconds = words[sibling + SIBLING.expirySeconds]! >>> 0;
      if (seconds !== 0) {
        expires = true;
        const earliest = this.earliestExpirySeconds;
        if (earliest === 0 || seconds < earliest) this.earliestExpirySeconds = seconds;
        if (seconds > this.latestExpirySeconds) this.latestExpirySeconds = seconds;
      }
      sibling += siblingWordCount(words, sibling);
    }
    if (expires) this.expiringCount += 1;
  }
}
