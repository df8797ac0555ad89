/**
 * Keys that are deleted and created again, over and over: deletes under the context last seen and
 * deletes of whatever is there; puts under the context that the delete was answered with, puts that
 * overwrite, and puts that know nothing.
 */
import type { ClientMemory, PlannedOperation, Workload, WorkloadOptions } from './workload.ts';
import { NOTHING_SEEN, seenName } from './workload.ts';
import { drawValue } from './write-value.ts';

/** Few, so that clients meet on keys while these go and come. */
const KEYS_MAX = 8;
const GET = 0.35;
const DELETE_UNDER_CONTEXT = 0.6;
const PUT_UNDER_CONTEXT = 0.5;
const PUT_OVERWRITE = 0.3;

export class DeleteAndRecreate implements Workload {
  readonly #options: WorkloadOptions;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  plan(memory: ClientMemory): PlannedOperation {
    const { prng, seen } = memory;
    const { seed, bucketIds, keyCount, readLevels, writeLevels, valueSizes } = this.#options;
    const bucketId = prng.pick(bucketIds);
    const key = `phoenix-${prng.below(Math.min(keyCount, KEYS_MAX))}`;
    if (prng.chance(GET)) return { kind: 'get', bucketId, key, level: prng.pick(readLevels) };
    const level = prng.pick(writeLevels);
    const known = seen.get(seenName(bucketId, key)) ?? NOTHING_SEEN;
    const given = { kind: 'given', words: known.context } as const;
    const overwrite = { kind: 'overwrite' } as const;
    const draw = prng.unit();
    if (known.values.length > 0) {
      const context = draw < DELETE_UNDER_CONTEXT ? given : overwrite;
      return { kind: 'delete', bucketId, key, level, context };
    }
    const value = drawValue(seed, memory, valueSizes);
    if (draw < PUT_UNDER_CONTEXT) {
      return { kind: 'put', bucketId, key, level, context: given, value };
    }
    const isOverwrite = draw < PUT_UNDER_CONTEXT + PUT_OVERWRITE;
    const context = isOverwrite
      ? overwrite
      : ({ kind: 'given', words: NOTHING_SEEN.context } as const);
    return { kind: 'put', bucketId, key, level, context, value };
  }
}
