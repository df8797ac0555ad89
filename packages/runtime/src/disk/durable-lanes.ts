/**
 * DurableLanes: the publish step of the durable reply rings, one per coordinator, done by the log
 * writer. The rings change when a coordinator is replaced; positions of a ring that is gone are
 * dropped, for its readers are gone too.
 *
 * data plane
 *
 * Invariants:
 *   DL1 a ring is published up to a position only by `release`, after the group that covers it
 */
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingPublisher } from '@clockwise/sharedarraybuffer-ring/ring-publisher';
import { assert } from '@clockwise/kernel/assert';

export class DurableLanes {
  readonly #publishers: (RingPublisher | undefined)[] = [];
  readonly #positions: number[] = [];
  readonly #named: number[] = [];
  #namedCount = 0;
  /** Called when a descriptor names a ring that is not known: the news may lie in the mail. */
  readonly #readMail: () => void;

  constructor(readMail: () => void) {
    this.#readMail = readMail;
  }

  attach(target: number, handle: RingHandle): void {
    while (this.#publishers.length <= target) {
      this.#publishers.push(undefined);
      this.#positions.push(0);
    }
    this.#publishers[target] = new RingPublisher(handle);
    this.#forget(target);
  }

  begin(): void {
    this.#namedCount = 0;
  }

  /** This group's release publishes the ring up to `position`. */
  rest(target: number, generation: number, position: number): void {
    let publisher = this.#publishers[target];
    if (publisher === undefined || publisher.generation < generation) {
      this.#readMail();
      publisher = this.#publishers[target];
      assert(publisher !== undefined, 'a ring is made known before a descriptor names it');
    }
    if (publisher.generation !== generation) return;
    this.#positions[target] = position;
    for (let index = 0; index < this.#namedCount; index += 1) {
      if (this.#named[index] === target) return;
    }
    this.#named[this.#namedCount] = target;
    this.#namedCount += 1;
  }

  release(): void {
    for (let index = 0; index < this.#namedCount; index += 1) {
      const target = this.#named[index]!;
      this.#publishers[target]?.publishTo(this.#positions[target]!);
    }
    this.#namedCount = 0;
  }

  /** A position of the ring before is none of the ring after it. */
  #forget(target: number): void {
    for (let index = 0; index < this.#namedCount; index += 1) {
      if (this.#named[index] !== target) continue;
      this.#namedCount -= 1;
      this.#named[index] = this.#named[this.#namedCount]!;
      return;
    }
  }
}
