/**
 * Copies a snapshot to an empty folder, as a store of its own: the same records under another store id,
 * so that no file of the copy is ever taken for one of its original, nor the other way round.
 *
 *     tables, leaves, log --rebound--> names durable -> every byte read again -> manifest, durable
 *
 * Boundary: reads the snapshot through `from`, writes into `to`; whoever called removes what is in `to`
 * if this fails.
 *
 * Invariants:
 *   SCP1 the copy is a store only when all of it was read again and found sound: its manifest is written
 *       last
 *   SCP2 what is damaged is not copied on: footers and log groups are checked as they are read, and blocks,
 *       filters and leaves in the copy
 *   SCP3 nothing that is there is written over
 *   SCP4 every file that names its store names the copy's
 */
import type { BlockCodecs } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, DONE, type FileHandle } from './disk.ts';
import { leavesName, logName, manifestName, tableName } from './file-names.ts';
import { lastSequenceOf } from './held-snapshot.ts';
import { SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, segmentHeader } from './log-format.ts';
import type { SealedSegment } from './log-reader.ts';
import { loadManifest } from './manifest-files.ts';
import { encodeManifest, type Manifest, type TableMetadata } from './manifest.ts';
import { checksOf, readSealed } from './snapshot-check.ts';
import { decodeFooter, encodeFooter, FOOTER_BYTES } from './sstable-format.ts';
import { bytesOf, readFileWords, readWhole, writeNewFile, writeWhole } from './whole-transfer.ts';

export interface SnapshotCopyOptions {
  /** The snapshot as a folder of its own: see prefix-disk. */
  readonly from: Disk;
  /** An empty folder. */
  readonly to: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  /** Of the copy: random, never that of the original. [SCP4] */
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  /** Of the store that the snapshot is expected to be of. */
  readonly shardIndex: number;
  readonly shardCount: number;
}

export type SnapshotCopy =
  | {
      readonly kind: 'copied';
      readonly sequence: number;
      readonly fileCount: number;
      readonly byteCount: number;
    }
  /** The snapshot is not what its manifest says, or there is none. */
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: DiskError };

/** The edition of the copy's manifest. */
const FIRST_EDITION = 1;
const PIECE_BYTES = 1024 * 1024;

/** A fault of the snapshot, on its way out; errors of disks are errors. */
type Step = DiskResult<number> | { readonly ok: false; readonly fault: string };

export function copySnapshot(options: SnapshotCopyOptions): SnapshotCopy {
  const { from, to, checksum, codecs } = options;
  const names = from.list();
  if (!names.ok) return { kind: 'failed', error: names };
  const load = loadManifest(from, names.value, checksum);
  if (load.kind === 'failed') return load;
  if (load.kind !== 'found') return damaged(`its manifest is ${load.kind}`);
  const reason = differenceOf(load.manifest, options);
  if (reason !== undefined) return damaged(reason);
  const copied = copyFiles(load.manifest, options);
  if (!copied.ok) return copyFailure(copied);
  const { storeIdLow, storeIdHigh } = options;
  const manifest = { ...load.manifest, edition: FIRST_EDITION, storeIdLow, storeIdHigh };
  // [SCP1] [SCP2]
  for (const check of checksOf({ disk: to, checksum, codecs }, manifest)) {
    const checked = check();
    if (!checked.ok) return { kind: 'failed', error: checked };
    if (checked.value !== undefined) return damaged(checked.value);
  }
  const words = encodeManifest(manifest, checksum);
  const written = writeNewFile(to, manifestName(FIRST_EDITION), [bytesOf(words)]);
  const synced = written.ok ? to.syncDirectory() : written;
  if (!synced.ok) return { kind: 'failed', error: synced };
  return {
    kind: 'copied',
    sequence: lastSequenceOf(manifest),
    fileCount: manifest.tables.length + manifest.sealed.length + leavesOf(manifest).length + 1,
    byteCount: copied.value + words.byteLength,
  };
}

function differenceOf(
  { shardIndex, shardCount }: Manifest,
  wanted: SnapshotCopyOptions,
): string | undefined {
  if (shardIndex === wanted.shardIndex && shardCount === wanted.shardCount) return undefined;
  return (
    `it is of shard ${shardIndex} of ${shardCount}, not ` +
    `of shard ${wanted.shardIndex} of ${wanted.shardCount}`
  );
}

/** Bytes written; their names are durable. */
function copyFiles(manifest: Manifest, options: SnapshotCopyOptions): Step {
  const steps = [
    ...manifest.tables.map((table) => () => copyTable(table, options)),
    ...manifest.sealed.map((seal) => () => copySegment(manifest, seal, options)),
    ...leavesOf(manifest).map((name) => () => copyFile(name, options, () => undefined)),
  ];
  let byteCount = 0;
  for (const step of steps) {
    const copied = step();
    if (!copied.ok) return copied;
    byteCount += copied.value;
  }
  const synced = options.to.syncDirectory();
  return synced.ok ? { ok: true, value: byteCount } : synced;
}

