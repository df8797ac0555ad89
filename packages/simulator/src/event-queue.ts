/**
 * What is to happen, in the order of (due, tie): a binary heap. Ties are drawn by seed, so that what
 * falls on the same instant comes in any order, and in the same order for the same seed.
 *
 * Invariants:
 *   EQ1 events leave in the order of their due instants, then of their ties, then of their coming
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';

export interface QueuedEvent {
  readonly due: Instant;
  readonly tie: number;
  readonly order: number;
  readonly run: () => void;
}

export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #order = 0;

  get count(): number {
    return this.#heap.length;
  }

  push(due: Instant, tie: number, run: () => void): void {
    assert(Number.isFinite(due), 'an event has an instant');
    this.#order += 1;
    const heap = this.#heap;
    const event: QueuedEvent = { due, tie, order: this.#order, run };
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  peek(): QueuedEvent | undefined {
    return this.#heap[0];
  }

  pop(): QueuedEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(left: QueuedEvent, right: QueuedEvent): boolean {
  if (left.due !== right.due) return left.due < right.due;
  if (left.tie !== right.tie) return left.tie < right.tie;
  return left.order < right.order;
}
