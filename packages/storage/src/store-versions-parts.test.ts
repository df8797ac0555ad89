/** What becomes of indexes and filters of tables that merges have taken the place of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from './compaction/pick-text.ts';
import { tableName } from './file-names.ts';
import type { TableMetadata } from './manifest.ts';
import { TableReader } from './sstable-reader.ts';
import { StoreVersions } from './store-versions.ts';

const noChecksum = (): number => 0;

function readerOf(table: TableMetadata): TableReader {
  const footer = {
    table,
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
  const parts = { footer, index: new Int32Array(6), filter: new Int32Array(0) };
  return new TableReader(parts, noChecksum);
}

function publish(versions: StoreVersions): void {
  assert.ok(versions.beginPublish() !== undefined);
  versions.published();
}

test('[SV3] index and filter of a table are freed when its file goes, once, and no sooner', () => {
  const manifest = parse(`L0 1-10 | 00-7f:32
                          L0 11-20 | 00-7f:32`);
  const [old, pinned] = manifest.tables as [TableMetadata, TableMetadata];
  const versions = new StoreVersions({
    manifest,
    highestEdition: manifest.edition,
    readers: manifest.tables.map(readerOf),
    makeReader: (parts) => new TableReader(parts, noChecksum),
  });
  const { parts } = versions.levels.readers.find(({ table }) => table === old)!;
  const freed: Int32Array[] = [];
  versions.planMerge([old], [], 10);
  publish(versions);
  const pin = versions.pin();
  versions.planMerge([pinned], [], 10);
  publish(versions);
  assert.equal(versions.takeRemovable(freed), [tableName(old.fileNumber)]);
  assert.is(freed.length, 2);
  assert.is(freed[0], parts.index);
  assert.is(freed[1], parts.filter);
  versions.unpin(pin);
  versions.planSettle();
  publish(versions);
  assert.equal(versions.takeRemovable(freed), [tableName(pinned.fileNumber)]);
  assert.is(freed.length, 4);
  versions.removeFailed([tableName(old.fileNumber)]);
  assert.equal(versions.takeRemovable(freed), [tableName(old.fileNumber)]);
  assert.is(freed.length, 4);
});

test.run();
