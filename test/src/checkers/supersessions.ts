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
import type { WriteEntry } from './history.ts';

export interface MadeWrite {
  readonly write: WriteEntry;
  /** Several where a retry was applied again. */
  readonly dots: readonly LedgerEntry[];
}

/** Of the takers of one incarnation, by their counters: how far together they took a victim's. */
interface Takings {
  readonly counters: number[];
  readonly taken: number[];
}

export class Supersessions {
  /** By victim's incarnation, then by taker's. */
  readonly #takings: Map<bigint, Map<bigint, Takings>> = new Map();
  /** By incarnation: its counters on this key, ascending, and the write that each names. */
  readonly #made: Map<bigint, { readonly counter: number; readonly made: MadeWrite }[]> = new Map();

  constructor(writes: readonly MadeWrite[]) {
    const dots = writes
      .flatMap((made) => made.dots.map((entry) => ({ made, entry })))
      .toSorted((left, right) => Number(left.entry.dot.counter - right.entry.dot.counter));
    for (const { made, entry } of dots) {
      const { incarnation, counter } = entry.dot;
      const list = this.#made.get(incarnation) ?? [];
      this.#made.set(incarnation, list);
      list.push({ counter: Number(counter), made });
      const took = made.write.context ?? entry.context;
      for (const victim of took) this.#take(victim, entry.dot);
    }
  }

  /** Of each incarnation that lost something within `context`: up to which counter all is superseded. */
  supersededWithin(context: readonly Dot[]): ReadonlyMap<bigint, number> {
    const highest = new Map(context.map((dot) => [dot.incarnation, Number(dot.counter)]));
    const superseded = new Map<bigint, number>();
    for (const [victim, takers] of this.#takings) {
      let until = 0;
      for (const [taker, { counters, taken }] of takers) {
        const place = lastAtMost(counters, highest.get(taker) ?? 0);
        if (place >= 0) until = Math.max(until, taken[place]!);
      }
      superseded.set(victim, until);
    }
    return superseded;
  }

  /** The writes of which `context` covers a dot that nothing within it superseded. */
  survivorsWithin(
    context: readonly Dot[],
    superseded: ReadonlyMap<bigint, number>,
  ): Set<MadeWrite> {
    const survivors = new Set<MadeWrite>();
    for (const { incarnation, counter } of context) {
      const list = this.#made.get(incarnation) ?? [];
      const until = superseded.get(incarnation) ?? 0;
      for (let place = list.length - 1; place >= 0; place -= 1) {
        const one = list[place]!;
        if (one.counter <= until) break;
        if (one.counter <= Number(counter)) survivors.add(one.made);
      }
    }
    return survivors;
  }

  /** REQUIRES: the takers of an incarnation come in the order of their counters. */
  #take(victim: Dot, taker: Dot): void {
    const takers = this.#takings.get(victim.incarnation) ?? new Map<bigint, Takings>();
    this.#takings.set(victim.incarnation, takers);
    const takings = takers.get(taker.incarnation) ?? { counters: [], taken: [] };
    takers.set(taker.incarnation, takings);
    // A maker's record covers its own dot too, and nothing takes itself away.
    const own = Number(taker.counter) - 1;
    const isOwn = victim.incarnation === taker.incarnation;
    const until = isOwn ? Math.min(own, Number(victim.counter)) : Number(victim.counter);
    takings.counters.push(Number(taker.counter));
    takings.taken.push(Math.max(takings.taken.at(-1) ?? 0, until));
  }
}

export function isSuperseded(
  superseded: ReadonlyMap<bigint, number>,
  { incarnation, counter }: Dot,
): boolean {
  return Number(counter) <= (superseded.get(incarnation) ?? 0);
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
