/** Histories of clients made by hand, for the tests of their judges. */
import type { Dot } from '@clockwise/record/build';
import type { ClientEntry, ClientFinal, ClientRead, ClientWrite } from './client-history.ts';
import { judge } from './judge.ts';

export const A: bigint = 0xan;
export const B: bigint = 0xbn;
export const dot = (incarnation: bigint, counter: number): Dot => ({
  incarnation,
  counter: BigInt(counter),
});

/** A quorum put that took from 10 x `operation` on five milliseconds, and was sent once. */
export function put(operation: number, fields: Partial<ClientWrite> = {}): ClientWrite {
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
    answer: [],
    tries: 1,
    code: '',
    ...fields,
  };
}

export type Shown = readonly [value: string, dot: Dot];

export function read(
  operation: number,
  context: readonly Dot[],
  shown: readonly Shown[],
): ClientRead {
  return {
    kind: 'get',
    client: 1,
    operation,
    bucketId: 1,
    key: 'k',
    level: 2,
    invokedAt: operation * 10,
    completedAt: operation * 10 + 5,
    values: shown.map(([value]) => value),
    context,
    siblings: shown.map(([value, own]) => ({ value, dot: own })),
    code: '',
  };
}

export function final(context: readonly Dot[], shown: readonly Shown[]): ClientFinal {
  const { values, siblings } = read(0, context, shown);
  return { bucketId: 1, key: 'k', values: values!, context, siblings };
}

/** The oracles that speak of a history on one key. */
export function oracles(
  history: readonly ClientEntry[],
  atRest: ClientFinal,
  isSingleHop = true,
): string[] {
  const { violations } = judge({
    history,
    finals: [atRest],
    copies: 3,
    isSingleHop,
    siblingBuckets: new Set([1]),
    isSetKey: () => false,
  });
  return [...new Set(violations.map(({ oracle }) => oracle))].toSorted();
}

/** A put, and a read that shows it. */
export const first: ClientWrite = put(1, { answer: [dot(A, 1)] });
export const firstRead: ClientRead = read(2, [dot(A, 1)], [['v1', dot(A, 1)]]);
