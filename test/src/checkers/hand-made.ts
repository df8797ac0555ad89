/** Parts of histories made by hand, for the tests of checkers: one key, `k` in bucket 1. */
import type { Dot, RecordObject } from '@clockwise/record/build';
import { DotLedger } from './dot-ledger.ts';
import type { FinalState, ReadEntry, WriteEntry } from './history.ts';

/** Two incarnations. */
export const A = 0xan;
export const B = 0xbn;

export function dot(incarnation: bigint, counter: number): Dot {
  return { incarnation, counter: BigInt(counter) };
}

export function sessionOf(client: number): bigint {
  return BigInt(client + 1);
}

/** Client 0 puts `v<operation>` under an empty context from 10 x operation on, for 5 ms. */
export function write(operation: number, fields: Partial<WriteEntry> = {}): WriteEntry {
  return {
    kind: 'put',
    client: 0,
    operation,
    bucketId: 1,
    key: 'k',
    context: [],
    value: `v${operation}`,
    level: 2,
    invokedAt: operation * 10,
    completedAt: operation * 10 + 5,
    outcome: 'ok',
    ...fields,
  };
}

export function remove(operation: number, fields: Partial<WriteEntry> = {}): WriteEntry {
  return write(operation, { kind: 'delete', value: undefined, ...fields });
}

/** Client 1 reads at `invokedAt`, for 5 ms. */
export function read(
  invokedAt: number,
  values: readonly string[],
  context: readonly Dot[],
  fields: Partial<ReadEntry> = {},
): ReadEntry {
  return {
    kind: 'get',
    client: 1,
    operation: invokedAt,
    bucketId: 1,
    key: 'k',
    level: 2,
    invokedAt,
    completedAt: invokedAt + 5,
    values,
    context,
    ...fields,
  };
}

export function final(fields: Partial<FinalState> = {}): FinalState {
  return { bucketId: 1, key: 'k', values: [], context: [], ...fields };
}

/** Siblings as the dot and the operation of client 0 that made them. */
export function record(
  siblings: readonly (readonly [Dot, number])[],
  context: readonly Dot[],
): RecordObject {
  return {
    bucketId: 1,
    token: 0n,
    key: new Uint8Array([0x6b]),
    replicationClass: 0,
    context,
    siblings: siblings.map(([made, operation]) => ({
      dot: made,
      operation: { session: 1n, sequence: operation },
      tombstone: false,
      codec: 1,
      expirySeconds: 0,
      hybrid: 0n,
      value: new TextEncoder().encode(`v${operation}`),
    })),
    recents: [],
  };
}

/** What replicas appended, in that order. */
export function ledgerOf(...records: readonly RecordObject[]): DotLedger {
  const ledger = new DotLedger();
  for (const [index, one] of records.entries()) ledger.observe(one, 'k', `n1 at ${index}`);
  return ledger;
}
