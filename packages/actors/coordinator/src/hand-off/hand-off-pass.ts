/**
 * One walk over the hidden records of this node's shards: place after place, page after page. For one
 * target, or for everybody, to count and to keep order. It knows where it stands; hand-off-core sends.
 *
 * Invariants:
 *   HP1 a page's memory stays as it is until all that was begun with its records has ended
 */
import { assert } from '@clockwise/kernel/assert';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import type { HintLedger } from './hint-ledger.ts';
import type { PlaceCount } from './place-count.ts';
import { type PageBounds, PageCursor } from './page-cursor.ts';

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
  readonly #page: PageCursor = new PageCursor();
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

  /** The page, whose next record is at `record`. */
  get words(): Int32Array {
    return this.#page.words;
  }

  get record(): number {
    return this.#page.record;
  }

  get hasRecord(): boolean {
    return this.#page.hasRecord;
  }

  /** The place holds records behind this page. */
  get hasMore(): boolean {
    return this.#page.hasMore;
  }

  beginPlace(count: PlaceCount): void {
    assert(this.inFlight === 0 && !this.isAsking, '[HP1] the place before is done with');
    this.#count = count;
    this.#page.restart();
  }

  endPlace(): PlaceCount {
    const { count } = this;
    this.#count = undefined;
    this.#page.restart();
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
    this.#page.takePage(words, offset, wordCount, recordCount, hasMore);
  }

  /** To the page's next record. */
  next(): void {
    this.#page.next();
  }

  /** Which hidden bucket the place is of. */
  bucketId(ledger: HintLedger): number {
    return HIDDEN_BUCKET.hint + ledger.kindOf(this.place);
  }

  /** The scan of the page behind the last record, in the form of a request. */
  scanRequest(partition: number, bounds: PageBounds): Int32Array {
    return this.#page.scanRequest(partition, bounds);
  }
}
