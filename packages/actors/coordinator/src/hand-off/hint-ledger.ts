/**
 * What this node keeps for other nodes, by target: hinted copies, owed marks, dirty ranges. The store
 * is what counts; this is what a coordinator knows of it, from passes over the hidden buckets and from
 * acknowledgements since. Pure.
 *
 * A *place* is one hidden bucket of one partition. A *count* is one pass over a place, for one target or
 * for everybody. What is acknowledged while a count is open is added to it, whether the pass saw it or
 * not.
 *
 * Invariants:
 *   HL1 once every place was counted, a target is never said to be owed less than the store holds for it
 *   HL2 a place is said exactly, or it wants a count when nothing comes and goes any more
 *   HL3 a copy is admitted only while the bytes of all copies are within their limit, and the age of those
 *       for one of its targets
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';
import {
  add,
  countIn,
  emptyTally,
  EVERYBODY,
  type OwedRecord,
  type PlaceCount,
  take,
  type Tally,
} from './place-count.ts';

/** In the order of the hidden buckets' ids. */
export const OWED_KIND = { copy: 0, mark: 1, dirty: 2 } as const;
const KINDS = 3;

/** What a node is owed; `oldestSeconds` since 1970, Infinity where there is nothing. */
export interface OwedTotals {
  readonly node: number;
  readonly copies: number;
  readonly marks: number;
  readonly dirty: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
}

export type LedgerLimits = Pick<
  Limits,
  'hintBytesMax' | 'hintAgeSecondsMax' | 'owedMarksMax' | 'handOffRoundMs'
>;

/** A place is counted anew when it was given half as much again as it had, and this many. */
const ADDED_MIN = 32;

export class HintLedger {
  readonly placeCount: number;
  readonly #partitionCount: number;
  readonly #nodeCount: number;
  readonly #limits: LedgerLimits;
  /** By place and node; none where nothing is owed. */
  readonly #tallies: Map<number, Tally> = new Map();
  /** By place: its records, each once. */
  readonly #wholes: readonly Tally[];
  /** By kind, of all places; their ages are not kept. */
  readonly #totals: readonly Tally[] = Array.from({ length: KINDS }, emptyTally);
  readonly #isCounted: Uint8Array;
  /** By place: acknowledgements, and what was settled, that no count of everybody has found. */
  readonly #added: Int32Array;
  readonly #open: Set<PlaceCount> = new Set();
  /** By node: since when its oldest copy waits. */
  readonly #oldestCopy: Float64Array;
  #oldestIsKnown = true;
  /** The second in which it was looked for last. */
  #oldestFoundSeconds = 0;
  #uncounted: number;
  #addedPlaces = 0;
  #changedAt: Instant = -Infinity;

  constructor(nodeCount: number, partitionCount: number, limits: LedgerLimits) {
    this.#limits = limits;
    this.#nodeCount = nodeCount;
    this.#partitionCount = partitionCount;
    this.placeCount = KINDS * partitionCount;
    this.#wholes = Array.from({ length: this.placeCount }, emptyTally);
    this.#isCounted = new Uint8Array(this.placeCount);
    this.#added = new Int32Array(this.placeCount);
    this.#oldestCopy = new Float64Array(nodeCount).fill(Infinity);
    this.#uncounted = this.placeCount;
  }

  placeOf(kind: number, partition: number): number {
    return kind * this.#partitionCount + partition;
  }

