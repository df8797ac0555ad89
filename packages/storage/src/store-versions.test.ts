/** Editions, pins and removals against a model of sets that keeps everything in mind. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leavesName, tableName } from './file-names.ts';
import { LevelSet } from './level-set.ts';
import type { Manifest, TableMetadata } from './manifest.ts';
import type { SealedSegment } from './log-reader.ts';
import { TableReader, type TableParts } from './sstable-reader.ts';
import { StoreVersions } from './store-versions.ts';

const EMPTY: Manifest = {
  edition: 3,
  storeIdLow: 1,
  storeIdHigh: 2,
  shardIndex: 0,
  shardCount: 1,
  opening: 1,
  nextFileNumber: 10,
  floorSequence: 0,
  leavesFileNumber: 0,
  sealed: [],
  tables: [],
  rangeDrops: [],
  givenUp: [],
  droppedRecordCount: 0,
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
    lastTokenHigh: -1,
    lastTokenLow: -1,
    firstSequence: 1,
    lastSequence: 10,
    rawBytes: 900,
    expiringCount: 0,
    deltaCount: 0,
    earliestExpirySeconds: 0,
    latestExpirySeconds: 0,
    largestRecordWords: 24,
    ...changes,
  };
}

/** A table whose filter is damaged: it says maybe to all that its range covers. */
function partsOf(metadata: TableMetadata): TableParts {
  const footer = {
    table: metadata,
    storeIdLow: 1,
    storeIdHigh: 2,
    blockCount: 0,
    indexBytesFrom: 0,
    indexChecksum: 0,
    filterBytesFrom: 0,
    filterWords: 16,
    filterProbes: 6,
    filterChecksum: 0,
    codec: 0,
  };
  return { footer, index: new Int32Array(6), filter: new Int32Array(0) };
}

const noChecksum = (): number => 0;

function readerOf(metadata: TableMetadata): TableReader {
  return new TableReader(partsOf(metadata), noChecksum);
}

function versionsOf(manifest: Manifest): StoreVersions {
  return new StoreVersions({
    manifest,
    highestEdition: manifest.edition,
    readers: manifest.tables.map(readerOf),
    makeReader: (parts, metadata) =>
      new TableReader({ ...parts, footer: { ...parts.footer, table: metadata } }, noChecksum),
  });
}

/** Publishes all that waits. */
function publish(versions: StoreVersions): Manifest {
  const publication = versions.beginPublish();
  assert.ok(publication !== undefined);
  versions.published();
  return publication.manifest;
}

/** `floor`: where the flushes end that wait for their edition. */
function flush(
  versions: StoreVersions,
  leaves = 0,
  floor = versions.manifest.floorSequence,
): TableMetadata {
  const fileNumber = versions.takeFileNumbers(1);
  const firstSequence = floor + 1;
  const flushed = table(fileNumber, { firstSequence, lastSequence: firstSequence + 9 });
  versions.planFlush(partsOf(flushed), flushed.lastSequence, leaves);
  return flushed;
}

test('[SV4] edits that wait become one edition; what is planned meanwhile waits for the next', () => {
  const sealed: SealedSegment[] = [
    { opening: 1, index: 1, endBytes: 100, lastSequence: 5 },
    { opening: 1, index: 2, endBytes: 100, lastSequence: 15 },
  ];
  const versions = versionsOf({ ...EMPTY, sealed });
  assert.is(versions.beginPublish(), undefined);
  flush(versions);
  versions.planMove(table(10), 1);
  const first = versions.beginPublish()!;
  assert.is(first.previousEdition, 3);
  assert.is(first.manifest.edition, 4);
  assert.equal(first.manifest.tables, [table(10, { level: 1 })]);
  assert.equal(first.manifest.sealed, [sealed[1]!]);
  assert.is(versions.version, 0);
  assert.is(versions.manifest.tables.length, 0);
  versions.planSettle();
  assert.is(versions.beginPublish(), undefined, 'one publication at a time');
  assert.equal(versions.published(), { floorSequence: 10 });
  assert.is(versions.version, 1);
  assert.is(versions.levels.readers[0]!.table.level, 1);
  const second = versions.beginPublish()!;
  assert.is(second.previousEdition, 4);
  versions.published();
  assert.is(versions.version, 1, 'a settle edition changes no table');
});

