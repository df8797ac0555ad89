/** What becomes of hidden records in merges: settled ones go, at the bottom and nowhere else. */
import { Prng } from '@clockwise/kernel/prng';
import { encodeRecord } from '@clockwise/record/build';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { HEADER, KIND } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noCounts } from './merge-counts.ts';
import type { MergeRun } from './merge-run.ts';
import { VersionMerge } from './version-merge.ts';

const SEED = 'settled-1';
const HORIZON = {
  expiredBeforeSeconds: 1_700_000_000,
  partitionBits: 2,
  tombstonesBeforeSeconds: Float64Array.of(2e9, 2e9, 2e9, 2e9),
};

/** A mark, or a hint; `owed` 0: settled. */
function hidden(owed: number, number: number, isHint: boolean, isDelete = false): Int32Array {
  const dot = { incarnation: 5n, counter: BigInt(number) };
  const operation = { session: 1n, sequence: number };
  const words = encodeRecord({
    bucketId: isHint ? HIDDEN_BUCKET.hint : HIDDEN_BUCKET.mark,
    token: 7n << 32n,
    key: Uint8Array.of(1, 0, 0, 0, 107),
    replicationClass: 0,
    context: isHint && owed > 0 ? [dot] : [],
    siblings:
      isHint && owed > 0
        ? [
            {
              dot,
              operation,
              tombstone: isDelete,
              codec: 0,
              expirySeconds: 0,
              hybrid: 9n << 16n,
              value: Uint8Array.from(isDelete ? [] : [number]),
            },
          ]
        : [],
    recents: isHint || owed === 0 ? [] : [{ operation, seconds: 4, dot }],
  });
  words[HEADER.kind] = (words[HEADER.kind]! & ~0xff) | (isDelete ? KIND.tombstone : KIND.full);
  words[HEADER.reserved] = owed;
  return words;
}

/** Of one key's versions, newest first. */
function merged(versions: readonly Int32Array[], isBottom: boolean): Int32Array[] {
  const counts = noCounts();
  const combine = (): number => 0;
  const merge = new VersionMerge({ horizon: HORIZON, rangeDrops: [], isBottom, combine }, counts);
  merge.take({
    versionCount: versions.length,
    bucketId: versions[0]![HEADER.bucketId],
    tokenHigh: 7,
    tokenLow: 0,
    head: (version: number) => ({ words: versions[version]!, record: 0, lastSequence: 1 }),
  } as unknown as MergeRun);
  const { words, record } = merge;
  assert.is(counts.droppedOlder, versions.length - 1);
  assert.is(counts.outputRecords + counts.droppedTombstone, 1, 'MJ1');
  return record < 0 ? [] : [words.slice(record, record + words[record + HEADER.wordCount]!)];
}

test('[VM4] a settled record goes at the bottom; above it, it stays and covers what it settled', () => {
  for (const isHint of [false, true]) {
    const [owed, settled] = [hidden(0x3_0001, 1, isHint), hidden(0, 2, isHint)];
    assert.equal(merged([settled, owed], false), [settled]);
    assert.equal(merged([settled, owed], true), []);
    assert.equal(merged([owed, settled], true), [owed], 'owed anew');
    assert.equal(merged([owed], true), [owed], 'neither deleted nor expired');
  }
});

test('[VM4] [HN3] a delete that is owed to somebody stays, also where tombstones as old are needed by nobody', () => {
  const owed = hidden(0x3_0001, 1, true, true);
  assert.equal(merged([owed], true), [owed]);
  assert.equal(merged([hidden(0, 2, true), owed], true), []);
});

test(`[VM4] in however many merges: what is left at the bottom is what one merge leaves (seed ${SEED})`, () => {
  for (let round = 0; round < 500; round += 1) {
    const prng = new Prng(`${SEED}/${round}`);
    const isHint = prng.chance(0.5);
    const versions = Array.from({ length: prng.between(1, 7) }, (_, index) =>
      hidden(prng.chance(0.5) ? 0 : 0x3_0000 | (index + 1), index + 1, isHint),
    );
    const expected = merged(versions, true);
    let left = versions;
    while (left.length > 1) {
      const from = prng.below(left.length);
      const to = prng.between(from + 1, left.length);
      const part = merged(left.slice(from, to), to === left.length);
      left = [...left.slice(0, from), ...part, ...left.slice(to)];
      if (left.length === 0) break;
    }
    assert.equal(left.length === 0 ? [] : merged(left, true), expected, `round ${round}`);
  }
});

test.run();
