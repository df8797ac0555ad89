/** Folds against merges of the same versions at the bottom. */
import { Prng } from '@clockwise/kernel/prng';
import { encodeRecord } from '@clockwise/record/build';
import { HEADER, KIND } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MergeRun } from './compaction/merge-run.ts';
import { type Combine, VersionMerge } from './compaction/version-merge.ts';
import { DeltaFold, isDelta } from './delta-fold.ts';

const SEED = 'delta-fold-1';

/** Keeps what it was made of: each version's number, in the words of the key's end. */
const combine: Combine = (newer, newerAt, older, olderAt, out, outAt) => {
  const wordCount = newer[newerAt]!;
  for (let index = 0; index < wordCount; index += 1) out[outAt + index] = newer[newerAt + index]!;
  out[outAt + HEADER.reserved] =
    newer[newerAt + HEADER.reserved]! * 16 + older[olderAt + HEADER.reserved]!;
  return wordCount;
};

function versionOf(number: number, kind: number): Int32Array {
  const words = encodeRecord({
    bucketId: 1,
    token: 7n << 32n,
    key: Uint8Array.of(1, 2, 3),
    replicationClass: 0,
    context: [],
    siblings: [],
    recents: [],
  });
  words[HEADER.kind] = (words[HEADER.kind]! & ~0xff) | kind;
  words[HEADER.reserved] = number;
  return words;
}

test(`[DF1] the fold of all versions is what a merge at the bottom writes (seed ${SEED})`, () => {
  for (let round = 0; round < 300; round += 1) {
    const prng = new Prng(`${SEED}/${round}`);
    const versions = Array.from({ length: prng.between(1, 6) }, (_, index) =>
      versionOf(index + 1, index > 0 && prng.chance(0.3) ? KIND.full : KIND.delta),
    );
    const counts = {
      inputRecords: 0,
      outputRecords: 0,
      droppedOlder: 0,
      droppedRange: 0,
      droppedTombstone: 0,
      folded: 0,
      expiredRewritten: 0,
    };
    const horizon = {
      expiredBeforeSeconds: 0,
      partitionBits: 2,
      tombstonesBeforeSeconds: undefined,
    };
    const merge = new VersionMerge({ horizon, rangeDrops: [], isBottom: true, combine }, counts);
    merge.take({
      versionCount: versions.length,
      bucketId: 1,
      tokenHigh: 7,
      tokenLow: 0,
      head: (version: number) => ({ words: versions[version]!, record: 0, lastSequence: 1 }),
    } as unknown as MergeRun);
    const fold = new DeltaFold(combine, versions[0]!, 0);
    for (const older of versions.slice(1)) if (fold.add(older, 0)) break;
    const { words, record } = merge;
    const wordCount = words[record + HEADER.wordCount]!;
    assert.equal([...fold.words], [...words.subarray(record, record + wordCount)], `${round}`);
  }
});

test('a fold begins with a delta', () => {
  const full = versionOf(1, KIND.full);
  assert.not.ok(isDelta(full, 0));
  assert.throws(() => new DeltaFold(combine, full, 0), /begins with a delta/);
});

test.run();