test('[SV1] a failed publication is tried again under a higher edition, with what came since', () => {
  const versions = versionsOf(EMPTY);
  const flushed = flush(versions);
  assert.is(versions.beginPublish()!.manifest.edition, 4);
  versions.publishFailed();
  versions.planMove(flushed, 2);
  const again = versions.beginPublish()!;
  assert.is(again.manifest.edition, 5);
  assert.is(again.previousEdition, 3);
  assert.equal(
    again.manifest.tables.map(({ fileNumber, level }) => [fileNumber, level]),
    [[10, 2]],
  );
  assert.ok(again.manifest.nextFileNumber > flushed.fileNumber);
});

test('[SV2] inputs go one edition after the one that drops them; a settle edition is enough', () => {
  const inputs = [
    table(1, { lastSequence: 10 }),
    table(2, { firstSequence: 11, lastSequence: 20 }),
  ];
  const versions = versionsOf({ ...EMPTY, tables: inputs, floorSequence: 20 });
  const output = table(versions.takeFileNumbers(1), { level: 1, lastSequence: 20 });
  assert.not(versions.areTablesChanging);
  versions.planMerge(inputs, [partsOf(output)], 7);
  assert.ok(versions.areTablesChanging);
  assert.equal(versions.takeRemovable(), []);
  assert.is(publish(versions).droppedRecordCount, 7);
  assert.not(versions.areTablesChanging);
  // The edition before it, to which an opening may fall back, names them.
  assert.equal(versions.takeRemovable(), []);
  assert.not(versions.isSettled);
  versions.planSettle();
  publish(versions);
  assert.ok(versions.isSettled);
  assert.equal(versions.takeRemovable(), [tableName(1), tableName(2)]);
  assert.equal(versions.takeRemovable(), [], 'each is given out once');
  versions.removeFailed([tableName(2)]);
  assert.equal(versions.takeRemovable(), [tableName(2)]);
});

test('[SV2] F8 after a failed publication nothing is removed until one succeeds', () => {
  const old = table(1);
  const versions = versionsOf({ ...EMPTY, tables: [old], floorSequence: 10 });
  versions.planMerge([old], [], 10);
  publish(versions);
  versions.planSettle();
  versions.beginPublish();
  assert.equal(versions.takeRemovable(), [], 'an edition is under way');
  versions.publishFailed();
  assert.equal(versions.takeRemovable(), [], 'and its outcome is unknown');
  versions.discard([tableName(50)]);
  assert.equal(versions.takeRemovable(), [tableName(50)], 'but what no edition named may go');
  publish(versions);
  assert.equal(versions.takeRemovable(), [tableName(1)]);
});

test('[SV2] leaves of an edition that was tried, and may have reached the disk, outlive the next', () => {
  const versions = versionsOf(EMPTY);
  flush(versions, 77);
  versions.beginPublish();
  versions.publishFailed();
  versions.planRangeDrop(
    { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 5, toLow: 0, sequence: 10 },
    78,
  );
  publish(versions);
  assert.is(versions.manifest.leavesFileNumber, 78);
  assert.equal(versions.takeRemovable(), []);
  versions.planSettle();
  publish(versions);
  assert.equal(versions.takeRemovable(), [leavesName(77)]);
});

