/** The control of merges by hand-made beats: nothing is read or written here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tableName } from '../file-names.ts';
import type { Manifest, TableMetadata } from '../manifest.ts';
import { TableReader, type TableParts } from '../sstable-reader.ts';
import { StoreVersions } from '../store-versions.ts';
import type { KeyBound } from '../table-cursor.ts';
import { MergeControl, type MergeControlOptions, NO_HORIZON } from './merge-control.ts';
import { noCounts } from './merge-counts.ts';
import type { MergeInput, MergeOutput } from './merge-job.ts';
import { RewrittenTables } from './rewritten-tables.ts';

const OPTIONS: MergeControlOptions = {
  runsMin: 2,
  tableBytes: 1000,
  levelBytes1: 5000,
  levelFanout: 4,
  levelsMax: 3,
  tableBlockBytes: 512,
  tableCodec: 0,
  bloomBitsPerKey: 10,
  combine: 'none',
  horizon: () => NO_HORIZON,
  nowMs: () => 0,
};

function table(fileNumber: number, changes: Partial<TableMetadata> = {}): TableMetadata {
  return {
    fileNumber,
    level: 0,
    byteCount: 1000,
    recordCount: 10,
    tombstoneCount: 0,
    firstBucketId: 1,
    firstTokenHigh: 0,
    firstTokenLow: 0,
    lastBucketId: 1,
    lastTokenHigh: 100,
    lastTokenLow: 0,
    firstSequence: fileNumber * 10,
    lastSequence: fileNumber * 10 + 9,
    rawBytes: 900,
    expiringCount: 0,
    deltaCount: 0,
    earliestExpirySeconds: 0,
    latestExpirySeconds: 0,
    largestRecordWords: 24,
    ...changes,
  };
}

function partsOf(metadata: TableMetadata): TableParts {
  const footer = {
    table: metadata,
    storeIdLow: 1,
    storeIdHigh: 2,
    blockCount: 0,
    indexBytesFrom: 0,
    indexChecksum: 0,
    filterBytesFrom: 0,
    filterWords: 0,
    filterProbes: 6,
    filterChecksum: 0,
    codec: 0,
  };
  return { footer, index: new Int32Array(0), filter: new Int32Array(0) };
}

const reader = (parts: TableParts, metadata: TableMetadata): TableReader =>
  new TableReader({ ...parts, footer: { ...parts.footer, table: metadata } }, () => 0);

function versionsOf(tables: readonly TableMetadata[]): StoreVersions {
  const manifest: Manifest = {
    edition: 3,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    opening: 1,
    nextFileNumber: 100,
    floorSequence: Math.max(...tables.map(({ lastSequence }) => lastSequence)),
    leavesFileNumber: 0,
    sealed: [],
    tables,
    rangeDrops: [],
    givenUp: [],
    droppedRecordCount: 0,
  };
  return new StoreVersions({
    manifest,
    highestEdition: 3,
    readers: tables.map((each) => reader(partsOf(each), each)),
    makeReader: reader,
  });
}

function begin(control: MergeControl): MergeInput {
  const job = control.beginBeat();
  if (job?.kind !== 'merge') throw new Error('no beat');
  return job.input;
}

/** What a beat says that read `inputRecords` records and kept all. */
function outputOf(
  input: MergeInput,
  inputRecords: number,
  next: KeyBound | undefined,
): MergeOutput {
  const { outputLevel: level, fileNumber } = input;
  const from = input.after?.tokenHigh ?? -1;
  const written = table(fileNumber, {
    level,
    recordCount: inputRecords,
    firstTokenHigh: from + 1,
    lastTokenHigh: next?.tokenHigh ?? 100,
    lastSequence: Math.max(...input.inputs.map(({ lastSequence }) => lastSequence)),
  });
  const counts = { ...noCounts(), inputRecords, outputRecords: inputRecords };
  return { parts: partsOf(written), next, counts, bytesRead: 100, bytesWritten: 90 };
}

function publish(versions: StoreVersions): void {
  assert.ok(versions.beginPublish() !== undefined);
  versions.published();
}

