/**
 * The names under which a shard makes dots, and their counters. Each opening of a store draws its own
 * incarnation. What the shard writes as a stand-in it writes under a fallback incarnation: such copies
 * are dropped when they have been handed off, and a name whose records were forgotten must make no more
 * dots, for their contexts would cover what its maker no longer knows. data plane.
 *
 * Invariants:
 *   W2 counters of an incarnation ascend without repetition; one counter serves all names
 *   HN3 no dot of an incarnation is made after a copy with an entry of it was dropped
 *
 * A name of which others know more than was given is left, too (S2, store-operation.ts).
 *
 * The counters begin at (second of the opening << 32) + 1, so that an entry of a context says how old
 * its incarnation is (versioning/retire). A fallback is a function of the opening's incarnation and of
 * the draw's number, one to one in the first: two openings never meet in the same draw.
 */
import { reachable } from '@clockwise/kernel/probe';
import { contextCount, contextOffset, ENTRY, ENTRY_WORDS } from '@clockwise/record/layout';
import type { Incarnation } from './replica-context.ts';

const ROUNDS = 4;

export class IncarnationBook {
  readonly #opening: Incarnation;
  /** Low and high word. */
  readonly #own: Int32Array;
  readonly #fallback: Int32Array = new Int32Array(2);
  #draws = 0;
  /** The last counter given; two words, so that no number is boxed. */
  #low = 0;
  #high: number;

  constructor(opening: Incarnation, openedSeconds: number) {
    this.#opening = opening;
    this.#own = Int32Array.of(opening.low, opening.high);
    this.#high = openedSeconds | 0;
    this.redrawFallback();
  }

  /** [W2] Writes the next dot (an ENTRY). */
  next(dot: Int32Array, isFallback: boolean): void {
    const name = isFallback ? this.#fallback : this.#own;
    this.#low = (this.#low + 1) | 0;
    if (this.#low === 0) this.#high = (this.#high + 1) | 0;
    dot[ENTRY.incarnationLow] = name[0]!;
    dot[ENTRY.incarnationHigh] = name[1]!;
    dot[ENTRY.counterLow] = this.#low;
    dot[ENTRY.counterHigh] = this.#high;
  }

  /** Whether an entry names an incarnation under which dots are made now. */
  isCurrent(words: Int32Array, entry: number): boolean {
    return isOf(this.#own, words, entry) || isOf(this.#fallback, words, entry);
  }

  /** Whether the entry's counter was never given. */
  isAhead(words: Int32Array, entry: number): boolean {
    const low = words[entry + ENTRY.counterLow]!;
    const high = words[entry + ENTRY.counterHigh]!;
    if (high !== this.#high) return high >>> 0 > this.#high >>> 0;
    return low >>> 0 > this.#low >>> 0;
  }

  /** [HN3] The record is forgotten: whatever of its context makes dots here gets another name. */
  dropped(words: Int32Array, record: number): void {
    let ofOwn = false;
    let ofFallback = false;
    let entry = contextOffset(words, record);
    for (let left = contextCount(words, record); left > 0; left -= 1) {
      ofOwn ||= isOf(this.#own, words, entry);
      ofFallback ||= isOf(this.#fallback, words, entry);
      entry += ENTRY_WORDS;
    }
    if (ofFallback) this.redrawFallback();
    if (ofOwn) this.redrawOwn();
  }

  /** [S2] Whatever of its context is ahead of what was given here gets another name; how many do. */
  leaveAhead(words: Int32Array, record: number): number {
    let leftCount = 0;
    let entry = contextOffset(words, record);
    for (let left = contextCount(words, record); left > 0; left -= 1) {
      if (this.isCurrent(words, entry) && this.isAhead(words, entry)) {
        if (isOf(this.#own, words, entry)) this.redrawOwn();
        else this.redrawFallback();
        leftCount += 1;
      }
      entry += ENTRY_WORDS;
    }
    return leftCount;
  }

  redrawFallback(): void {
    if (this.#draws > 0) reachable('incarnations: a fallback incarnation is drawn anew');
    this.#redraw(this.#fallback);
  }

  /** Of the shard's own: records under it are dropped (a partition is given up), or it is forged. */
  redrawOwn(): void {
    this.#redraw(this.#own);
  }

  #redraw(name: Int32Array): void {
    this.#draws += 1;
    name[0] = this.#opening.low;
    name[1] = this.#opening.high;
    mix(name, this.#draws);
  }
}

function isOf(name: Int32Array, words: Int32Array, entry: number): boolean {
  return (
    words[entry + ENTRY.incarnationLow] === name[0]! &&
    words[entry + ENTRY.incarnationHigh] === name[1]!
  );
}

/** A Feistel network over the two words: one to one for each draw. */
function mix(name: Int32Array, draw: number): void {
  for (let round = 0; round < ROUNDS; round += 1) {
    const key = Math.imul(draw, 0x9e37_79b1) + Math.imul(round + 1, 0x85eb_ca6b);
    const [left, right] = [name[0]!, name[1]!];
    name[0] = right;
    name[1] = left ^ scramble(right ^ key);
  }
}

/** The finalizer of murmur3. */
function scramble(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
