/**
 * A snapshot of hash-tree leaves beside the tables: header (8 words), then the leaves' words, opaque
 * here. It is exact as of the sequence it names, so that replay of the log from there brings it up to
 * date without reading a table.
 *
 * Invariants:
 *   LF1 a snapshot with any byte changed is not read
 */
import type { Checksum } from './checksum.ts';
import type { Disk, DiskResult } from './disk.ts';
import { leavesName } from './file-names.ts';
import { readSequence, writeSequence } from './log-format.ts';
import { bytesOf, checksumWords, readFileWords, writeNewFile } from './whole-transfer.ts';

export const LEAVES_VERSION = 1;
/** 'CWLV' */
const LEAVES_MAGIC = 0x564c5743;
const HEADER_WORDS = 8;
const LEAVES_BYTES_MAX = 256 * 1024 * 1024;
/** Positions are append-only: they are on disks. */
const HEADER = {
  magic: 0,
  version: 1,
  wordCount: 2,
  fileNumber: 3,
  sequenceLow: 4,
  reserved: 6,
  /** CRC-32 of the leaves, continued over the words before this one. */
  checksum: 7,
} as const;

export interface LeavesSnapshot {
  readonly fileNumber: number;
  readonly sequence: number;
  readonly leaves: Int32Array;
}

/** Durable when ok, but for its name. */
export function writeLeaves(
  disk: Disk,
  snapshot: LeavesSnapshot,
  checksum: Checksum,
): DiskResult<null> {
  const header = new Int32Array(HEADER_WORDS);
  header[HEADER.magic] = LEAVES_MAGIC;
  header[HEADER.version] = LEAVES_VERSION;
  header[HEADER.wordCount] = snapshot.leaves.length;
  header[HEADER.fileNumber] = snapshot.fileNumber;
  writeSequence(header, HEADER.sequenceLow, snapshot.sequence);
  header[HEADER.checksum] = snapshotChecksum(header, snapshot.leaves, checksum);
  const parts = [bytesOf(header), bytesOf(snapshot.leaves)];
  return writeNewFile(disk, leavesName(snapshot.fileNumber), parts);
}

/** The value undefined: damaged or missing, to be computed anew from the tables. */
export function readLeaves(
  disk: Disk,
  fileNumber: number,
  checksum: Checksum,
): DiskResult<LeavesSnapshot | undefined> {
  const read = readFileWords(disk, leavesName(fileNumber), LEAVES_BYTES_MAX);
  if (!read.ok) {
    const isDamaged = read.code === 'ENOENT' || 'isTooLong' in read;
    return isDamaged ? { ok: true, value: undefined } : read;
  }
  const words = read.value;
  const leaves = words.subarray(HEADER_WORDS);
  const sound =
    words.length >= HEADER_WORDS &&
    words[HEADER.magic] === LEAVES_MAGIC &&
    words[HEADER.version] === LEAVES_VERSION &&
    words[HEADER.wordCount] === leaves.length &&
    words[HEADER.fileNumber] === fileNumber &&
    words[HEADER.checksum] === snapshotChecksum(words, leaves, checksum);
  if (!sound) return { ok: true, value: undefined };
  const sequence = readSequence(words, HEADER.sequenceLow);
  return { ok: true, value: { fileNumber, sequence, leaves } };
}

function snapshotChecksum(header: Int32Array, leaves: Int32Array, checksum: Checksum): number {
  const first = checksumWords(checksum, leaves, 0, leaves.length);
  return checksumWords(checksum, header, 0, HEADER.checksum, first);
}
