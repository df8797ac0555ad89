/**
 * One dirty range on its way to one target: a walk over all that the range's sources hold of it, source
 * after source, bucket after bucket, page after page. It knows where it stands, also between two passes;
 * range-delivery sends.
 *
 * Whoever owns the partition pushes from its own shard: its mark stood for objects of its own. Whoever
 * does not was a stand-in, or an owner in an earlier ring. What a stand-in held it has given to an owner
 * before it noted the range, so all owners but the target are walked, over their links; what a former
 * owner's mark stood for may be nowhere but in its own shard, which is walked before them.
 *
 * Invariants:
 *   HR1 a range is whole only when its target has acknowledged every record that its sources showed
 *   HR2 a walk counts for the mark with which it began, and for no later one
 *   HR3 a record that was not acknowledged is sent again before the walk goes on; one that its target
 *       cannot take, as it says, TRIES_MAX times, and then the walk goes on without, and is begun anew
 *       some time after its end
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { hiddenVersion, OWED, owedOf } from '@clockwise/record/hidden';
import type { HandOffPass } from './hand-off-pass.ts';
import { classOf, ownersOf, owedWord, wholeList } from './owed-records.ts';
import { PageCursor } from './page-cursor.ts';
import type { RingView } from '../ring-view.ts';

/** How often a record is sent in a row to a target that says that it cannot take it. */
const TRIES_MAX = 3;

export class RangePush {
  readonly target: number;
  readonly partition: number;
  readonly replicationClass: number;
  readonly page: PageCursor = new PageCursor();
  /** It goes no further in this pass: a page did not come. */
  mustRest = false;
  /** Nothing is done for it before this instant. */
  notBefore: Instant = -Infinity;
  /** How many rounds it has waited since a walk of which something was left out; 0: there was none. */
  againRounds = 0;
  /** What tells the mark from a later one. */
  readonly #version: Int32Array = new Int32Array(2);
  readonly #epochHalf: number;
  /** Nodes that are still to be walked, the one that is walked now first. */
  readonly #sources: number[];
  readonly #buckets: readonly number[];
  #bucket = 0;
  #hasPage = false;
  /** [HR3] Places in the page of records that the target has not taken. */
  #again: number[] = [];
  /** By place in the page: how often the target could not take it. */
  readonly #tries: Map<number, number> = new Map();
  /** A record was left out. */
  #isIncomplete = false;

  /** REQUIRES: the pass is at a dirty range that is owed to its target. */
  constructor(ring: RingView, pass: HandOffPass, partition: number) {
    const { words, record, target } = pass;
    this.target = target;
    this.partition = partition;
    this.replicationClass = classOf(ring, words, record);
    hiddenVersion(words, record, this.#version);
    this.#epochHalf = owedOf(words, record) >>> OWED.epochShift;
    this.#sources = sourcesOf(ring, this.replicationClass, partition, target);
    this.#buckets = [...ring.buckets.values()]
      .filter(({ replicationClass }) => replicationClass === this.replicationClass)
      .map(({ id }) => id)
      .toSorted((left, right) => left - right);
  }

  /** [HR2] Whether the mark that a pass is at is the one with which the walk began. */
  isOf(ring: RingView, { words, record }: HandOffPass): boolean {
    const version = new Int32Array(2);
    hiddenVersion(words, record, version);
    return (
      version[0] === this.#version[0] &&
      version[1] === this.#version[1] &&
      owedOf(words, record) >>> OWED.epochShift === this.#epochHalf &&
      classOf(ring, words, record) === this.replicationClass
    );
  }

  /** All was walked. REQUIRES: nothing is on its way. */
  get isOver(): boolean {
    return this.#sources.length === 0 || this.#buckets.length === 0;
  }

  /** [HR1] All was acknowledged. REQUIRES: nothing is on its way. */
  get isWhole(): boolean {
    return this.isOver && !this.#isIncomplete;
  }

  /** The node that is walked now. REQUIRES: there is more to walk. */
  get source(): number {
    assert(!this.isOver, 'there is a source to walk');
    return this.#sources[0]!;
  }

  get bucketId(): number {
    return this.#buckets[this.#bucket]!;
  }

  /** The page has come, and records of it are to be sent. */
  get hasRecord(): boolean {
    return this.#again.length > 0 || this.page.hasRecord;
  }

  /** Where the next record stands that is to be sent. REQUIRES: there is one. */
  get record(): number {
    return this.#again[0] ?? this.page.record;
  }

  /** It is on its way. */
  sent(): void {
    if (this.#again.length > 0) this.#again.shift();
    else this.page.next();
  }

  /** [HR3] The target has not taken it. */
  refused(record: number): void {
    this.#again.push(record);
  }

  /** [HR3] The target says that it cannot take it: of other records that says nothing. */
  failed(record: number): void {
    const tries = 1 + (this.#tries.get(record) ?? 0);
    this.#tries.set(record, tries);
    if (tries < TRIES_MAX) this.#again.push(record);
    else this.#isIncomplete = true;
  }

  took(words: Int32Array, offset: number, wordCount: number, count: number, more: boolean): void {
    this.page.takePage(words, offset, wordCount, count, more);
    this.#tries.clear();
    this.#hasPage = true;
  }

  /**
   * To the next page, bucket, source, where a page is done with; false: there was none.
   * REQUIRES: nothing is on its way.
   */
  goOn(): boolean {
    assert(!this.hasRecord, '[HR3] all of the page was acknowledged');
    if (!this.#hasPage) return false;
    this.#hasPage = false;
    if (this.page.hasMore) return true;
    this.page.restart();
    this.#bucket += 1;
    if (this.#bucket === this.#buckets.length) {
      this.#bucket = 0;
      this.#sources.shift();
    }
    return true;
  }

  /** Nothing is sent for a while: what is left of the page is asked for again. */
  rest(): void {
    this.#again = [];
    this.#hasPage = false;
    this.mustRest = false;
    this.page.giveBack();
  }
}

/** Where all is that the target may lack. */
function sourcesOf(
  ring: RingView,
  replicationClass: number,
  partition: number,
  target: number,
): number[] {
  const all = owedWord(ring, wholeList(ring, replicationClass));
  const owners = ownersOf(ring, replicationClass, partition, all);
  if (target !== ring.ownNode && owners.includes(ring.ownNode)) return [ring.ownNode];
  return [ring.ownNode, ...owners].filter((node) => node !== target);
}
