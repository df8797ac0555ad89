/**
 * A latency window for each bucket: what is quick in one may be slow in another.
 */
import { assert } from '@clockwise/kernel/assert';
import { LatencyWindow } from './latency-window.ts';

export class BucketLatencies {
  readonly #windows: ReadonlyMap<number, LatencyWindow>;

  constructor(bucketIds: Iterable<number>, windowMs: number) {
    this.#windows = new Map([...bucketIds].map((id) => [id, new LatencyWindow(windowMs)]));
  }

  of(bucketId: number): LatencyWindow {
    const window = this.#windows.get(bucketId);
    assert(window !== undefined, 'a bucket of a request is one of the ring');
    return window;
  }
}
