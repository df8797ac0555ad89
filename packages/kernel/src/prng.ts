/**
 * The only randomness a core may use: sfc32 (Chris Doty-Humphrey, PractRand), seeded, with labelled
 * streams, so that drawing more numbers in one place does not shift the numbers of another.
 * Not for secrets.
 *
 * Invariants:
 *   PR1 equal seeds and labels give equal sequences
 *   PR2 streams of different labels are independent of each other's draws
 */
import { assert } from './assert.ts';

/** FNV-1a with a final avalanche (murmur3's fmix32): spreads a label over 32 bits. */
function hashLabel(label: string, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) | 0;
  for (let index = 0; index < label.length; index += 1) {
    hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

export class Prng {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is any text; numbers are seeds by their decimal text. */
  constructor(seed: string | number) {
    this.#seed = String(seed);
    this.#a = hashLabel(this.#seed, 0x9e3779b9);
    this.#b = hashLabel(this.#seed, 0x243f6a88);
    this.#c = hashLabel(this.#seed, 0xb7e15162);
    for (let round = 0; round < 12; round += 1) this.word();
  }

  /** A stream of its own: the same for equal (seed, label), whatever was drawn here. */
  stream(label: string): Prng {
    return new Prng(`${this.#seed}/${label}`);
  }

  /** 32 random bits as a signed word. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    // In one go: between two steps it would be no word, and a field that held such once is slow for ever.
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  /** A float in [0, 1) of 32 bits. */
  unit(): number {
    return (this.word() >>> 0) / 0x1_0000_0000;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    assert(bound >= 1 && bound <= 0x1_0000_0000, 'bound lies in 1 to 2^32');
    return Math.floor(this.unit() * bound);
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    assert(low <= high, 'low is at most high');
    return low + this.below(high - low + 1);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** A sample of the exponential distribution. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }

  pick<Item>(items: readonly Item[]): Item {
    assert(items.length > 0, 'there is an item to pick');
    return items[this.below(items.length)] as Item;
  }

  /** Fisher and Yates, in place. */
  shuffle<Item>(items: Item[]): Item[] {
    for (let last = items.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const item = items[last] as Item;
      items[last] = items[other] as Item;
      items[other] = item;
    }
    return items;
  }
}
