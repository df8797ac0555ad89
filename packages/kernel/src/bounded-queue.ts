/**
 * A first-in first-out queue with a named bound, as a circular buffer.
 *
 * Invariants:
 *   BQ1 items leave in the order they came
 *   BQ2 at most `countMax` items are held; one more is refused, never dropped silently
 */
import { assert } from './assert.ts';

export class BoundedQueue<Item> {
  readonly countMax: number;
  #items: (Item | undefined)[] = new Array<Item | undefined>(8);
  #head = 0;
  #count = 0;

  constructor(countMax: number) {
    assert(countMax >= 1, 'a queue holds at least one item');
    this.countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** False: the queue is full and the item was not taken. */
  push(item: Item): boolean {
    if (this.#count >= this.countMax) return false;
    if (this.#count === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#count) % this.#items.length] = item;
    this.#count += 1;
    return true;
  }

  peek(): Item | undefined {
    return this.#count === 0 ? undefined : this.#items[this.#head];
  }

  shift(): Item | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#items.length;
    this.#count -= 1;
    return item;
  }

  #grow(): void {
    const items = new Array<Item | undefined>(this.#items.length * 2);
    for (let index = 0; index < this.#count; index += 1) {
      items[index] = this.#items[(this.#head + index) % this.#items.length];
    }
    this.#items = items;
    this.#head = 0;
  }
}
