/**
 * The set test: each client reads a set, unites its siblings, adds an element of its own and puts the
 * union under the context that it read (or, if `stale`, under that of its own put before: A2).
 */
import type { ClientMemory, PlannedOperation, Workload, WorkloadOptions } from './workload.ts';
import { seenName } from './workload.ts';

/** Elements that a client adds to one set, so that sets stay small. */
const TURNS = 20;

/** The added element first, then what was known. */
export function elementsOf(value: string): readonly string[] {
  return value.split(' ');
}

export function addedBy(value: string): string {
  return elementsOf(value)[0]!;
}

export class SetAdd implements Workload {
  readonly #options: WorkloadOptions;
  readonly #isStale: boolean;

  constructor(options: WorkloadOptions, isStale: boolean) {
    this.#options = options;
    this.#isStale = isStale;
  }

  plan(memory: ClientMemory): PlannedOperation {
    const { prng, seen, written, client, operation } = memory;
    const { bucketIds, keyCount, readLevels, writeLevels } = this.#options;
    const bucketId = bucketIds[0]!;
    // Few keys in turn, so that a client's get and the put that follows it meet on one.
    const turn = operation >> 1;
    const key = `set-${Math.floor(turn / (keyCount * TURNS)) * keyCount + (turn % keyCount)}`;
    const name = seenName(bucketId, key);
    const known = seen.get(name);
    // The answer of a put covers siblings that its client has not seen: where the get between two puts
    // failed, it must be tried again.
    const isRead = known !== undefined && known.context !== written.get(name);
    if (!isRead || operation % 2 === 0)
      return { kind: 'get', bucketId, key, level: prng.pick(readLevels) };
    const elements = new Set([`${client}.${operation}`, ...known.values.flatMap(elementsOf)]);
    return {
      kind: 'put',
      bucketId,
      key,
      level: prng.pick(writeLevels),
      context: {
        kind: 'given',
        words: (this.#isStale ? written.get(name) : undefined) ?? known.context,
      },
      value: [...elements].join(' '),
    };
  }
}