test('[SV3] a pinned version keeps its readers, its floor and its files', () => {
  const old = table(1);
  const versions = versionsOf({ ...EMPTY, tables: [old], floorSequence: 10 });
  const search = versions.pin();
  const scan = versions.pin(true);
  assert.is(versions.oldestPinnedFloor(), 10);
  versions.planMerge([old], [], 10);
  publish(versions);
  flush(versions);
  publish(versions);
  assert.equal(versions.takeRemovable(), []);
  assert.equal(
    versions.readersOf(search).readers.map((reader) => reader.name),
    [tableName(1)],
  );
  assert.is(versions.floorOf(scan), 10);
  versions.unpin(scan);
  assert.is(versions.oldestPinnedFloor(), Infinity);
  assert.equal(versions.takeRemovable(), []);
  versions.unpin(search);
  assert.equal(versions.takeRemovable(), [tableName(1)]);
  assert.throws(() => versions.unpin(search), 'a pin ends once');
});

test('[SE2] a range drop leaves the manifest when nothing that it took away can come back', () => {
  const drop = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 100, toLow: 0, sequence: 15 };
  const reaching = { firstTokenHigh: 50, lastTokenHigh: 200 };
  const old = table(1, { lastSequence: 12, level: 1, ...reaching });
  const versions = versionsOf({ ...EMPTY, tables: [old], floorSequence: 12 });
  versions.planRangeDrop(drop, 0);
  assert.equal(versions.rangeDrops, [drop], 'jobs that begin now know of it already');
  assert.equal(publish(versions).rangeDrops, [drop]);
  // What the floor has not passed is in the log and in memory.
  versions.planMerge([old], [], 10);
  assert.equal(publish(versions).rangeDrops, [drop]);
  versions.planFlush(undefined, 22, 0);
  assert.equal(publish(versions).rangeDrops, []);
});

test('[SE1] a flush follows the floor, or a gap that a range drop explains', () => {
  const drop = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 100, toLow: 0, sequence: 14 };
  const behindGap = (firstSequence: number, rangeDrops: (typeof drop)[]): StoreVersions => {
    const versions = versionsOf({ ...EMPTY, floorSequence: 10, rangeDrops });
    const flushed = table(12, { firstSequence, lastSequence: 30 });
    versions.planFlush(partsOf(flushed), 30, 0);
    return versions;
  };
  assert.is(publish(behindGap(11, [])).floorSequence, 30);
  assert.is(publish(behindGap(15, [drop])).floorSequence, 30);
  assert.throws(() => behindGap(15, []).beginPublish(), 'SE1');
  assert.throws(() => behindGap(16, [drop]).beginPublish(), 'SE1');
  assert.throws(() => behindGap(10, [drop]).beginPublish(), 'SE1');
});

test('[SE3] only tables that are there are merged or moved', () => {
  for (const isMove of [true, false]) {
    const versions = versionsOf(EMPTY);
    if (isMove) versions.planMove(table(1), 2);
    else versions.planMerge([table(1)], [], 0);
    assert.throws(() => versions.beginPublish(), 'SE3');
  }
});

test('[SV5] a drop that waits for its edition is known to the jobs that begin, and comes with theirs', () => {
  const drop = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 100, toLow: 0, sequence: 12 };
  const versions = versionsOf(EMPTY);
  versions.planSettle();
  versions.beginPublish();
  versions.planRangeDrop(drop, 0);
  assert.equal(versions.rangeDrops, [drop]);
  versions.publishFailed();
  flush(versions);
  const { manifest } = versions.beginPublish()!;
  assert.equal(versions.rangeDrops, [drop], 'nor is it named twice while its edition is under way');
  assert.is(manifest.tables.length, 1);
  assert.equal(manifest.rangeDrops, [drop]);
});

