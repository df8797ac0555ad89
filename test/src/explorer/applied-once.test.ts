// V9 on hand-made appends: a write that is made again is named, unless its object may have forgotten it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Dot, encodeRecord, type RecordObject } from '@clockwise/record/build';
import { viewOfRecord } from '../checkers/causal-ledger-version.ts';
import { DotLedger } from '../checkers/dot-ledger.ts';
import { checkAppliedOnce } from './applied-once.ts';
import type { Version } from './explored-replica.ts';

const SESSION = 7n;

function dot(incarnation: number, counter: number): Dot {
  return { incarnation: BigInt(incarnation), counter: BigInt(counter) };
}

/** What operation number `operation` left as the only sibling. */
function version(context: readonly Dot[], own: Dot, operation: number): Version {
  const record: RecordObject = {
    bucketId: 1,
    token: 0n,
    key: Uint8Array.of(107),
    replicationClass: 0,
    context,
    siblings: [
      {
        dot: own,
        operation: { session: SESSION, sequence: operation },
        tombstone: false,
        codec: 0,
        expirySeconds: 0,
        hybrid: 0n,
        value: Uint8Array.of(operation),
      },
    ],
    recents: [],
  };
  const view = viewOfRecord(encodeRecord(record), 0);
  return { key: 'k', shelf: 'own', isSettled: false, sequence: 1, record, view };
}

function check(versions: readonly Version[], recentOperationsMax: number): string[] {
  const dots = new DotLedger();
  for (const { record } of versions) dots.observe(record, 'k', 'n1');
  const [before, after] = versions.slice(-2);
  return checkAppliedOnce({
    append: { version: after!, before, isMade: true },
    opening: 'n1',
    dots,
    writes: [0, 1].map((sequence) => ({ session: SESSION, sequence })),
    recentOperationsMax,
  }).map(({ oracle }) => oracle);
}

const first = version([dot(1, 1)], dot(1, 1), 0);
const over = version([dot(1, 2)], dot(1, 2), 1);

test('[V9] another operation is made as often as it likes', () => {
  assert.equal(check([first, over], 2), []);
});

test('[V9] an operation that was superseded is not made again while its object remembers it', () => {
  const again = version([dot(1, 3)], dot(1, 3), 0);
  assert.equal(check([first, over, again], 2), ['V9']);
  assert.equal(check([first, over, again], 0), [], 'it may have been forgotten');
});

test('[V9] nor is one that is there still', () => {
  assert.equal(check([first, version([dot(1, 2)], dot(1, 2), 0)], 2), ['V9']);
});

test.run();