function leavesOf({ leavesFileNumber }: Manifest): string[] {
  return leavesFileNumber === 0 ? [] : [leavesName(leavesFileNumber)];
}

/** [SCP4] All of it as it is, but for the footer at its end. */
function copyTable({ fileNumber }: TableMetadata, options: SnapshotCopyOptions): Step {
  const { checksum, storeIdLow, storeIdHigh } = options;
  const name = tableName(fileNumber);
  return copyFile(name, options, (words) => {
    const reading = decodeFooter(words, checksum);
    if (reading.kind !== 'valid') return `${name}: ${reading.reason}`;
    return encodeFooter({ ...reading.footer, storeIdLow, storeIdHigh }, checksum);
  });
}

/** What takes the place of the last `FOOTER_BYTES`; undefined: they stay; a text: why that cannot be. */
type Rebind = (footer: Int32Array) => Int32Array | string | undefined;

function copyFile(name: string, { from, to }: SnapshotCopyOptions, rebind: Rebind): Step {
  const source = from.open(name, 'read');
  if (!source.ok) return missingOr(source, name);
  const target = to.open(name, 'create');
  if (!target.ok) {
    from.close(source.value);
    return target;
  }
  const copied = copyOpenFile(
    { disk: from, file: source.value },
    { disk: to, file: target.value },
    rebind,
  );
  from.close(source.value);
  to.close(target.value);
  return copied;
}

interface OpenFile {
  readonly disk: Disk;
  readonly file: FileHandle;
}

/** Durable when ok, but for its name. */
function copyOpenFile(source: OpenFile, target: OpenFile, rebind: Rebind): Step {
  const size = source.disk.size(source.file);
  if (!size.ok) return size;
  const footerAt = Math.max(0, size.value - FOOTER_BYTES);
  const moved = copyBytes(source, target, footerAt);
  if (!moved.ok) return moved;
  const words = new Int32Array(Math.ceil((size.value - footerAt) / 4));
  const bytes = bytesOf(words).subarray(0, size.value - footerAt);
  const read = readWhole(source.disk, source.file, bytes, footerAt);
  if (!read.ok) return read;
  const bound = rebind(words);
  if (typeof bound === 'string') return { ok: false, fault: bound };
  const last = bound === undefined ? bytes : bytesOf(bound);
  const written = writeWhole(target.disk, target.file, [last], footerAt);
  const synced = written.ok ? target.disk.datasync(target.file) : written;
  return synced.ok ? { ok: true, value: footerAt + last.length } : synced;
}

function copyBytes(source: OpenFile, target: OpenFile, byteCount: number): DiskResult<null> {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, byteCount));
  for (let at = 0; at < byteCount; at += piece.length) {
    const bytes = piece.subarray(0, Math.min(piece.length, byteCount - at));
    const read = readWhole(source.disk, source.file, bytes, at);
    if (!read.ok) return read;
    const written = writeWhole(target.disk, target.file, [bytes], at);
    if (!written.ok) return written;
  }
  return DONE;
}

/** [SCP4] Groups do not name their store: the header does. */
function copySegment(manifest: Manifest, seal: SealedSegment, options: SnapshotCopyOptions): Step {
  const { from, to, checksum, storeIdLow, storeIdHigh } = options;
  const { opening, index, endBytes } = seal;
  const name = logName(opening, index);
  const read = readFileWords(from, name, SEGMENT_BYTES_MAX);
  if (!read.ok) return missingOr(read, name);
  const reading = readSealed(read.value, manifest, seal, checksum);
  // [SCP2]
  if (reading === undefined) return { ok: false, fault: `${name} is damaged` };
  const id = { storeIdLow, storeIdHigh, opening, index };
  const header = segmentHeader(id, reading.firstSequence, checksum);
  const groups = bytesOf(read.value).subarray(SEGMENT_HEADER_BYTES, endBytes);
  const written = writeNewFile(to, name, [bytesOf(header), groups]);
  return written.ok ? { ok: true, value: SEGMENT_HEADER_BYTES + groups.length } : written;
}

/** A file that the manifest names and that is not there is damage. */
function missingOr(error: DiskError, name: string): Step {
  return error.code === 'ENOENT' || 'isTooLong' in error
    ? { ok: false, fault: `${name} is missing, or too long` }
    : error;
}

function copyFailure(step: Exclude<Step, { readonly ok: true }>): SnapshotCopy {
  return 'fault' in step ? damaged(step.fault) : { kind: 'failed', error: step };
}

function damaged(reason: string): SnapshotCopy {
  return { kind: 'damaged', reason };
}