test('[CG1] [CG2] a merge goes beat by beat, and its edition replaces the inputs by all outputs', () => {
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, OPTIONS);
  assert.is(control.wanted(), 2000);
  const first = begin(control);
  assert.is(first.after, undefined);
  assert.equal(
    first.inputs.map(({ fileNumber }) => fileNumber),
    [2, 1],
  );
  assert.is(control.wanted(), 0, 'a beat is under way');
  assert.is(control.beginBeat(), undefined);
  const next = { bucketId: 1, tokenHigh: 40, tokenLow: 0 };
  assert.is(control.beatDone(outputOf(first, 12, next)), 'more');
  assert.is(control.wanted(), 2000);
  assert.is(versions.beginPublish(), undefined, 'nothing is planned before the end');
  const second = begin(control);
  assert.equal(second.after, next);
  assert.ok(second.fileNumber > first.fileNumber);
  assert.equal(second.inputs, first.inputs);
  assert.is(control.beatDone(outputOf(second, 8, undefined)), 'ended');
  assert.is(control.wanted(), 0, 'its edition is not durable');
  assert.is(control.beginBeat(), undefined);
  assert.not(control.isUnderWay);
  publish(versions);
  assert.equal(
    versions.manifest.tables.map(({ fileNumber, level }) => [fileNumber, level]),
    [
      [first.fileNumber, 1],
      [second.fileNumber, 1],
    ],
  );
  assert.is(control.wanted(), 0);
  assert.is(control.figures.mergesEnded, 1);
  assert.is(control.figures.bytesMergedOut, 180);
});

test('[CG1] a publication that fails keeps the next merge waiting', () => {
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, OPTIONS);
  assert.is(control.beatDone(outputOf(begin(control), 20, undefined)), 'ended');
  versions.beginPublish();
  assert.is(control.wanted(), 0);
  versions.publishFailed();
  assert.is(control.wanted(), 0);
  publish(versions);
  assert.is(control.wanted(), 0);
  assert.is(versions.manifest.tables.length, 1);
});

test('[MJ2] [CG3] [CG4] a merge that read too few records is thrown away, and not tried again for now', () => {
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, OPTIONS);
  const first = begin(control);
  const next = { bucketId: 1, tokenHigh: 40, tokenLow: 0 };
  assert.is(control.beatDone(outputOf(first, 10, next)), 'more');
  const second = begin(control);
  // The record at the cut is in neither beat.
  assert.is(control.beatDone(outputOf(second, 9, undefined)), 'thrown-away');
  assert.is(versions.beginPublish(), undefined);
  assert.equal(
    versions.takeRemovable(),
    [first, second].map((each) => tableName(each.fileNumber)),
  );
  assert.is(control.wanted(), 0);
  assert.equal([control.figures.mergesFailed, control.figures.mergesBlocked], [1, 2]);
});

test('[CG3] [BT1] [BT2] a table that cannot be read is left alone for longer each time, whatever is flushed', () => {
  let nowMs = 0;
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, { ...OPTIONS, nowMs: () => nowMs });
  let delayMs = 60_000;
  for (let failure = 0; failure < 10; failure += 1) {
    const { inputs } = begin(control);
    assert.ok(inputs.some(({ fileNumber }) => fileNumber === 1));
    control.beatFailed('EIO', 1);
    assert.is(control.figures.mergesBlocked, 1);
    // The runs beside it become one, once, and the one that comes of them is merged with nothing.
    const fileNumber = 3 + failure;
    versions.planFlush(partsOf(table(fileNumber)), fileNumber * 10 + 9, 0);
    publish(versions);
    const aside = begin(control);
    assert.not(aside.inputs.some((each) => each.fileNumber === 1));
    assert.equal([aside.outputLevel, aside.isBottom], [0, false]);
    assert.ok(control.takesRuns);
    const count = aside.inputs.reduce((sum, { recordCount }) => sum + recordCount, 0);
    assert.is(control.beatDone(outputOf(aside, count, undefined)), 'ended');
    publish(versions);
    assert.is(versions.levels.runCount, 2);
    assert.is(control.wanted(), 0);
    nowMs += delayMs - 1;
    assert.is(control.wanted(), 0);
    assert.is(control.runsToLower(), 0);
    nowMs += 1;
    assert.ok(control.wanted() > 0, `after ${delayMs} ms`);
    assert.is(control.runsToLower(), 0, 'it has hardly healed');
    delayMs = Math.min(delayMs * 2, 64 * 60_000);
  }
  const healed = begin(control);
  const count = healed.inputs.reduce((sum, { recordCount }) => sum + recordCount, 0);
  control.beatDone(outputOf(healed, count, undefined));
  publish(versions);
  assert.is(control.figures.mergesBlocked, 0, 'it is gone');
  assert.is(versions.levels.runCount, 0);
  for (const fileNumber of [13, 14]) {
    versions.planFlush(partsOf(table(fileNumber)), fileNumber * 10 + 9, 0);
    publish(versions);
  }
  assert.is(control.runsToLower(), 2);
});

