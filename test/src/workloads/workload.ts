/**
 * What clients do: a workload plans one operation after the other for a client that remembers what it
 * last saw. Values can be read back to the write that made them, without the history.
 */
import type { Prng } from '@clockwise/kernel/prng';
import type { ValueSizes } from './write-value.ts';

/** The context with which a write goes out: words as an answer carried them. */
export type WriteContext =
  /** Whatever the replica holds then. */
  | { readonly kind: 'overwrite' }
  /** What the words cover; an empty one adds a sibling. */
  | { readonly kind: 'given'; readonly words: Int32Array };

export type PlannedOperation = AskedManner &
  (
    | {
        readonly kind: 'get';
        readonly bucketId: number;
        readonly key: string;
        readonly level: number;
      }
    | {
        readonly kind: 'put';
        readonly bucketId: number;
        readonly key: string;
        readonly level: number;
        readonly context: WriteContext;
        readonly value: string;
      }
    | {
        readonly kind: 'delete';
        readonly bucketId: number;
        readonly key: string;
        readonly level: number;
        readonly context: WriteContext;
      }
  );

/** How the answer is to come about. Left out: no. */
export interface AskedManner {
  /** Only primaries count. */
  readonly isStrict?: boolean;
  /** Of a get: what it returns no later get of its level may miss. */
  readonly isMonotonic?: boolean;
  /** Of a put or delete: it goes out as a retry from the first, of what another had begun. */
  readonly isRepeated?: boolean;
}

/** What a client saw of a key last. */
export interface Seen {
  readonly context: Int32Array;
  readonly values: readonly string[];
}

export interface ClientMemory {
  /** Of the client's last successful get of the key, or of its last put there. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** The context that the client's last put of the key was answered with. */
  readonly written: ReadonlyMap<string, Int32Array>;
  readonly client: number;
  /** The number that the planned operation will have. */
  readonly operation: number;
  readonly prng: Prng;
}

export interface WorkloadOptions {
  readonly seed: string;
  readonly bucketIds: readonly number[];
  readonly keyCount: number;
  /** Levels to choose from, as on the wire. */
  readonly readLevels: readonly number[];
  readonly writeLevels: readonly number[];
  readonly valueSizes: ValueSizes;
}

export interface Workload {
  plan(memory: ClientMemory): PlannedOperation;
}

export function seenName(bucketId: number, key: string): string {
  return `${bucketId}/${key}`;
}

export const NOTHING_SEEN: Seen = { context: new Int32Array(0), values: [] };
