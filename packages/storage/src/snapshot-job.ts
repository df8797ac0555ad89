/**
 * A snapshot of a store: second names for its tables and leaves, a copy of the log up to a cut, and a
 * manifest of its own. All of it lies in the store's folder under `snapshot-N.NAME`, and is a store of
 * its own to whoever opens it through a `PrefixDisk`.
 *
 *     link tables and leaves -> copy of the log -> names durable -> manifest, durable -> it is there
 *
 * While it runs the store's owner pins the version whose manifest is given, and releases no segment of
 * the log; it may write, flush and merge meanwhile.
 *
 * Invariants:
 *   SN1 a snapshot that has a sound manifest is whole: everything that the manifest names was durable
 *       under its name before (F24)
 *   SN2 it holds exactly the records up to the cut
 *   SN3 a snapshot shares no file that anybody writes to: segments are copied, tables never change
 */
import { assert } from '@clockwise/kernel/assert';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, DONE } from './disk.ts';
import {
  leavesName,
  logName,
  manifestName,
  parseFileName,
  snapshotPrefix,
  tableName,
} from './file-names.ts';
import { SEGMENT_HEADER_BYTES } from './log-format.ts';
import type { SealedSegment } from './log-reader.ts';
import { readSegment } from './log-segment.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { bytesOf, readFileWords, writeNewFile } from './whole-transfer.ts';

/** The one edition of a snapshot's manifest. */
const SNAPSHOT_EDITION = 1;

export interface SnapshotInput {
  /** Above that of any snapshot in the folder. */
  readonly snapshotNumber: number;
  /** Durable, and pinned until the job has ended. */
  readonly manifest: Manifest;
  /** The last sequence of a group that the log has: the snapshot holds what comes up to it. */
  readonly cutSequence: number;
  readonly segmentBytesMax: number;
}

export function takeSnapshot(
  disk: Disk,
  checksum: Checksum,
  input: SnapshotInput,
): DiskResult<null> {
  const { manifest, snapshotNumber } = input;
  assert(manifest.floorSequence <= input.cutSequence, 'SN2 tables hold nothing behind the cut');
  const prefix = snapshotPrefix(snapshotNumber);
  const linked = linkFiles(disk, prefix, manifest);
  if (!linked.ok) return linked;
  const sealed = copyLog(disk, checksum, prefix, input);
  if (!sealed.ok) return sealed;
  // [SN1]
  const named = disk.syncDirectory();
  if (!named.ok) return named;
  const words = encodeManifest(
    { ...manifest, edition: SNAPSHOT_EDITION, sealed: sealed.value },
    checksum,
  );
  const name = prefix + manifestName(SNAPSHOT_EDITION);
  const written = writeNewFile(disk, name, [bytesOf(words)]);
  return written.ok ? disk.syncDirectory() : written;
}

/** Its manifest goes first: what is left of it after a crash is no snapshot. [SN1] */
export function removeSnapshot(disk: Disk, snapshotNumber: number): DiskResult<null> {
  const names = disk.list();
  if (!names.ok) return names;
  const own = names.value.filter((name) => {
    const file = parseFileName(name);
    return file?.kind === 'snapshot' && file.snapshotNumber === snapshotNumber;
  });
  const isManifest = (name: string): boolean => {
    const file = parseFileName(name);
    return file?.kind === 'snapshot' && file.file.kind === 'manifest';
  };
  for (const ofManifest of [true, false]) {
    for (const name of own) {
      if (isManifest(name) !== ofManifest) continue;
      const removed = disk.remove(name);
      if (!removed.ok && removed.code !== 'ENOENT') return removed;
    }
    const synced = disk.syncDirectory();
    if (!synced.ok) return synced;
  }
  return DONE;
}

/** The numbers of snapshots of which a file is in the folder, whole or not; ascending. */
export function snapshotNumbers(names: readonly string[]): readonly number[] {
  const numbers = new Set<number>();
  for (const name of names) {
    const file = parseFileName(name);
    if (file?.kind === 'snapshot') numbers.add(file.snapshotNumber);
  }
  return [...numbers].toSorted((left, right) => left - right);
}

function linkFiles(disk: Disk, prefix: string, manifest: Manifest): DiskResult<null> {
  const names = manifest.tables.map((table) => tableName(table.fileNumber));
  if (manifest.leavesFileNumber !== 0) names.push(leavesName(manifest.leavesFileNumber));
  for (const name of names) {
    const linked = disk.link(name, prefix + name);
    if (!linked.ok) return linked;
  }
  return DONE;
}

