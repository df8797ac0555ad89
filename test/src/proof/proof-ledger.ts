/**
 * What of one kind of the proof is done: parts are numbered, any may end before another, and what is
 * counted is what came without a gap. So a run that ends anywhere is taken up at the first part that it
 * did not count, and no part counts twice.
 *
 * Invariants:
 *   PFL1 the sums are those of parts 0 to `partsDone` - 1
 */
import type { ProofReport } from './proof-part.ts';

export interface ProofSums {
  readonly partsDone: number;
  readonly runs: number;
  /** Operations, damaged places: what the kind counts. */
  readonly amount: number;
  readonly failures: readonly string[];
  /** Processor time of the workers. */
  readonly milliseconds: number;
}

export const NOTHING_DONE: ProofSums = {
  partsDone: 0,
  runs: 0,
  amount: 0,
  failures: [],
  milliseconds: 0,
};

/** Of failures that are kept: then it is known to be broken. */
const FAILURES_KEPT = 100;

export class ProofLedger {
  #sums: ProofSums;
  readonly #early: Map<number, ProofReport> = new Map();

  constructor(sums: ProofSums) {
    this.#sums = sums;
  }

  get sums(): ProofSums {
    return this.#sums;
  }

  /** [PFL1] REQUIRES: each part ends once, and is at or behind `partsDone`. */
  ended(part: number, report: ProofReport): void {
    this.#early.set(part, report);
    for (;;) {
      const next = this.#early.get(this.#sums.partsDone);
      if (next === undefined) return;
      this.#early.delete(this.#sums.partsDone);
      this.#sums = {
        partsDone: this.#sums.partsDone + 1,
        runs: this.#sums.runs + next.runs,
        amount: this.#sums.amount + next.amount,
        failures: [...this.#sums.failures, ...next.failures].slice(0, FAILURES_KEPT),
        milliseconds: this.#sums.milliseconds + next.milliseconds,
      };
    }
  }
}
