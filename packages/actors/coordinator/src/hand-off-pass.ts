/**
 * One walk over the hidden records of this node's shards: place after place, page after page. For one
 * target, or for everybody, to count and to keep order. It knows where it stands; hand-off-core sends.
 *
 * Invariants:
 *   HP1 a page's memory stays as it is until all that was begun with its records has ended
 */
import { assert } from '@clockwise/kernel/assert';
import { REQUEST, REQUEST_HEADER_WORDS, SCAN, SCAN_WORDS } from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import {
  HEADER,
  keyBytes,
  keyOffset,
  paddedWords,
  recordWordCount,
} from '@clockwise/record/layout';
import type { HintLedger, PlaceCount } from './hint-ledger.ts';

export interface PageBoundsOfPass {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

const NO_WORDS = new Int32Array(0);

export class HandOffPass {
  /** A node, or EVERYBODY. */
  readonly target: number;
  /** Also places that were counted and hold something are looked at. */
  readonly isUpkeep: boolean;
  /** Records of this page that are on their way. */
  inFlight = 0;
  /** A page was asked for and has not come. */
  isAsking = false;
  /** It goes no further: the target or a shard has gone. */
  isEnding = false;
  /** The page, whose next record is at `record`. */
  words: Int32Array = NO_WORDS;
  record = 0;
  #left = 0;
  #last = -1;
  #hasMore = true;
  #count: PlaceCount | undefined;

  constructor(target: number, isUpkeep: boolean) {
    this.target = target;
    this.isUpkeep = isUpkeep;
  }

  /** The place it is at; -1: none yet. */
  get place(): number {
    return this.#count === undefined ? -1 : this.#count.place;
  }

  get count(): PlaceCount {
    assert(this.#count !== undefined, 'a pass counts while it is at a place');
    return this.#count;
  }

  get isAtPlace(): boolean {
    return this.#count !== undefined;
  }

  get hasRecord(): boolean {
    return this.#left > 0;
  }

  /** The place holds records behind this page. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  beginPlace(count: PlaceCount): void {
    assert(this.inFlight === 0 && !this.isAsking, '[HP1] the place before is done with');
    this.#count = count;
    this.words = NO_WORDS;
    this.#left = 0;
    this.#last = -1;
    this.#hasMore = true;
  }

  endPlace(): PlaceCount {
    const { count } = this;
    this.#count = undefined;
    this.#left = 0;
    return count;
  }

  /** `recordCount` records from `offset` on; they are copied. */
  takePage(
    words: Int32Array,
    offset: number,
    wordCount: number,
    recordCount: number,
    hasMore: boolean,
  ): void {
    assert(this.inFlight === 0, '[HP1] the page before is done with');
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

  /** Which hidden bucket the place is of. */
  bucketId(ledger: HintLedger): number {
    return HIDDEN_BUCKET.hint + ledger.kindOf(this.place);
  }

  /** The scan of the page behind the last record, in the form of a request. */
  scanRequest(partition: number, { recordsMax, bytesMax }: PageBoundsOfPass): Int32Array {
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
    return request;
  }
}
