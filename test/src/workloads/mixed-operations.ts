/**
 * Puts, gets and deletes at any levels on a few keys: overwrites, writes under the context last seen
 * (which may be old), and writes that add a sibling.
 */
import type {
  ClientMemory,
  PlannedOperation,
  Workload,
  WorkloadOptions,
  WriteContext,
} from './workload.ts';
import { NOTHING_SEEN, seenName } from './workload.ts';
import { drawValue } from './write-value.ts';

/** Probabilities; the rest are gets. */
export interface OperationMix {
  readonly put: number;
  readonly delete: number;
  /** Of writes: that they overwrite; that they add a sibling; the rest go with the context seen last. */
  readonly overwrite: number;
  readonly addSibling: number;
}

export const MIXED: OperationMix = { put: 0.45, delete: 0.1, overwrite: 0.4, addSibling: 0.1 };
export const BLIND_PUTS: OperationMix = { put: 0.8, delete: 0, overwrite: 1, addSibling: 0 };
/** Keys as registers: what is read is what was written last, where one copy orders all writes. */
export const REGISTER: OperationMix = { put: 0.4, delete: 0.08, overwrite: 1, addSibling: 0 };
export const CONTEXTUAL: OperationMix = { put: 0.5, delete: 0.05, overwrite: 0, addSibling: 0 };

export class MixedOperations implements Workload {
  readonly #options: WorkloadOptions;
  readonly #mix: OperationMix;

  constructor(options: WorkloadOptions, mix: OperationMix) {
    this.#options = options;
    this.#mix = mix;
  }

  plan(memory: ClientMemory): PlannedOperation {
    const { prng } = memory;
    const { seed, bucketIds, keyCount, readLevels, writeLevels, valueSizes } = this.#options;
    const bucketId = prng.pick(bucketIds);
    const key = `key-${prng.below(keyCount)}`;
    const draw = prng.unit();
    const { put, delete: remove } = this.#mix;
    if (draw >= put + remove) return { kind: 'get', bucketId, key, level: prng.pick(readLevels) };
    const level = prng.pick(writeLevels);
    const context = this.#context(memory, bucketId, key);
    if (draw >= put) return { kind: 'delete', bucketId, key, level, context };
    const value = drawValue(seed, memory, valueSizes);
    return { kind: 'put', bucketId, key, level, context, value };
  }

  #context({ prng, seen }: ClientMemory, bucketId: number, key: string): WriteContext {
    const draw = prng.unit();
    const { overwrite, addSibling } = this.#mix;
    if (draw < overwrite) return { kind: 'overwrite' };
    if (draw < overwrite + addSibling) return { kind: 'given', words: NOTHING_SEEN.context };
    const { context } = seen.get(seenName(bucketId, key)) ?? NOTHING_SEEN;
    return { kind: 'given', words: context };
  }
}
