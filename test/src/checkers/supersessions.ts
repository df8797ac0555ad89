/**
 * Who superseded whom, for one key: what each write ever made took away. A write with a context took
 * what that covers; an overwrite took whatever its maker's record covered when it was made.
 *
 * Contexts hold all that their dots hold, so what a reader is shown follows from its context alone: a
 * dot that it covers, unless it covers a write that took this dot away. What one write took of an
 * incarnation is a beginning of its counters, and so is what several did.
 */
import type { Dot } from '@clockwise/record/build';
import type { LedgerEntry } from './dot-ledger.ts';
import { counterNumber, type WriteEntry } from './history.ts';

export interface MadeWrite {
  readonly write: WriteEntry;
  /** Several where a retry was applied again. */
  readonly dots: readonly LedgerEntry[];
}

/** Of the takers of one incarnation, by their counters: how far together they took a victim's. */
interface Takings {
  /** The takers' incarnation, by its number here. */
  readonly taker: number;
  readonly counters: number[];
  readonly taken: number[];
}

/** By the number of an incarnation: up to which counter all is superseded. */
export type Superseded = readonly number[];

export class Supersessions {
  /** Incarnations have numbers here, in the order of their coming. */
  readonly #numbers: Map<bigint, number> = new Map();
  /** By victim's incarnation. */
  readonly #takings: Takings[][] = [];
  /** By incarnation: its counters on this key, ascending, and the write that each names. */
  readonly #made: { readonly counter: number; readonly made: MadeWrite }[][] = [];
  /** By incarnation: what the context covers that is being looked at. */
  readonly #covered: number[] = [];

  constructor(writes: readonly MadeWrite[]) {
    const dots = writes
      .flatMap((made) => made.dots.map((entry) => ({ made, entry })))
      .toSorted(
        (left, right) =>
          counterNumber(left.entry.dot.counter) - counterNumber(right.entry.dot.counter),
      );
    for (const { made, entry } of dots) {
      const { incarnation, counter } = entry.dot;
      this.#made[this.#numberOf(incarnation)]!.push({ counter: counterNumber(counter), made });
      const took = made.write.context ?? entry.taken;
      for (const victim of took) this.#take(victim, entry.dot);
    }
  }

  /** Of each incarnation: up to which counter all is superseded within `context`. */
  supersededWithin(context: readonly Dot[]): Superseded {
    const covered = this.#covered;
    covered.fill(0);
    for (const { incarnation, counter } of context) {
      const number = this.#numbers.get(incarnation);
      if (number !== undefined) covered[number] = counterNumber(counter);
    }
    return this.#takings.map((takers) => {
      let until = 0;
      for (const { taker, counters, taken } of takers) {
        const place = lastAtMost(counters, covered[taker]!);
        if (place >= 0 && taken[place]! > until) until = taken[place]!;
      }
      return until;
    });
  }

  isSuperseded(superseded: Superseded, { incarnation, counter }: Dot): boolean {
    const number = this.#numbers.get(incarnation);
    return number !== undefined && counterNumber(counter) <= superseded[number]!;
  }

  /** The writes of which `context` covers a dot that nothing within it superseded. */
  survivorsWithin(context: readonly Dot[], superseded: Superseded): Set<MadeWrite> {
    const survivors = new Set<MadeWrite>();
    for (const { incarnation, counter } of context) {
      const number = this.#numbers.get(incarnation);
      if (number === undefined) continue;
      const list = this.#made[number]!;
      const until = superseded[number]!;
      for (let place = list.length - 1; place >= 0; place -= 1) {
        const one = list[place]!;
        if (one.counter <= until) break;
        if (one.counter <= counterNumber(counter)) survivors.add(one.made);
      }
    }
    return survivors;
  }

  /** REQUIRES: the takers of an incarnation come in the order of their counters. */
  #take(victim: Dot, taker: Dot): void {
    const takers = this.#takings[this.#numberOf(victim.incarnation)]!;
    const number = this.#numberOf(taker.incarnation);
    let takings = takers.find((some) => some.taker === number);
    if (takings === undefined) {
      takings = { taker: number, counters: [], taken: [] };
      takers.push(takings);
    }
    // A maker's record covers its own dot too, and nothing takes itself away.
    const own = counterNumber(taker.counter) - 1;
    const isOwn = victim.incarnation === taker.incarnation;
    const until = isOwn
      ? Math.min(own, counterNumber(victim.counter))
      : counterNumber(victim.counter);
    takings.counters.push(counterNumber(taker.counter));
    takings.taken.push(Math.max(takings.taken.at(-1) ?? 0, until));
  }

  #numberOf(incarnation: bigint): number {
    const known = this.#numbers.get(incarnation);
    if (known !== undefined) return known;
    const number = this.#made.length;
    this.#numbers.set(incarnation, number);
    this.#made.push([]);
    this.#takings.push([]);
    this.#covered.push(0);
    return number;
  }
}

/** The last place whose number is at most `bound`; -1: none. `ascending` may hold equal ones. */
function lastAtMost(ascending: readonly number[], bound: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
