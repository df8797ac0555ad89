/**
 * How operations ask to be answered, drawn for each by its client and number alone: so that what others
 * do, or what is left out of a plan, changes nothing of it.
 */
import { Prng } from '@clockwise/kernel/prng';
import type { ClientMemory, PlannedOperation, Workload } from './workload.ts';

export interface MannerShares {
  /** Of all operations: only primaries may count. */
  readonly strictShare: number;
  /** Of gets: no later one of its kind may answer with less. */
  readonly monotonicShare: number;
}

export class MannerOf implements Workload {
  readonly #workload: Workload;
  readonly #seed: string;
  readonly #shares: MannerShares;

  constructor(workload: Workload, seed: string, shares: MannerShares) {
    this.#workload = workload;
    this.#seed = seed;
    this.#shares = shares;
  }

  plan(memory: ClientMemory): PlannedOperation {
    const planned = this.#workload.plan(memory);
    const prng = new Prng(`${this.#seed}|manner|${memory.client}.${memory.operation}`);
    const isStrict = prng.chance(this.#shares.strictShare);
    const isMonotonic = planned.kind === 'get' && prng.chance(this.#shares.monotonicShare);
    return { ...planned, isStrict, isMonotonic };
  }
}
