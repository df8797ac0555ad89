// O2 step by step, on hand-made appends: good ones pass, bad ones are named.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dot, RecordObject } from '@clockwise/record/build';
import { DotLedger } from '../checkers/dot-ledger.ts';
import type { Append, Version } from './explored-replica.ts';
import { checkSupersession } from './supersession.ts';

const SESSION = 7n;

function dot(incarnation: number, counter: number): Dot {
  return { incarnation: BigInt(incarnation), counter: BigInt(counter) };
}

/** Sibling `name` was written by the operation of its number under that dot. */
function record(
  context: readonly Dot[],
  siblings: readonly (readonly [Dot, number])[],
): RecordObject {
  return {
    bucketId: 1,
    token: 0n,
    key: Uint8Array.of(107),
    replicationClass: 0,
    context,
    siblings: siblings.map(([own, operation]) => ({
      dot: own,
      operation: { session: SESSION, sequence: operation },
      tombstone: false,
      codec: 0,
      expirySeconds: 0,
      hybrid: 0n,
      value: Uint8Array.of(operation),
    })),
    recents: [],
  };
}

function version(of: RecordObject): Version {
  const words = new Int32Array(0);
  return { key: 'k', record: of, canonical: words, context: words };
}

function check(
  append: Append,
  records: readonly RecordObject[],
  contexts: readonly (readonly Dot[] | undefined)[],
): string[] {
  const ledger = new DotLedger();
  for (const made of records) ledger.observe(made, 'k', 'somewhere');
  return checkSupersession({
    where: 'n1',
    append,
    ledger,
    writes: contexts.map((_, index) => ({ index, session: SESSION })),
    contextGivenBy: (operation) => contexts[operation],
    dotName: (name) => `${name.incarnation}.${name.counter}`,
  }).map(({ oracle }) => oracle);
}

const first = record([dot(1, 1)], [[dot(1, 1), 0]]);

test('[O2] an overwrite supersedes what its maker held', () => {
  const over = record([dot(1, 2)], [[dot(1, 2), 1]]);
  const append = {
    version: version(over),
    isMade: true,
    before: version(first),
    incoming: undefined,
  };
  assert.equal(check(append, [first, over], [undefined, undefined]), []);
});

test('[O2] a write under a context supersedes what that covers, and nothing else', () => {
  const over = record([dot(1, 1), dot(2, 1)], [[dot(2, 1), 1]]);
  const append = {
    version: version(over),
    isMade: true,
    before: version(first),
    incoming: undefined,
  };
  assert.equal(check(append, [first, over], [undefined, [dot(1, 1)]]), []);
  assert.equal(check(append, [first, over], [undefined, []]), ['O2']);
});

test('[O2] a join that drops a sibling which its context merely claims to cover is named', () => {
  const other = record([dot(2, 1)], [[dot(2, 1), 1]]);
  const joined = record([dot(1, 1), dot(2, 1)], [[dot(1, 1), 0]]);
  const append = {
    version: version(joined),
    isMade: false,
    before: version(first),
    incoming: other,
  };
  assert.equal(check(append, [first, other], [undefined, undefined]), ['O2']);
});

test.run();