  kindOf(place: number): number {
    return Math.floor(place / this.#partitionCount);
  }

  partitionOf(place: number): number {
    return place % this.#partitionCount;
  }

  /** Every place was counted since it was last unknown. */
  get isCounted(): boolean {
    return this.#uncounted === 0;
  }

  /** Whether nothing is owed and nothing is left to be counted. */
  get isIdle(): boolean {
    return this.#uncounted === 0 && this.#tallies.size === 0 && this.#addedPlaces === 0;
  }

  /** A shard has acknowledged a hidden record, as it is now. */
  added(record: OwedRecord, now: Instant): void {
    const { place, nodes } = record;
    if (nodes.length === 0) return;
    for (const node of nodes) this.#addTo(node, record);
    add(this.#wholes[place]!, record);
    add(this.#totals[this.kindOf(place)]!, record);
    this.#touch(place);
    this.#changedAt = now;
    for (const count of this.#open) if (count.place === place) countIn(count, record);
  }

  /** A record that `count` saw is owed to its node no more; `isLast`: to nobody. */
  settled(count: PlaceCount, record: OwedRecord, isLast: boolean, now: Instant): void {
    const { place, node } = count;
    const nodes = node === EVERYBODY ? record.nodes : [node];
    for (const other of nodes) {
      const counted = count.tallies.get(other);
      if (counted !== undefined) take(counted, record);
    }
    // [HL1] A pass for one of its nodes may have settled it besides: for everybody, the close says it.
    const isTaken = node !== EVERYBODY && !count.isOvertaken;
    if (isTaken) this.#takeFrom(this.#keyOf(place, node), record);
    else count.isDoubtful = true;
    for (const other of this.#open) {
      const isCounted = other.node === EVERYBODY || nodes.includes(other.node);
      if (other !== count && other.place === place && isCounted) other.isDoubtful = true;
    }
    this.#oldestIsKnown = false;
    this.#changedAt = now;
    if (!isLast) return;
    take(count.whole, record);
    if (!count.isOvertaken) this.#takeFromWhole(place, record);
  }

  /** Begins to count a place. REQUIRES: the place's first page is asked for after this. */
  open(place: number, node: number): PlaceCount {
    const addedBefore = this.#added[place]!;
    const tallies: PlaceCount['tallies'] = new Map();
    const whole = emptyTally();
    const count: PlaceCount = {
      ...{ place, node, tallies, whole, addedBefore },
      ...{ isOvertaken: false, isDoubtful: false },
    };
    this.#open.add(count);
    return count;
  }

  /** The pass shows a record. */
  saw(count: PlaceCount, record: OwedRecord): void {
    assert(this.#open.has(count), 'only an open count counts');
    countIn(count, record);
  }

  /** [HL2] The pass has shown the place's last record: what it counted is what there is. */
  close(count: PlaceCount): void {
    assert(this.#open.delete(count), 'a count is ended once');
    const { place, node, tallies } = count;
    this.#oldestIsKnown = false;
    if (node === EVERYBODY) this.#closeForEverybody(count);
    else {
      this.#replace(place, node, tallies.get(node));
      // Where several targets were served at once none of them saw that it was the last.
      if (!this.#isOwedToAny(place)) this.#setWhole(place, emptyTally());
    }
    if (count.isDoubtful) this.#touch(place);
  }

  #closeForEverybody({ place, tallies, whole, addedBefore }: PlaceCount): void {
    for (let other = 0; other < this.#nodeCount; other += 1) {
      this.#replace(place, other, tallies.get(other));
    }
    for (const other of this.#open) if (other.place === place) other.isOvertaken = true;
    this.#setWhole(place, whole);
    const left = this.#added[place]! - addedBefore;
    if (left === 0 && this.#added[place] !== 0) this.#addedPlaces -= 1;
    this.#added[place] = left;
    if (this.#isCounted[place] === 0) this.#uncounted -= 1;
    this.#isCounted[place] = 1;
  }

  /** The pass was cut short: what was known before stays, [HL2] and is counted where that is too much. */
  abandon(count: PlaceCount): void {
    assert(this.#open.delete(count), 'a count is ended once');
    if (count.isDoubtful) this.#touch(count.place);
  }

  /** The shard of a place is gone with what it had not answered: the place is unknown again. */
  forget(place: number): void {
    if (this.#isCounted[place] === 1) this.#uncounted += 1;
    this.#isCounted[place] = 0;
  }

  /** Whether a place should be counted for everybody. */
  wantsCount(place: number, now: Instant): boolean {
    if (this.#isCounted[place] === 0) return true;
    const added = this.#added[place]!;
    if (added === 0) return false;
    // Where nothing comes and goes any more, what there is is counted exactly.
    if (now - this.#changedAt >= this.#limits.handOffRoundMs) return true;
    return added >= ADDED_MIN + this.#wholes[place]!.count / 2;
  }

  owes(place: number, node: number): boolean {
    return this.#tallies.has(this.#keyOf(place, node));
  }

  /** Whether a place holds anything for anybody, as far as is known. */
  holdsAny(place: number): boolean {
    return this.#wholes[place]!.count > 0;
  }

  /** It was counted since it was last unknown, and holds nothing for anybody. */
  isClear(place: number): boolean {
    const isKnown = this.#isCounted[place] === 1 && this.#added[place] === 0;
    return isKnown && !this.holdsAny(place) && !this.#isOwedToAny(place);
  }

  owesAnything(node: number): boolean {
    return this.#owesBefore(this.placeCount, node);
  }

  /** Copies or marks, which come before the places of dirty ranges. */
  owesObjects(node: number): boolean {
    return this.#owesBefore(this.placeOf(OWED_KIND.dirty, 0), node);
  }

  #owesBefore(end: number, node: number): boolean {
    for (let place = 0; place < end; place += 1) {
      if (this.owes(place, node)) return true;
    }
    return false;
  }

  /** [HL3] A target that has been away for long keeps nobody from writing for those that have not. */
  admits(nodes: readonly number[], byteCount: number, nowSeconds: number): boolean {
    const { hintBytesMax, hintAgeSecondsMax } = this.#limits;
    if (this.#totals[OWED_KIND.copy]!.bytes + byteCount > hintBytesMax) return false;
    // Not after each settle: what was the oldest a moment ago refuses for a moment longer.
    if (nowSeconds !== this.#oldestFoundSeconds) this.#findOldest();
    this.#oldestFoundSeconds = nowSeconds;
    const since = nowSeconds - hintAgeSecondsMax;
    return nodes.some((node) => this.#oldestCopy[node]! >= since);
  }

  /** Bytes of copies beyond what may be kept. */
  get excessCopyBytes(): number {
    return Math.max(0, this.#totals[OWED_KIND.copy]!.bytes - this.#limits.hintBytesMax);
  }

  /** Marks beyond what may be kept. */
  get excessMarks(): number {
    return Math.max(0, this.#totals[OWED_KIND.mark]!.count - this.#limits.owedMarksMax);
  }

  /** Since when the oldest copy waits, in seconds since 1970; Infinity: there is none. */
  get oldestCopySeconds(): number {
    this.#findOldest();
    return Math.min(...this.#oldestCopy);
  }

  /** By node, without those that are owed nothing. */
  report(): OwedTotals[] {
    const totals = Array.from({ length: this.#nodeCount }, (_, node) => ({
      node,
      ...{ copies: 0, marks: 0, dirty: 0, bytes: 0 },
      oldestSeconds: Infinity,
    }));
    for (const [key, { count, bytes, oldestSeconds }] of this.#tallies) {
      const total = totals[key % this.#nodeCount]!;
      const kind = this.kindOf(Math.floor(key / this.#nodeCount));
      if (kind === OWED_KIND.copy) total.copies += count;
      else if (kind === OWED_KIND.mark) total.marks += count;
      else total.dirty += count;
      total.bytes += bytes;
      total.oldestSeconds = Math.min(total.oldestSeconds, oldestSeconds);
    }
    return totals.filter(({ copies, marks, dirty }) => copies + marks + dirty > 0);
  }

  /** What is known of a place is not what a count of everybody has found. */
  #touch(place: number): void {
    if (this.#added[place] === 0) this.#addedPlaces += 1;
    this.#added[place] = this.#added[place]! + 1;
  }

  #keyOf(place: number, node: number): number {
    return place * this.#nodeCount + node;
  }

  #addTo(node: number, record: OwedRecord): void {
    const key = this.#keyOf(record.place, node);
    const tally = this.#tallies.get(key) ?? emptyTally();
    add(tally, record);
    this.#tallies.set(key, tally);
    if (this.kindOf(record.place) !== OWED_KIND.copy) return;
    if (record.seconds < this.#oldestCopy[node]!) this.#oldestCopy[node] = record.seconds;
  }

  #replace(place: number, node: number, tally: Tally | undefined): void {
    const key = this.#keyOf(place, node);
    if (tally === undefined || tally.count === 0) this.#tallies.delete(key);
    else this.#tallies.set(key, { ...tally });
  }

  #takeFrom(key: number, record: OwedRecord): void {
    const tally = this.#tallies.get(key);
    if (tally !== undefined && take(tally, record) === 0) this.#tallies.delete(key);
  }

  #takeFromWhole(place: number, record: OwedRecord): void {
    const left = { ...this.#wholes[place]! };
    take(left, record);
    this.#setWhole(place, left);
  }

  #setWhole(place: number, whole: Tally): void {
    const known = this.#wholes[place]!;
    const total = this.#totals[this.kindOf(place)]!;
    total.count += whole.count - known.count;
    total.bytes += whole.bytes - known.bytes;
    Object.assign(known, whole);
  }

  #isOwedToAny(place: number): boolean {
    for (let node = 0; node < this.#nodeCount; node += 1) {
      if (this.owes(place, node)) return true;
    }
    return false;
  }

  #findOldest(): void {
    if (this.#oldestIsKnown) return;
    this.#oldestIsKnown = true;
    this.#oldestCopy.fill(Infinity);
    for (const [key, { oldestSeconds }] of this.#tallies) {
      if (this.kindOf(Math.floor(key / this.#nodeCount)) !== OWED_KIND.copy) continue;
      const node = key % this.#nodeCount;
      this.#oldestCopy[node] = Math.min(this.#oldestCopy[node]!, oldestSeconds);
    }
  }
}
