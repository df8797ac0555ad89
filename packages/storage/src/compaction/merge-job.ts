/**
 * One beat of a merge: reads its inputs from a place on, and writes one table at the most. A pure
 * function of plain data and a disk, run in the pool; the next beat begins where this one says, and
 * nobody learns of its table before an edition names the tables of all beats.
 *
 * Invariants:
 *   MJ3 every block that is read is verified; a read that fails or a damaged block fails the beat, and
 *       the inputs stay (F12); it says which table it was
 *   MJ4 a table ends only where the token changes: a token never lies in two tables of one run
 *   MJ5 a beat writes nothing outside (after, next]
 *   MJ6 no table spans a range drop at or above its last sequence: what it holds lies beside the range
 *
 * A beat whose counts disagree (merge-counts.ts, MJ1) fails.
 */
import type { BlockCodecs } from '../block-codec.ts';
import type { Checksum } from '../checksum.ts';
import type { Disk, DiskError, DiskResult } from '../disk.ts';
import { runsOf } from '../level-set.ts';
import type { RangeDrop, TableMetadata } from '../manifest.ts';
import type { TableParts } from '../sstable-reader.ts';
import { roomForPart } from '../spare-buffers.ts';
import { openTable } from '../table-open.ts';
import { TableWriter } from '../sstable-writer.ts';
import type { KeyBound } from '../table-cursor.ts';
import { comparePlaces } from '../table-extent.ts';
import { countsAgree, type MergeCounts, noCounts } from './merge-counts.ts';
import { MergeRun } from './merge-run.ts';
import { RunCursor } from './run-cursor.ts';
import { type Combine, type DropHorizon, VersionMerge } from './version-merge.ts';

export type CombineTable = Readonly<Record<string, Combine>>;

/** The one combine function that needs to know nothing of values: the newer delta replaces all. */
export const NO_COMBINES: CombineTable = {
  none: (newer, newerAt, _older, _olderAt, out, outAt) => {
    const wordCount = newer[newerAt]!;
    for (let index = 0; index < wordCount; index += 1) out[outAt + index] = newer[newerAt + index]!;
    return wordCount;
  },
};

/** What jobs of a store need beside their input. */
export interface StoreTools {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  readonly combines: CombineTable;
}

export interface MergeInput {
  /** All of the merge, newest first. */
  readonly inputs: readonly TableMetadata[];
  readonly outputLevel: number;
  readonly isBottom: boolean;
  /** What the beat before this one said is next; undefined: the first. */
  readonly after: KeyBound | undefined;
  readonly outputBytesMax: number;
  /** Of the table, if one is written. */
  readonly fileNumber: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly blockBytes: number;
  /** A BLOCK_CODEC. */
  readonly codec: number;
  readonly bloomBitsPerKey: number;
  readonly horizon: DropHorizon;
  readonly rangeDrops: readonly RangeDrop[];
  /** The name of the function that folds deltas. */
  readonly combine: string;
}

export interface MergeOutput {
  /** Undefined: nothing was left to write. */
  readonly parts: TableParts | undefined;
  /** All up to here is merged; undefined: to the end. */
  readonly next: KeyBound | undefined;
  readonly counts: MergeCounts;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** A beat whose records mostly go ends all the same, when it has read so many times its output. */
const READ_FACTOR = 4;

export function mergeBeat(tools: StoreTools, input: MergeInput): DiskResult<MergeOutput> {
  const combine = Object.hasOwn(tools.combines, input.combine)
    ? tools.combines[input.combine]
    : undefined;
  if (combine === undefined) {
    return { ok: false, code: 'OTHER', detail: `no function ${input.combine} to fold deltas by` };
  }
  const beat = new MergeBeat(tools, input, combine);
  const next = beat.run();
  return next.ok ? beat.finish(next.value) : beat.abandon(next);
}

class MergeBeat {
  readonly #tools: StoreTools;
  readonly #input: MergeInput;
  readonly #counts: MergeCounts = noCounts();
  readonly #run: MergeRun;
  readonly #versions: VersionMerge;
  readonly #firstSequence: number;
  readonly #lastSequence: number;
  /** [MJ6] Those that the output does not outlive. */
  readonly #spannedDrops: readonly RangeDrop[];
  #writer: TableWriter | undefined = undefined;
  #bytesRead = 0;

  constructor(tools: StoreTools, input: MergeInput, combine: Combine) {
    this.#tools = tools;
    this.#input = input;
    const runs = runsOf(input.inputs);
    this.#run = new MergeRun(runs.map((tables) => new RunCursor(tools, tables, input.after)));
    this.#versions = new VersionMerge({ ...input, combine }, this.#counts);
    this.#firstSequence = Math.min(...input.inputs.map((table) => table.firstSequence));
    this.#lastSequence = Math.max(...input.inputs.map((table) => table.lastSequence));
    this.#spannedDrops = input.rangeDrops.filter(({ sequence }) => sequence >= this.#lastSequence);
  }