test('[LV2] a table at or below a drop is no candidate within the range, and one above it is', () => {
  const drop = { bucketId: 1, fromHigh: 10, fromLow: 0, toHigh: 20, toLow: 0, sequence: 12 };
  const tables = [
    table(1, { level: 1, lastSequence: 12 }),
    table(2, { firstSequence: 13, lastSequence: 20 }),
  ];
  const levels = versionsOf({ ...EMPTY, tables, floorSequence: 20, rangeDrops: [drop] }).levels;
  assert.is(levels.nextCandidate(0, 1, 15, 0), 0);
  assert.is(levels.nextCandidate(1, 1, 15, 0), -1);
  assert.is(levels.nextCandidate(1, 1, 20, 1), 1);
  assert.is(levels.nextCandidate(1, 2, 15, 0), -1);
});

/** Random runs: disjoint slices of a small token space. */
function randomRun(
  prng: Prng,
  level: number,
  lastSequence: number,
  first: number,
): TableMetadata[] {
  const cuts = [...new Set(Array.from({ length: 8 }, () => prng.below(64)))].toSorted(
    (a, b) => a - b,
  );
  const tables: TableMetadata[] = [];
  for (let index = 0; index + 1 < cuts.length; index += 2) {
    const [from, to] = [cuts[index]!, cuts[index + 1]!];
    tables.push(
      table(first + index, {
        level,
        lastSequence,
        firstBucketId: from >> 5,
        firstTokenHigh: (from & 31) << 27,
        lastBucketId: to >> 5,
        lastTokenHigh: (to & 31) << 27,
        lastTokenLow: 0,
      }),
    );
  }
  return tables;
}

test('[LV1] [LV2] [LV3] candidates are the tables that cover the token, newest first, for random levels', () => {
  const prng = new Prng('levels');
  for (let round = 0; round < 400; round += 1) {
    const runs: TableMetadata[][] = [];
    for (let level = 4; level > 0; level -= 1) runs.push(randomRun(prng, level, 99, level * 100));
    for (let run = 0; run < prng.below(4); run += 1) {
      runs.push(randomRun(prng, 0, 10 + run, 1000 + run * 100));
    }
    const newestFirst = runs.toReversed().flat();
    const manifest = { ...EMPTY, tables: prng.shuffle([...newestFirst]) };
    const readers = new Map(newestFirst.map((each) => [each.fileNumber, readerOf(each)]));
    const levels = LevelSet.of(manifest, readers);
    assert.equal(
      levels.readers.map((reader) => reader.table.fileNumber),
      newestFirst.map(({ fileNumber }) => fileNumber),
    );
    for (let place = 0; place < 64; place += 1) {
      const bucketId = place >> 5;
      const tokenHigh = (place & 31) << 27;
      const rank = (bucket: number, high: number): number => bucket * 32 + (high >>> 27);
      const expected = newestFirst.flatMap((each, index) =>
        rank(each.firstBucketId, each.firstTokenHigh) <= place &&
        rank(each.lastBucketId, each.lastTokenHigh) >= place
          ? [index]
          : [],
      );
      const found: number[] = [];
      for (let at = 0; ; at = found.at(-1)! + 1) {
        const next = levels.nextCandidate(at, bucketId, tokenHigh, 0);
        if (next === -1) break;
        found.push(next);
      }
      assert.equal(found, expected);
    }
  }
});

/** All editions that were ever tried, and what of them may lie on the disk. */
class FolderModel {
  /** Editions that an opening may find sound: the one that counts and the kept one, or doubtful ones. */
  possible: Manifest[];
  plannedFloor = 0;
  readonly discarded = new Set<string>();
  readonly pins = new Map<number, readonly string[]>();

  constructor(manifest: Manifest) {
    this.possible = [manifest];
  }

  mayRemove(name: string): boolean {
    const isPinned = [...this.pins.values()].some((names) => names.includes(name));
    return !isPinned && !this.possible.some((manifest) => namesOf(manifest).includes(name));
  }
}

function namesOf(manifest: Manifest): string[] {
  const names = manifest.tables.map(({ fileNumber }) => tableName(fileNumber));
  return manifest.leavesFileNumber === 0
    ? names
    : [...names, leavesName(manifest.leavesFileNumber)];
}

