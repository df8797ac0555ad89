/**
 * Reads a snapshot from end to end: whether its files are, byte by byte, what its manifest says. One
 * file at a time, so that a check of many tables is many short jobs.
 *
 * Invariants:
 *   SC1 a file of which any byte differs from what was written, or that is missing, is found
 *   SC2 a disk that does not answer is an error, not a fault of the file
 */
import { type BlockCodecs, BlockScratch } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskResult, FileHandle } from './disk.ts';
import { leavesName, logName, snapshotPrefix, tableName } from './file-names.ts';
import { readLeaves } from './leaves-file.ts';
import type { SealedSegment } from './log-reader.ts';
import { readSegment, type SegmentReading } from './log-segment.ts';
import { loadManifest } from './manifest-files.ts';
import type { Manifest, TableMetadata } from './manifest.ts';
import { PrefixDisk } from './prefix-disk.ts';
import type { TableReader } from './sstable-reader.ts';
import { openTable } from './table-open.ts';
import { readFileWords, readWhole } from './whole-transfer.ts';

export interface CheckTools {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
}

/** Undefined: sound. */
export type Fault = string | undefined;

export interface PartCheck {
  readonly fault: Fault;
  /** Parts are numbered from 0. */
  readonly partCount: number;
}

/**
 * Checks one part: a table, a segment of the log, or the leaves; the manifest is read for each. [SC1]
 * [SC2] REQUIRES: nobody opened the snapshot for writing since it was made.
 */
export function checkSnapshot(
  { disk: below, checksum, codecs }: CheckTools,
  snapshotNumber: number,
  part: number,
): DiskResult<PartCheck> {
  const tools = { disk: new PrefixDisk(below, snapshotPrefix(snapshotNumber)), checksum, codecs };
  const names = tools.disk.list();
  if (!names.ok) return names;
  const load = loadManifest(tools.disk, names.value, checksum);
  if (load.kind === 'failed') return load.error;
  if (load.kind !== 'found') {
    return { ok: true, value: { fault: `the manifest is ${load.kind}`, partCount: 1 } };
  }
  const checks = checksOf(tools, load.manifest);
  const checked = checks[part]?.() ?? sound(undefined);
  if (!checked.ok) return checked;
  return { ok: true, value: { fault: checked.value, partCount: checks.length } };
}

/** A check for each file that the manifest names, in a folder where it has that name. */
export function checksOf(
  tools: CheckTools,
  manifest: Manifest,
): readonly (() => DiskResult<Fault>)[] {
  return [
    ...manifest.tables.map((table) => () => checkTable(tools, table)),
    ...manifest.sealed.map((seal) => () => checkLog(tools, manifest, seal)),
    ...(manifest.leavesFileNumber === 0 ? [] : [() => checkLeaves(tools, manifest)]),
  ];
}

function sound(fault: Fault): DiskResult<Fault> {
  return { ok: true, value: fault };
}

function checkLeaves(tools: CheckTools, { leavesFileNumber }: Manifest): DiskResult<Fault> {
  const leaves = readLeaves(tools.disk, leavesFileNumber, tools.checksum);
  if (!leaves.ok) return leaves;
  return sound(
    leaves.value === undefined ? `${leavesName(leavesFileNumber)} is damaged` : undefined,
  );
}

function checkTable(tools: CheckTools, wanted: TableMetadata): DiskResult<Fault> {
  const { disk, checksum, codecs } = tools;
  const opening = openTable(disk, wanted, checksum, codecs);
  if (opening.kind === 'failed') return opening.error;
  if (opening.kind !== 'open') return sound(opening.reason);
  const { reader } = opening;
  if (!reader.filterSound) return sound(`${reader.name}: the filter is damaged`);
  const file = disk.open(tableName(wanted.fileNumber), 'read');
  if (!file.ok) return file;
  const checked = checkBlocks(disk, file.value, reader);
  disk.close(file.value);
  return checked;
}

function checkBlocks(disk: Disk, file: FileHandle, reader: TableReader): DiskResult<Fault> {
  const scratch = new BlockScratch();
  for (let block = 0; block < reader.blockCount; block += 1) {
    const words = new Int32Array(reader.blockByteCount(block) / 4);
    const read = readWhole(disk, file, new Uint8Array(words.buffer), reader.blockOffset(block));
    if (!read.ok) return read;
    if (!reader.openBlock(words, 0, block, scratch)) {
      return sound(`${reader.name}: block ${block} is damaged`);
    }
  }
  return sound(undefined);
}

function checkLog(tools: CheckTools, manifest: Manifest, seal: SealedSegment): DiskResult<Fault> {
  const { opening, index, endBytes } = seal;
  const name = logName(opening, index);
  const words = readFileWords(tools.disk, name, Math.max(endBytes, 1));
  if (!words.ok) {
    const isFault = 'isTooLong' in words || words.code === 'ENOENT';
    return isFault ? sound(`${name} is missing, or too long`) : words;
  }
  const isSound = readSealed(words.value, manifest, seal, tools.checksum) !== undefined;
  return sound(isSound ? undefined : `${name} is damaged`);
}

/** A segment's words, read from end to end; undefined: they are not what the seal says. */
export function readSealed(
  words: Int32Array,
  { storeIdLow, storeIdHigh }: Manifest,
  { opening, index, endBytes, lastSequence }: SealedSegment,
  checksum: Checksum,
): SegmentReading | undefined {
  const reading = readSegment(
    words,
    {
      id: { storeIdLow, storeIdHigh, opening, index },
      checksum,
      expectedSequence: 0,
      limitBytes: endBytes,
      limitSequence: Number.MAX_SAFE_INTEGER,
    },
    () => {},
  );
  const isSound =
    reading.header.kind === 'valid' &&
    reading.endBytes === endBytes &&
    reading.lastSequence === lastSequence;
  return isSound ? reading : undefined;
}
