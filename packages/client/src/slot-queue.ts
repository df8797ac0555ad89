/**
 * The requests that wait to be sent, first in, first out: request ids in a ring of integers. An id
 * whose request has ended meanwhile is stale; it is passed over when it comes out, and swept when
 * the ring would have to grow.
 *
 * data plane
 *
 * Invariants:
 *   SQ1 ids leave in the order they came
 *   SQ2 the ring holds at most twice as many ids as there can be requests
 */
import { assert } from '@clockwise/kernel/assert';

export class SlotQueue {
  readonly #countMax: number;
  readonly #isWaiting: (id: number) => boolean;
  #ids: Int32Array = new Int32Array(1024);
  #head = 0;
  #count = 0;

  /** `isWaiting` tells whether an id still names a request that waits. */
  constructor(requestsMax: number, isWaiting: (id: number) => boolean) {
    this.#countMax = requestsMax * 2;
    this.#isWaiting = isWaiting;
  }

  get count(): number {
    return this.#count;
  }

  push(id: number): void {
    if (this.#count === this.#ids.length) this.#makeRoom();
    this.#ids[(this.#head + this.#count) & (this.#ids.length - 1)] = id;
    this.#count += 1;
  }

  /** REQUIRES: count > 0. */
  peek(): number {
    return this.#ids[this.#head]!;
  }

  /** REQUIRES: count > 0. */
  drop(): void {
    this.#head = (this.#head + 1) & (this.#ids.length - 1);
    this.#count -= 1;
  }

  #makeRoom(): void {
    const ids = this.#ids;
    const larger = new Int32Array(ids.length * 2);
    let kept = 0;
    for (let index = 0; index < this.#count; index += 1) {
      const id = ids[(this.#head + index) & (ids.length - 1)]!;
      if (!this.#isWaiting(id)) continue;
      larger[kept] = id;
      kept += 1;
    }
    if (kept > ids.length / 2) {
      assert(kept < this.#countMax, 'no more ids wait than there can be requests');
      this.#ids = larger;
    } else {
      this.#ids = larger.slice(0, ids.length);
    }
    this.#head = 0;
    this.#count = kept;
  }
}