/** One step of a store whose publications fail at random. */
function randomStep(
  prng: Prng,
  versions: StoreVersions,
  model: FolderModel,
  removed: Set<string>,
): void {
  const { tables } = versions.manifest;
  switch (prng.below(9)) {
    case 0:
    case 1:
      flush(versions, versions.takeFileNumbers(1), model.plannedFloor);
      model.plannedFloor += 10;
      return publishAtRandom(prng, versions, model, removed);
    case 2: {
      if (versions.areTablesChanging || versions.isPublishing || tables.length === 0) return;
      const isGone = prng.chance(0.3);
      const inputs = tables.filter(({ level }) => level < 2);
      const output = table(versions.takeFileNumbers(1), { level: 1, lastSequence: 9 });
      versions.planMerge(inputs, isGone ? [] : [partsOf(output)], 3);
      return;
    }
    case 3: {
      const pin = versions.pin(prng.chance(0.5));
      // Only one pin a number in the model: the same version, pinned alike, is one number.
      if (model.pins.has(pin)) versions.unpin(pin);
      else model.pins.set(pin, namesOf(versions.manifest));
      return;
    }
    case 4: {
      const pin = [...model.pins.keys()][0];
      if (pin === undefined) return;
      versions.unpin(pin);
      model.pins.delete(pin);
      return;
    }
    case 5:
      versions.planSettle();
      return;
    case 6: {
      const fileNumber = versions.takeFileNumbers(1);
      versions.discard([tableName(fileNumber)]);
      model.discarded.add(tableName(fileNumber));
      return;
    }
    case 7:
      return publishAtRandom(prng, versions, model, removed);
    default:
      for (const name of versions.takeRemovable()) {
        assert.ok(model.mayRemove(name), `SV2 ${name} may still be named or read`);
        assert.not(removed.has(name), `${name} is given out twice`);
        removed.add(name);
      }
  }
}

function publishAtRandom(
  prng: Prng,
  versions: StoreVersions,
  model: FolderModel,
  removed: Set<string>,
): void {
  const counts = versions.manifest;
  const publication = versions.beginPublish();
  if (publication === undefined) return;
  // It may lie on the disk from the first write on.
  model.possible.push(publication.manifest);
  if (prng.chance(0.3)) {
    const removable = versions.takeRemovable();
    const wasNamed = removable.some((name) => !model.discarded.has(name));
    assert.not(wasNamed, 'SV2 nothing that was named goes while an edition is under way');
    for (const name of removable) removed.add(name);
  }
  if (prng.chance(0.35)) {
    versions.publishFailed();
    return;
  }
  versions.published();
  // Those between are taken away by the publication, and their absence is durable with the next one.
  model.possible = model.possible.filter(({ edition }) => edition >= counts.edition);
}

test('[SV2] [SV3] random editions, failures and pins: no file goes that an opening or a reader may need', () => {
  let removedCount = 0;
  for (let seed = 0; seed < 60; seed += 1) {
    const prng = new Prng(`versions-${seed}`);
    const versions = versionsOf(EMPTY);
    const model = new FolderModel(EMPTY);
    const removed = new Set<string>();
    for (let step = 0; step < 300; step += 1) randomStep(prng, versions, model, removed);
    for (const pin of model.pins.keys()) versions.unpin(pin);
    if (versions.isPublishing) versions.published();
    for (let last = 0; last < 2; last += 1) {
      versions.planSettle();
      publish(versions);
    }
    for (const name of versions.takeRemovable()) removed.add(name);
    // Nothing is forgotten: every table that was ever named is gone, or counts.
    assert.is(versions.waitingFileCount, 0, `seed ${seed}`);
    const alive = namesOf(versions.manifest);
    for (const name of alive) assert.not(removed.has(name), `${name} counts and is gone`);
    removedCount += removed.size;
  }
  assert.ok(removedCount > 1000, `${removedCount} removed`);
});

test.run();