  /** Merges until the table is full; the value is where the next beat begins. */
  run(): DiskResult<KeyBound | undefined> {
    const run = this.#run;
    const taken = { isAny: false, bucketId: 0, tokenHigh: 0, tokenLow: 0 };
    while (run.next()) {
      const { bucketId, tokenHigh, tokenLow } = run;
      const isNewToken =
        tokenLow !== taken.tokenLow || tokenHigh !== taken.tokenHigh || bucketId !== taken.bucketId;
      // [MJ4]
      if (taken.isAny && isNewToken && this.#isFull()) {
        return { ok: true, value: boundOf(taken) };
      }
      taken.isAny = true;
      taken.bucketId = bucketId;
      taken.tokenHigh = tokenHigh;
      taken.tokenLow = tokenLow;
      const written = this.#takeKey();
      if (!written.ok) return written;
    }
    return run.failure ?? { ok: true, value: undefined };
  }

  #takeKey(): DiskResult<null> {
    const run = this.#run;
    for (let version = 0; version < run.versionCount; version += 1) {
      const { words, record } = run.head(version);
      this.#bytesRead += words[record]! * 4;
    }
    const versions = this.#versions;
    versions.take(run);
    if (versions.record < 0) return { ok: true, value: null };
    const writer = this.#openWriter();
    if (!writer.ok) return writer;
    writer.value.add(versions.words, versions.record);
    return { ok: true, value: null };
  }

  #isFull(): boolean {
    const { outputBytesMax } = this.#input;
    if (this.#bytesRead >= outputBytesMax * READ_FACTOR) return true;
    if (this.#writer === undefined) return false;
    return this.#writer.byteCount >= outputBytesMax || this.#wouldSpanDrop();
  }

  /** [MJ6] */
  #wouldSpanDrop(): boolean {
    if (this.#spannedDrops.length === 0) return false;
    const last = this.#writer!.lastBound()!;
    const { bucketId, tokenHigh, tokenLow } = this.#run;
    return this.#spannedDrops.some(
      (drop) =>
        comparePlaces(
          last.bucketId,
          last.tokenHigh,
          last.tokenLow,
          drop.bucketId,
          drop.fromHigh,
          drop.fromLow,
        ) < 0 &&
        comparePlaces(bucketId, tokenHigh, tokenLow, drop.bucketId, drop.toHigh, drop.toLow) > 0,
    );
  }

  #openWriter(): DiskResult<TableWriter> {
    if (this.#writer !== undefined) return { ok: true, value: this.#writer };
    const input = this.#input;
    const created = TableWriter.create({
      ...this.#tools,
      fileNumber: input.fileNumber,
      level: input.outputLevel,
      storeIdLow: input.storeIdLow,
      storeIdHigh: input.storeIdHigh,
      blockBytes: input.blockBytes,
      codec: input.codec,
      bloomBitsPerKey: input.bloomBitsPerKey,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
    });
    if (created.ok) this.#writer = created.value;
    return created;
  }

  /** Makes the table durable, its name as well, and reads it as searches will. */
  finish(next: KeyBound | undefined): DiskResult<MergeOutput> {
    const counts = this.#counts;
    if (!countsAgree(counts)) {
      return this.abandon(miscounted('MJ1 a merge counts each record that it reads once'));
    }
    this.#run.close();
    const bytesRead = this.#bytesRead;
    const writer = this.#writer;
    if (writer === undefined) {
      return { ok: true, value: { parts: undefined, next, counts, bytesRead, bytesWritten: 0 } };
    }
    const finished = writer.finish();
    if (!finished.ok) return finished;
    const { disk, checksum, codecs } = this.#tools;
    const table = finished.value;
    const synced = disk.syncDirectory();
    if (!synced.ok) return synced;
    const opening = openTable(disk, table, checksum, codecs, roomForPart);
    if (opening.kind === 'failed') return opening.error;
    if (opening.kind !== 'open') {
      return { ok: false, code: 'EIO', detail: `a merged table cannot be read: ${opening.reason}` };
    }
    if (table.recordCount !== counts.outputRecords) {
      return miscounted('MJ1 a merged table holds what was counted');
    }
    const { parts } = opening.reader;
    return { ok: true, value: { parts, next, counts, bytesRead, bytesWritten: table.byteCount } };
  }

  abandon(failure: DiskError): DiskError {
    this.#run.close();
    this.#writer?.abandon();
    return failure;
  }
}

function boundOf({ bucketId, tokenHigh, tokenLow }: KeyBound): KeyBound {
  return { bucketId, tokenHigh, tokenLow };
}

function miscounted(detail: string): DiskError {
  return { ok: false, code: 'OTHER', detail };
}
