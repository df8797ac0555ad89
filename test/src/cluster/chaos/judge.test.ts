// The judge of real processes on histories made by hand: silent where all is well, and not where it is not.
import type { Dot } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientEntry, ClientFinal, ClientRead, ClientWrite } from './client-history.ts';
import { judge } from './judge.ts';

const A = 0xan;
const B = 0xbn;
const dot = (incarnation: bigint, counter: number): Dot => ({
  incarnation,
  counter: BigInt(counter),
});

/** A quorum put that took from 10 x `operation` on five milliseconds, and was sent once. */
function put(operation: number, fields: Partial<ClientWrite> = {}): ClientWrite {
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

type Shown = readonly [value: string, dot: Dot];

function read(operation: number, context: readonly Dot[], shown: readonly Shown[]): ClientRead {
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

function final(context: readonly Dot[], shown: readonly Shown[]): ClientFinal {
  const { values, siblings } = read(0, context, shown);
  return { bucketId: 1, key: 'k', values: values!, context, siblings };
}

function oracles(
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

const first = put(1, { answer: [dot(A, 1)] });
const firstRead = read(2, [dot(A, 1)], [['v1', dot(A, 1)]]);

test('[O1] what is there, or was replaced by a write that knew it, is not lost', () => {
  assert.equal(oracles([first, firstRead], final([dot(A, 1)], [['v1', dot(A, 1)]])), []);
  const second = put(3, { context: [dot(A, 1)], answer: [dot(A, 2)] });
  assert.equal(oracles([first, firstRead, second], final([dot(A, 2)], [['v3', dot(A, 2)]])), []);
  const unknown = put(3, { context: [dot(A, 1)], outcome: 'unknown', completedAt: Infinity });
  assert.equal(oracles([first, firstRead, unknown], final([dot(A, 2)], [['v3', dot(A, 2)]])), []);
});

test('[O1] an acknowledged write whose context is not covered at rest is lost', () => {
  assert.equal(oracles([first], final([], [])), ['O1']);
  assert.equal(oracles([put(1, { answer: [dot(A, 1)], tries: 3 })], final([], [])), ['O1']);
});

test('[O1] a put that is gone, and that nobody who wrote knew, is lost', () => {
  const other = put(3, { context: [], answer: [dot(A, 1), dot(B, 1)] });
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.equal(oracles([first, firstRead, other], atRest), ['O1']);
});

test('[O1] an overwrite may replace what its record held, and nothing where it was over before', () => {
  const overwrite = put(3, { context: undefined, answer: [dot(A, 1), dot(B, 1)] });
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.equal(oracles([first, overwrite], atRest), []);
  const before = put(0, { context: undefined, answer: [dot(B, 1)] });
  const gone = final([dot(A, 1), dot(B, 1)], [['v0', dot(B, 1)]]);
  assert.equal(oracles([before, first], gone), ['O1']);
  // Sent twice, it may have been applied again, later.
  assert.equal(oracles([{ ...before, tries: 2 }, first], gone), []);
  assert.equal(oracles([before, first], gone, false), []);
});

test('[O1] the dot of a put that nobody saw is known from its answer', () => {
  const unseen = put(3, { context: [dot(A, 1)], answer: [dot(A, 1), dot(B, 7)] });
  const knew = put(5, { context: [dot(A, 1), dot(B, 7)], answer: [dot(A, 1), dot(B, 8)] });
  const atRest = final([dot(A, 1), dot(B, 8)], [['v5', dot(B, 8)]]);
  assert.equal(oracles([first, firstRead, unseen, knew], atRest), []);
  const knewNot = { ...knew, context: [dot(A, 1), dot(B, 6)] };
  assert.equal(oracles([first, firstRead, unseen, knewNot], atRest), ['O1']);
});

test('[O3] what an acknowledged write replaced does not come back, at rest or in a read', () => {
  const second = put(3, { context: [dot(A, 1)], answer: [dot(A, 2)] });
  const both: readonly Shown[] = [
    ['v1', dot(A, 1)],
    ['v3', dot(A, 2)],
  ];
  assert.equal(oracles([first, firstRead, second], final([dot(A, 2)], both)), ['O3']);
  const atRest = final([dot(A, 2)], [['v3', dot(A, 2)]]);
  assert.equal(oracles([first, second, read(4, [dot(A, 2)], both)], atRest), ['O3']);
  // At level one it may come from a replica that has not heard.
  const stale = { ...read(4, [dot(A, 1)], [['v1', dot(A, 1)]]), level: 1 };
  assert.equal(oracles([first, second, stale], atRest), []);
  const overwrite = { ...second, context: undefined };
  assert.equal(oracles([first, firstRead, overwrite], final([dot(A, 2)], both)), ['O3']);
});

test('[O6] a read that meets a write covers its answer', () => {
  const atRest = final([dot(A, 1)], [['v1', dot(A, 1)]]);
  assert.equal(oracles([first, read(2, [], [])], atRest), ['O6']);
  assert.equal(oracles([first, { ...read(2, [], []), level: 1 }], atRest), []);
});

test('[O7] a dot names one value, and a put that was sent once has one dot', () => {
  const second = put(3, { answer: [dot(A, 1), dot(B, 1)] });
  const twice = read(4, [dot(A, 1), dot(B, 1)], [['v3', dot(A, 1)]]);
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.ok(oracles([first, firstRead, second, twice], atRest).includes('O7'));
  const shown: readonly Shown[] = [['v1', dot(B, 1)]];
  const moved = read(4, [dot(A, 1), dot(B, 1)], shown);
  const moving = final([dot(A, 1), dot(B, 1)], shown);
  assert.equal(oracles([first, firstRead, moved], moving), ['O1']);
  const repeated = put(1, { answer: [dot(A, 1)], tries: 2 });
  assert.equal(oracles([repeated, firstRead, moved], moving), []);
});

test('[O10 RP1] a read returns what was put there, and nothing that was read is forgotten', () => {
  const invented = read(2, [dot(A, 1)], [['v9', dot(A, 1)]]);
  assert.ok(oracles([first, invented], final([dot(A, 1)], [['v1', dot(A, 1)]])).includes('O10'));
  const unknown = put(1, { outcome: 'unknown', completedAt: Infinity });
  assert.equal(oracles([unknown, firstRead], final([], [])), ['RP1']);
});

test('[P3] what was answered as not applied is seen nowhere', () => {
  const refused = put(1, { outcome: 'not-applied', code: 'OVERLOADED' });
  assert.equal(oracles([refused], final([], [])), []);
  const atRest = final([dot(A, 1)], [['v1', dot(A, 1)]]);
  assert.equal(oracles([refused, firstRead], atRest), ['P3']);
});

test.run();
