/**
 * The work of a shard that the pool does, as plain data both ways: flush a chunk, publish an edition
 * of the manifest, merge tables by one beat, write leaves without a table, remove files that no edition
 * names, make the disk's reserve whole, read a file from end to end, take a snapshot or take it away.
 *
 * Invariants:
 *   JB1 a flush that is ok names a table that can be read: it was opened after it was written
 *   JB2 a beat that cannot read an input ends as a job that says which, so that the others are not blamed
 */
import { unreachable } from '@clockwise/kernel/assert';
import { type BlockCodecs, PURE_CODECS } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import {
  type CombineTable,
  mergeBeat,
  type MergeInput,
  type MergeOutput,
  NO_COMBINES,
} from './compaction/merge-job.ts';
import type { Disk, DiskError, DiskResult } from './disk.ts';
import { explainFile } from './file-verify.ts';
import { flushChunk, type FlushInput } from './flush-job.ts';
import { type HeldSnapshot, readHeldSnapshot } from './held-snapshot.ts';
import { type LeavesSnapshot, writeLeaves } from './leaves-file.ts';
import type { Manifest } from './manifest.ts';
import { publishManifest } from './manifest-files.ts';
import { makeReserve } from './reserve.ts';
import { checkSnapshot, type PartCheck } from './snapshot-check.ts';
import { removeSnapshot, type SnapshotInput, takeSnapshot } from './snapshot-job.ts';
import type { TableParts } from './sstable-reader.ts';
import { PART_BUFFERS, roomForPart } from './spare-buffers.ts';
import { openTable } from './table-open.ts';

export type JobInput =
  | { readonly kind: 'flush'; readonly input: FlushInput }
  | {
      readonly kind: 'manifest';
      readonly manifest: Manifest;
      readonly previousEdition: number;
    }
  | { readonly kind: 'merge'; readonly input: MergeInput }
  | { readonly kind: 'leaves'; readonly snapshot: LeavesSnapshot }
  | {
      readonly kind: 'remove';
      readonly names: readonly string[];
      /** Indexes and filters of tables among them, for those of tables to come. */
      readonly freed?: readonly Int32Array[];
    }
  | { readonly kind: 'reserve'; readonly fileCount: number; readonly fileBytes: number }
  | { readonly kind: 'verify'; readonly name: string }
  | { readonly kind: 'snapshot'; readonly input: SnapshotInput }
  | { readonly kind: 'check-snapshot'; readonly snapshotNumber: number; readonly part: number }
  | { readonly kind: 'remove-snapshot'; readonly snapshotNumber: number };

export type JobOutput =
  | {
      readonly kind: 'flush';
      /** Undefined: range drops took all that the chunk held. */
      readonly parts: TableParts | undefined;
      /** The leaves as of the table's last sequence. */
      readonly leaves: Int32Array | undefined;
    }
  | { readonly kind: 'manifest' }
  | { readonly kind: 'merge'; readonly output: MergeOutput }
  /** A beat failed by a table that cannot be read. */
  | {
      readonly kind: 'merge-unreadable';
      readonly fileNumber: number;
      readonly failure: DiskError;
    }
  | { readonly kind: 'leaves' }
  | { readonly kind: 'remove' }
  /** So many reserve files there are; fewer than asked for where the disk is full. */
  | { readonly kind: 'reserve'; readonly fileCount: number }
  /** What is wrong with the file, read from end to end; undefined: nothing. */
  | { readonly kind: 'verify'; readonly fault: string | undefined }
  | { readonly kind: 'snapshot'; readonly held: HeldSnapshot }
  | { readonly kind: 'check-snapshot'; readonly check: PartCheck }
  | { readonly kind: 'remove-snapshot' };

/** Runs one job on the shard's disk. */
export function runJob(
  disk: Disk,
  checksum: Checksum,
  job: JobInput,
  codecs: BlockCodecs = PURE_CODECS,
  combines: CombineTable = NO_COMBINES,
): DiskResult<JobOutput> {
  switch (job.kind) {
    case 'flush':
      return flush(disk, checksum, job.input, codecs);
    case 'manifest': {
      const published = publishManifest(disk, job.manifest, job.previousEdition, checksum);
      return published.ok ? { ok: true, value: { kind: 'manifest' } } : published;
    }
    case 'merge':
      return mergeOutput(mergeBeat({ disk, checksum, codecs, combines }, job.input));
    case 'leaves': {
      const written = writeLeaves(disk, job.snapshot, checksum);
      const synced = written.ok ? disk.syncDirectory() : written;
      return synced.ok ? { ok: true, value: { kind: 'leaves' } } : synced;
    }
    case 'remove':
      for (const part of job.freed ?? []) PART_BUFFERS.give(part);
      return remove(disk, job.names);
    case 'reserve': {
      const made = makeReserve(disk, job.fileCount, job.fileBytes);
      return made.ok ? { ok: true, value: { kind: 'reserve', fileCount: made.value } } : made;
    }
    case 'verify': {
      const { faults } = explainFile(disk, job.name, { checksum, codecs });
      return { ok: true, value: { kind: 'verify', fault: faults[0] } };
    }
    case 'snapshot': {
      const taken = takeSnapshot(disk, checksum, job.input);
      if (!taken.ok) return taken;
      const held = readHeldSnapshot(disk, checksum, job.input.snapshotNumber);
      return held.ok ? { ok: true, value: { kind: 'snapshot', held: held.value } } : held;
    }
    case 'check-snapshot': {
      const checked = checkSnapshot({ disk, checksum, codecs }, job.snapshotNumber, job.part);
      if (!checked.ok) return checked;
      return { ok: true, value: { kind: 'check-snapshot', check: checked.value } };
    }
    case 'remove-snapshot': {
      const removed = removeSnapshot(disk, job.snapshotNumber);
      return removed.ok ? { ok: true, value: { kind: 'remove-snapshot' } } : removed;
    }
    default:
      return unreachable(job);
  }
}

function flush(
  disk: Disk,
  checksum: Checksum,
  input: FlushInput,
  codecs: BlockCodecs,
): DiskResult<JobOutput> {
  const flushed = flushChunk(disk, checksum, input, codecs);
  if (!flushed.ok) return flushed;
  const { table, leaves } = flushed.value;
  if (table === undefined) return { ok: true, value: { kind: 'flush', parts: undefined, leaves } };
  // [JB1]
  const opening = openTable(disk, table, checksum, codecs, roomForPart);
  if (opening.kind === 'failed') return opening.error;
  if (opening.kind !== 'open') return unreadable(opening.reason);
  return { ok: true, value: { kind: 'flush', parts: opening.reader.parts, leaves } };
}

/** [JB2] */
function mergeOutput(merged: DiskResult<MergeOutput>): DiskResult<JobOutput> {
  if (merged.ok) return { ok: true, value: { kind: 'merge', output: merged.value } };
  const { fileNumber } = merged;
  if (fileNumber === undefined) return merged;
  return { ok: true, value: { kind: 'merge-unreadable', fileNumber, failure: merged } };
}

function unreadable(reason: string): DiskError {
  return { ok: false, code: 'EIO', detail: `a table just written cannot be read: ${reason}` };
}

function remove(disk: Disk, names: readonly string[]): DiskResult<JobOutput> {
  for (const name of names) {
    const removed = disk.remove(name);
    if (!removed.ok && removed.code !== 'ENOENT') return removed;
  }
  return { ok: true, value: { kind: 'remove' } };
}
