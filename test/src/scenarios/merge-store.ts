/**
 * A store of tables without memory: what is flushed is written as a table by hand; versions, picker,
 * merges, editions and removals are the real ones, run one job at a time on the disk of the test.
 */
import type { Disk, DiskResult } from '@clockwise/storage/disk';
import { type JobInput, type JobOutput, runJob } from '@clockwise/storage/jobs';
import { MergeControl, NO_HORIZON } from '@clockwise/storage/compaction/merge-control';
import type { DropHorizon } from '@clockwise/storage/compaction/version-merge';
import type { LevelSet } from '@clockwise/storage/level-set';
import { openStore } from '@clockwise/storage/open-store';
import type { TableParts } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { tableName } from '@clockwise/storage/file-names';
import type { TokenRange } from '@clockwise/storage/token-range';
import { StoreVersions } from '@clockwise/storage/store-versions';
import {
  HEADER,
  HEADER_WORDS,
  KIND,
  SIBLING_HEADER_WORDS,
  siblingsOffset,
} from '@clockwise/record/layout';
import {
  addUp,
  readTable,
  readerOf,
  TableFailed,
  type TablePlan,
  toolsFor,
  type Version,
  writeTable,
} from './merge-fixture.ts';
import { checksum, STORE_ID } from './store-fixture.ts';

export interface MergeStoreOptions {
  readonly runsMin: number;
  readonly tableBytes: number;
  readonly levelBytes1: number;
  readonly levelFanout: number;
  readonly tableCodec: number;
}

export class MergeStore {
  readonly versions: StoreVersions;
  readonly control: MergeControl;
  horizon: DropHorizon = NO_HORIZON;
  nowMs = 0;
  /** All that was planned is durable. */
  onPublished: () => void = () => undefined;
  #plannedFloor: number;
  readonly #disk: Disk;

  private constructor(disk: Disk, versions: StoreVersions, options: MergeStoreOptions) {
    this.#disk = disk;
    this.versions = versions;
    this.#plannedFloor = versions.manifest.floorSequence;
    this.control = new MergeControl(versions, {
      ...options,
      levelsMax: 4,
      tableBlockBytes: 256,
      bloomBitsPerKey: 10,
      combine: 'addUp',
      horizon: () => this.horizon,
      nowMs: () => this.nowMs,
    });
  }

  static open(disk: Disk, options: MergeStoreOptions): MergeStore {
    const outcome = openStore({
      disk,
      checksum,
      ...STORE_ID,
      segmentBytesMax: 1024 * 1024,
      mustExist: false,
      replay: () => true,
    });
    if (outcome.kind !== 'ready') throw new Error(`does not open: ${JSON.stringify(outcome)}`);
    const { manifest, tables } = outcome.store;
    const versions = new StoreVersions({
      manifest,
      highestEdition: manifest.edition,
      readers: tables,
      makeReader: readerOf,
    });
    return new MergeStore(disk, versions, options);
  }

  run(job: JobInput): JobOutput | undefined {
    const result = this.result(job);
    return result.ok ? result.value : undefined;
  }

  result(job: JobInput): DiskResult<JobOutput> {
    return runJob(this.#disk, checksum, job, toolsFor(this.#disk).codecs, { addUp });
  }

  /**
   * Writes a table as a flush does, and plans its edition. 'waiting': the edition failed, and comes with
   * the next; 'failed': there is no table.
   */
  flush(versions: readonly Version[], blockBytes = 256): 'published' | 'waiting' | 'failed' {
    const fileNumber = this.versions.takeFileNumbers(1);
    const firstSequence = this.#plannedFloor + 1;
    const lastSequence = this.#plannedFloor + versions.length;
    const plan = {
      fileNumber,
      level: 0,
      firstSequence,
      lastSequence,
      versions,
      blockBytes,
      codec: 0,
    };
    const parts = this.#write(plan);
    if (parts === undefined) {
      this.versions.discard([tableName(fileNumber)]);
      return 'failed';
    }
    this.#plannedFloor = lastSequence;
    this.versions.planFlush(parts, lastSequence, 0);
    return this.publish() ? 'published' : 'waiting';
  }

  /** All that was flushed so far and lies in the range is gone; false: the edition waits. */
  dropRange(range: TokenRange): boolean {
    this.versions.planRangeDrop({ ...range, sequence: this.#plannedFloor }, 0);
    return this.publish();
  }

  #write(plan: TablePlan): TableParts | undefined {
    try {
      const table = writeTable(this.#disk, plan);
      const opening = openTable(this.#disk, table, checksum, toolsFor(this.#disk).codecs);
      return opening.kind === 'open' ? opening.reader.parts : undefined;
    } catch (error) {
      if (error instanceof TableFailed) return undefined;
      throw error;
    }
  }

  /** False: it failed, and waits. */
  publish(): boolean {
    const edition = this.versions.beginPublish();
    if (edition === undefined) return true;
    if (this.run({ kind: 'manifest', ...edition }) === undefined) {
      this.versions.publishFailed();
      return false;
    }
    this.versions.published();
    this.onPublished();
    return true;
  }

  /** One beat, and what follows from it; false: there is nothing to merge, or it failed. */
  merge(): boolean {
    if (this.control.wanted() === 0) return false;
    const job = this.control.beginBeat();
    if (job === undefined) return this.publish();
    const output = this.run(job);
    if (output === undefined) {
      this.control.beatFailed('EIO');
      return false;
    }
    if (output.kind === 'merge-unreadable') {
      this.control.beatFailed(output.failure.code, output.fileNumber);
      return false;
    }
    if (output.kind !== 'merge') throw new Error('another job than a merge');
    if (this.control.beatDone(output.output) === 'more') return true;
    return this.publish();
  }

  remove(): void {
    const names = this.versions.takeRemovable();
    if (names.length === 0) return;
    if (this.run({ kind: 'remove', names }) === undefined) this.versions.removeFailed(names);
  }

  /** Until nothing is left to merge, publish or remove. */
  settle(): void {
    while (this.merge());
    this.publish();
    for (let edition = 0; edition < 2; edition += 1) {
      this.versions.planSettle();
      this.publish();
    }
    this.remove();
  }

  /** Every key's newest value, by reading all tables. Throws where a file is not there. */
  readAll(levels: LevelSet = this.versions.levels): Map<number, number> {
    const found = new Map<number, number>();
    for (const [index, reader] of levels.readers.entries()) {
      for (const record of readTable(this.#disk, reader.table)) {
        const [bucket, high, low] = [
          record[2]!,
          record[HEADER.tokenHigh]!,
          record[HEADER.tokenLow]!,
        ];
        const key = record[HEADER_WORDS]! & 0xff;
        if (found.has(key) || levels.isDropped(index, bucket, high, low)) continue;
        found.set(key, valueOf(record));
      }
    }
    return new Map([...found].filter(([, value]) => value !== DELETED));
  }
}

const DELETED = -1;

function valueOf(record: Int32Array): number {
  if ((record[HEADER.kind]! & 0xff) === KIND.tombstone) return DELETED;
  return record[siblingsOffset(record, 0) + SIBLING_HEADER_WORDS]!;
}
