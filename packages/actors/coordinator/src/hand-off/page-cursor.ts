/**
 * Where a walk over a shard's records stands: the page in hand, the record that is next, and the
 * question for the page behind it. Pure.
 *
 * Invariants:
 *   PG1 the pages of a walk follow one another without a gap: each begins behind the last record that
 *       was passed, and one that is given back is asked for again as it was
 */
import { assert } from '@clockwise/kernel/assert';
import { REQUEST, REQUEST_HEADER_WORDS, SCAN, SCAN_WORDS } from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import {
  HEADER,
  keyBytes,
  keyOffset,
  paddedWords,
  recordWordCount,
} from '@clockwise/record/layout';

export interface PageBounds {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

const NO_WORDS = new Int32Array(0);

export class PageCursor {
  /** The page, whose next record is at `record`. */
  words: Int32Array = NO_WORDS;
  record = 0;
  #left = 0;
  #last = -1;
  #hasMore = true;
  #asked: Int32Array | undefined;
  #isGivenBack = false;

  get hasRecord(): boolean {
    return this.#left > 0;
  }

  /** There are records behind this page. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** To the beginning of another walk. */
  restart(): void {
    this.#drop();
    this.#hasMore = true;
    this.#asked = undefined;
    this.#isGivenBack = false;
  }

  /** The page is let go, not all of it done: it comes again. */
  giveBack(): void {
    this.#drop();
    this.#hasMore = true;
    this.#isGivenBack = this.#asked !== undefined;
  }

  #drop(): void {
    this.words = NO_WORDS;
    this.record = 0;
    this.#left = 0;
    this.#last = -1;
  }

  /** `recordCount` records from `offset` on; they are copied. */
  takePage(
    words: Int32Array,
    offset: number,
    wordCount: number,
    recordCount: number,
    hasMore: boolean,
  ): void {
    this.#isGivenBack = false;
    this.words = words.slice(offset, offset + wordCount);
    this.record = 0;
    this.#left = recordCount;
    this.#last = -1;
    // A page that says so holds a record at the least; nothing follows one that does not.
    this.#hasMore = hasMore && recordCount > 0;
  }

  /** To the page's next record. */
  next(): void {
    assert(this.#left > 0, 'there is a record to pass');
    this.#last = this.record;
    this.record += recordWordCount(this.words, this.record);
    this.#left -= 1;
  }

  /** [PG1] The scan of the page behind the last record, in the form of a request. */
  scanRequest(partition: number, { recordsMax, bytesMax }: PageBounds): Int32Array {
    if (this.#isGivenBack) return this.#asked!;
    const last = this.#last;
    const keyByteCount = last < 0 ? 0 : keyBytes(this.words, last);
    const keyWords = paddedWords(keyByteCount);
    const request = new Int32Array(REQUEST_HEADER_WORDS + keyWords + SCAN_WORDS);
    request[REQUEST.keyAndContext] = keyByteCount;
    const scan = REQUEST_HEADER_WORDS + keyWords;
    if (last >= 0) {
      copyWords(this.words, keyOffset(last), request, REQUEST_HEADER_WORDS, keyWords);
      request[scan + SCAN.hasPosition] = 1;
      request[scan + SCAN.tokenHigh] = this.words[last + HEADER.tokenHigh]!;
      request[scan + SCAN.tokenLow] = this.words[last + HEADER.tokenLow]!;
    }
    request[scan + SCAN.partition] = partition;
    request[scan + SCAN.recordsMax] = recordsMax;
    request[scan + SCAN.bytesMax] = bytesMax;
    this.#asked = request;
    return request;
  }
}
