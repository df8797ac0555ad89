/**
 * The room that a store holds back on its disk: a few files of zeros. When the disk is full the log
 * writer gives one up and writes on in its room, so that deletes, flushes and the manifest still go
 * through; a job makes them whole again when there is room.
 *
 * Boundary: the log writer's thread takes (`takeReserve`), a job gives (`makeReserve`), at the same
 * time: both look at the folder and neither believes a count of its own.
 *
 * Invariants:
 *   RV1 a reserve file that counts is whole: all its bytes are written and synced
 *   RV2 a full disk is no error of `makeReserve`: it says how many files there are
 *   RV3 no reserve file stays half made, unless the machine fails meanwhile; the next making mends that
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { type Disk, type DiskResult, DONE } from './disk.ts';
import { parseFileName, reserveName } from './file-names.ts';
import { SPARE_BUFFERS } from './spare-buffers.ts';
import { bytesOf, writeNewFile } from './whole-transfer.ts';

/** Files that a store's reserve is cut into: the grain in which a full disk is given room. */
export const RESERVE_FILE_COUNT = 4;

const ZEROS_BYTES = 256 * 1024;

/** Makes what is missing of `fileCount` files of `fileBytes`; the value is how many there are. */
export function makeReserve(disk: Disk, fileCount: number, fileBytes: number): DiskResult<number> {
  let count = 0;
  let isFull = false;
  for (let number = 1; number <= fileCount && !isFull; number += 1) {
    const made = makeOne(disk, reserveName(number), fileBytes);
    if (made.ok) count += 1;
    else if (made.code === 'ENOSPC') isFull = true;
    else return made;
  }
  sometimes(isFull, 'reserve: the disk has no room for all of it');
  const synced = disk.syncDirectory();
  if (synced.ok) return { ok: true, value: count };
  // [RV2] Some systems find out only here that there is no room for the name.
  return synced.code === 'ENOSPC' ? { ok: true, value: 0 } : synced;
}

/**
 * Gives up one reserve file, the one with the highest number; the value is whether there was any.
 * Its room is there when this returns ok.
 */
export function takeReserve(disk: Disk): DiskResult<boolean> {
  const names = disk.list();
  if (!names.ok) return names;
  const held = reserveNumbers(names.value);
  for (const number of held) {
    const removed = disk.remove(reserveName(number));
    // Gone meanwhile: a making that failed took it away itself.
    if (!removed.ok && removed.code === 'ENOENT') continue;
    if (!removed.ok) return removed;
    reachable('reserve: a file is given up');
    const synced = disk.syncDirectory();
    return synced.ok ? { ok: true, value: true } : synced;
  }
  return { ok: true, value: false };
}

/** Gives up all of it. */
export function takeWholeReserve(disk: Disk): DiskResult<null> {
  for (;;) {
    const taken = takeReserve(disk);
    if (!taken.ok) return taken;
    if (!taken.value) return DONE;
  }
}

/** Descending. */
export function reserveNumbers(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const file = parseFileName(name);
    if (file?.kind === 'reserve') numbers.push(file.reserveNumber);
  }
  return numbers.toSorted((left, right) => right - left);
}

function makeOne(disk: Disk, name: string, fileBytes: number): DiskResult<null> {
  const size = sizeOf(disk, name);
  if (!size.ok) return size;
  if (size.value === fileBytes) return DONE;
  if (size.value >= 0) {
    // [RV3] Half made when the machine failed, or of another configuration.
    reachable('reserve: a file of another size is made again');
    const removed = disk.remove(name);
    if (!removed.ok && removed.code !== 'ENOENT') return removed;
  }
  const buffer = SPARE_BUFFERS.take(ZEROS_BYTES / 4);
  const zeros = bytesOf(buffer).fill(0);
  const parts: Uint8Array[] = [];
  for (let rest = fileBytes; rest > 0; rest -= zeros.length) {
    parts.push(rest < zeros.length ? zeros.subarray(0, rest) : zeros);
  }
  const written = writeNewFile(disk, name, parts);
  SPARE_BUFFERS.give(buffer);
  return written;
}

/** -1: there is no such file. */
function sizeOf(disk: Disk, name: string): DiskResult<number> {
  const file = disk.open(name, 'read');
  if (!file.ok) return file.code === 'ENOENT' ? { ok: true, value: -1 } : file;
  const size = disk.size(file.value);
  disk.close(file.value);
  return size;
}
