/**
 * What is to happen, in the order of (due, tie): a binary heap. Ties are drawn by seed, so that what
 * falls on the same instant comes in any order, and in the same order for the same seed.
 *
 * The heap is four lists side by side: an object for each event would cost more than all comparisons.
 *
 * Invariants:
 *   EQ1 events leave in the order of their due instants, then of their ties, then of their coming
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';

type Run = () => void;

export class EventQueue {
  readonly #dues: number[] = [];
  readonly #ties: number[] = [];
  readonly #orders: number[] = [];
  readonly #runs: Run[] = [];
  #order = 0;

  get count(): number {
    return this.#runs.length;
  }

  /** Infinity: there is nothing. */
  get nextDue(): Instant {
    return this.#dues.length === 0 ? Infinity : this.#dues[0]!;
  }

  push(due: Instant, tie: number, run: Run): void {
    assert(Number.isFinite(due), 'an event has an instant');
    this.#order += 1;
    const order = this.#order;
    const dues = this.#dues;
    const ties = this.#ties;
    const orders = this.#orders;
    const runs = this.#runs;
    let index = dues.length;
    dues.push(due);
    ties.push(tie);
    orders.push(order);
    runs.push(run);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(dues[parent]!, ties[parent]!, orders[parent]!, due, tie, order)) break;
      this.#move(parent, index);
      index = parent;
    }
    dues[index] = due;
    ties[index] = tie;
    orders[index] = order;
    runs[index] = run;
  }

  /** REQUIRES: there is one. Takes out the first. */
  pop(): Run {
    const dues = this.#dues;
    const ties = this.#ties;
    const orders = this.#orders;
    const runs = this.#runs;
    assert(runs.length > 0, 'there is an event');
    const first = runs[0]!;
    const due = dues.pop()!;
    const tie = ties.pop()!;
    const order = orders.pop()!;
    const run = runs.pop()!;
    const count = runs.length;
    if (count === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= count) break;
      const other = child + 1;
      if (
        other < count &&
        isBefore(
          dues[other]!,
          ties[other]!,
          orders[other]!,
          dues[child]!,
          ties[child]!,
          orders[child]!,
        )
      ) {
        child = other;
      }
      if (isBefore(due, tie, order, dues[child]!, ties[child]!, orders[child]!)) break;
      this.#move(child, index);
      index = child;
    }
    dues[index] = due;
    ties[index] = tie;
    orders[index] = order;
    runs[index] = run;
    return first;
  }

  #move(from: number, to: number): void {
    this.#dues[to] = this.#dues[from]!;
    this.#ties[to] = this.#ties[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#runs[to] = this.#runs[from]!;
  }
}

function isBefore(
  due: number,
  tie: number,
  order: number,
  otherDue: number,
  otherTie: number,
  otherOrder: number,
): boolean {
  if (due !== otherDue) return due < otherDue;
  if (tie !== otherTie) return tie < otherTie;
  return order < otherOrder;
}