test('[CG2] [CG3] a beat that fails: the outputs go, also the one that it may have left behind', () => {
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, OPTIONS);
  const first = begin(control);
  control.beatDone(outputOf(first, 10, { bucketId: 1, tokenHigh: 40, tokenLow: 0 }));
  const second = begin(control);
  control.beatFailed('ENOSPC');
  assert.equal(
    versions.takeRemovable(),
    [first, second].map((each) => tableName(each.fileNumber)),
  );
  assert.is(control.wanted(), 2000, 'a full disk passes');
  const again = begin(control);
  assert.is(again.after, undefined, 'a merge begins anew');
  assert.ok(again.fileNumber > second.fileNumber, 'and under numbers of its own');
  control.beatFailed('EIO');
  assert.is(control.wanted(), 0, 'what cannot be read stays so');
  assert.is(versions.manifest.tables.length, 2);
  assert.is(control.figures.mergesFailed, 2);
});

test('[CG2] a pin holds the inputs while they are read', () => {
  const versions = versionsOf([table(1), table(2)]);
  const control = new MergeControl(versions, OPTIONS);
  begin(control);
  const inputs = versions.manifest.tables;
  // Nobody but a merge takes tables away; were it so, they would still be there.
  versions.planMerge(inputs, [], 20);
  publish(versions);
  versions.planSettle();
  publish(versions);
  assert.equal(versions.takeRemovable(), []);
  control.beatFailed('EIO');
  assert.is(versions.takeRemovable().length, 3);
});

test('a table with nothing below it moves by an edition alone', () => {
  const versions = versionsOf([table(1, { level: 1, byteCount: 6000 })]);
  const control = new MergeControl(versions, OPTIONS);
  assert.is(control.wanted(), 1200);
  assert.is(control.beginBeat(), undefined);
  assert.is(control.wanted(), 0, 'the edition waits');
  publish(versions);
  assert.is(versions.manifest.tables[0]!.level, 2);
  assert.is(versions.levels.readers[0]!.table.level, 2);
  assert.is(control.wanted(), 0);
});

test('[RW1] a table that keeps expired values is looked at again when the horizon is well past', () => {
  let seconds = 10_000;
  const horizon = (): typeof NO_HORIZON => ({ ...NO_HORIZON, expiredBeforeSeconds: seconds });
  const stale = { expiringCount: 10, earliestExpirySeconds: 50, level: 3 };
  const versions = versionsOf([table(1, stale)]);
  const control = new MergeControl(versions, { ...OPTIONS, horizon });
  assert.is(control.wanted(), 500);
  const input = begin(control);
  const output = outputOf(input, 10, undefined);
  const kept = { ...output.parts!.footer.table, ...stale };
  assert.is(control.beatDone({ ...output, parts: partsOf(kept) }), 'ended');
  publish(versions);
  assert.is(control.wanted(), 0);
  seconds += 3000;
  assert.is(control.wanted(), 0);
  seconds += 1000;
  assert.is(control.wanted(), 500);
});

test('[RW1] tables that are gone are forgotten, those that are there are not', () => {
  const rewritten = new RewrittenTables();
  for (let fileNumber = 0; fileNumber < 5000; fileNumber += 1) {
    rewritten.add(fileNumber, { seconds: 100, isBottom: fileNumber % 2 === 0 });
  }
  rewritten.forgetGone([table(4000), table(4001)]);
  const { rewrittenForExpiry, rewrittenForTombstones } = rewritten.under(100);
  assert.equal([...rewrittenForExpiry], [4000, 4001]);
  assert.equal([...rewrittenForTombstones], [4000]);
});

test.run();