/** What the snapshot's manifest says of the segments that were copied. [SN2] [SN3] */
function copyLog(
  disk: Disk,
  checksum: Checksum,
  prefix: string,
  input: SnapshotInput,
): DiskResult<readonly SealedSegment[]> {
  const { manifest, cutSequence } = input;
  const sealed: SealedSegment[] = [];
  for (const segment of manifest.sealed) {
    if (segment.lastSequence <= manifest.floorSequence) continue;
    const copied = copySegment(disk, prefix, segment, input.segmentBytesMax);
    if (!copied.ok) return copied;
    sealed.push(segment);
  }
  const own = segmentsOfOpening(disk, checksum, input);
  if (!own.ok) return own;
  const hole = holeIn(own.value, sealed.at(-1)?.lastSequence ?? 0, manifest.floorSequence);
  if (hole !== undefined) return hole;
  for (const [index, segment] of own.value.entries()) {
    // Recovery wants a segment of the opening: the newest is copied, be it only its header.
    const isNewest = index === own.value.length - 1;
    if (segment.lastSequence <= manifest.floorSequence && !isNewest) continue;
    const copied = copySegment(disk, prefix, segment, input.segmentBytesMax);
    if (!copied.ok) return copied;
    sealed.push(segment);
  }
  const last = sealed.at(-1)?.lastSequence ?? 0;
  if (own.value.length === 0) return broken('the log has no segment of its opening');
  if (Math.max(last, manifest.floorSequence) < cutSequence) {
    return broken(`the log ends at ${last}, before the cut at ${cutSequence}`);
  }
  return { ok: true, value: sealed };
}

interface OwnSegment extends SealedSegment {
  readonly firstSequence: number;
}

/** Segments of the manifest's opening, in order, each up to its last group before the cut. */
function segmentsOfOpening(
  disk: Disk,
  checksum: Checksum,
  input: SnapshotInput,
): DiskResult<readonly OwnSegment[]> {
  const { manifest, cutSequence } = input;
  const names = disk.list();
  if (!names.ok) return names;
  const segments: OwnSegment[] = [];
  for (const name of names.value) {
    const file = parseFileName(name);
    if (file?.kind !== 'log' || file.opening !== manifest.opening) continue;
    const words = readFileWords(disk, name, input.segmentBytesMax);
    // A spare that the log took meanwhile: it held nothing above the floor.
    if (!words.ok && words.code === 'ENOENT') continue;
    if (!words.ok) return words;
    const { storeIdLow, storeIdHigh, opening } = manifest;
    const reading = readSegment(
      words.value,
      {
        id: { storeIdLow, storeIdHigh, opening, index: file.index },
        checksum,
        expectedSequence: manifest.floorSequence + 1,
        limitBytes: words.value.byteLength,
        limitSequence: cutSequence + 1,
      },
      () => {},
    );
    const isOwn = reading.header.kind === 'valid' && reading.firstSequence <= cutSequence + 1;
    // A segment that the log began behind the cut.
    if (!isOwn) continue;
    const { firstSequence, endBytes, lastSequence } = reading;
    segments.push({ opening, index: file.index, endBytes, lastSequence, firstSequence });
  }
  segments.sort((left, right) => left.index - right.index);
  return { ok: true, value: segments };
}

/** An error where records above the floor are in no segment. */
function holeIn(
  segments: readonly OwnSegment[],
  lastOfEarlier: number,
  floorSequence: number,
): DiskError | undefined {
  let last = Math.max(lastOfEarlier, floorSequence);
  for (const segment of segments) {
    if (segment.lastSequence <= floorSequence) continue;
    if (segment.firstSequence > last + 1) {
      return broken(`a hole in the log before ${segment.firstSequence}`);
    }
    last = segment.lastSequence;
  }
  return undefined;
}

function copySegment(
  disk: Disk,
  prefix: string,
  segment: SealedSegment,
  segmentBytesMax: number,
): DiskResult<null> {
  const name = logName(segment.opening, segment.index);
  const byteCount = Math.max(segment.endBytes, SEGMENT_HEADER_BYTES);
  const words = readFileWords(disk, name, segmentBytesMax, byteCount);
  if (!words.ok) return words;
  if (words.value.byteLength !== byteCount) return broken(`${name} is shorter than it was`);
  return writeNewFile(disk, prefix + name, [bytesOf(words.value)]);
}

function broken(detail: string): DiskError {
  return { ok: false, code: 'OTHER', detail: `no snapshot: ${detail}` };
}
