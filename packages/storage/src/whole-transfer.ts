/**
 * Reads and writes that transfer everything or fail: loops over short ones (DK3). F6.
 *
 * Invariants:
 *   WT1 a write returns ok only after its last byte was taken
 *   WT2 a transfer that makes no progress ends as an error, never as an endless loop
 */
import type { Checksum } from './checksum.ts';
import { DONE, type Disk, type DiskError, type DiskResult, type FileHandle } from './disk.ts';

/** Transfers in a row that may take nothing before the disk counts as failed. */
const IDLE_TRANSFERS_MAX = 8;

export function writeWhole(
  disk: Disk,
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): DiskResult<null> {
  let rest = parts;
  let at = position;
  let idleCount = 0;
  while (rest.length > 0) {
    const written = disk.write(file, rest, at);
    if (!written.ok) return written;
    idleCount = written.value === 0 ? idleCount + 1 : 0;
    if (idleCount > IDLE_TRANSFERS_MAX) {
      return { ok: false, code: 'EIO', detail: 'the disk takes no bytes' };
    }
    at += written.value;
    rest = partsAfter(rest, written.value);
  }
  return DONE;
}

/** What is left of `parts` after their first `byteCount` bytes. */
function partsAfter(parts: readonly Uint8Array[], byteCount: number): readonly Uint8Array[] {
  let skipped = byteCount;
  let index = 0;
  while (index < parts.length && skipped >= parts[index]!.length) {
    skipped -= parts[index]!.length;
    index += 1;
  }
  if (index === parts.length) return [];
  if (skipped === 0) return parts.slice(index);
  return [parts[index]!.subarray(skipped), ...parts.slice(index + 1)];
}

/** Fills `bytes`, or up to the file's end; the value is how many bytes there were. */
export function readWhole(
  disk: Disk,
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): DiskResult<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const read = disk.read(file, bytes.subarray(filled), position + filled);
    if (!read.ok) return read;
    if (read.value === 0) break;
    filled += read.value;
  }
  return { ok: true, value: filled };
}

/** The disk is well, and the file is not: of all errors of a read the one that is damage. */
export interface TooLongFile extends DiskError {
  readonly isTooLong: true;
}

/**
 * A file's first `byteCount` bytes (all, if not said) as words; a last, incomplete word is left away.
 * A file of more than `bytesMax` bytes is refused before anything is allocated.
 */
export function readFileWords(
  disk: Disk,
  name: string,
  bytesMax: number,
  byteCount: number = bytesMax,
): DiskResult<Int32Array> | TooLongFile {
  const file = disk.open(name, 'read');
  if (!file.ok) return file;
  const words = readOpenFile(disk, file.value, { name, bytesMax, byteCount });
  disk.close(file.value);
  return words;
}

function readOpenFile(
  disk: Disk,
  file: FileHandle,
  wanted: { readonly name: string; readonly bytesMax: number; readonly byteCount: number },
): DiskResult<Int32Array> | TooLongFile {
  const size = disk.size(file);
  if (!size.ok) return size;
  if (size.value > wanted.bytesMax) {
    const detail = `${wanted.name} is longer than it may be`;
    return { ok: false, code: 'OTHER', isTooLong: true, detail };
  }
  const bytes = new Uint8Array(Math.floor(Math.min(size.value, wanted.byteCount) / 4) * 4);
  const read = readWhole(disk, file, bytes, 0);
  if (!read.ok) return read;
  return { ok: true, value: new Int32Array(bytes.buffer, 0, read.value >>> 2) };
}

/**
 * Writes a new file whose bytes are durable when this returns ok; its name is durable only after the
 * caller's `syncDirectory`. A file that failed half-way is removed where the disk still allows it.
 */
export function writeNewFile(
  disk: Disk,
  name: string,
  parts: readonly Uint8Array[],
): DiskResult<null> {
  const file = disk.open(name, 'create');
  if (!file.ok) return file;
  const written = writeWhole(disk, file.value, parts, 0);
  const synced = written.ok ? disk.datasync(file.value) : written;
  disk.close(file.value);
  // The first error is what the caller hears; a leftover is an orphan that the next opening removes.
  if (!synced.ok) disk.remove(name);
  return synced;
}

/** The bytes of a run of words. */
export function bytesOf(words: Int32Array, from = 0, to: number = words.length): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + from * 4, (to - from) * 4);
}

/** The checksum of a run of words, as a signed word. */
export function checksumWords(
  checksum: Checksum,
  words: Int32Array,
  from: number,
  to: number,
  seed = 0,
): number {
  return checksum(bytesOf(words, from, to), seed >>> 0) | 0;
}
