/**
 * Those files of a disk whose names begin with a prefix, under what is left of their names: a snapshot
 * in its store's folder, as a folder of its own.
 *
 * Invariants: DK1 to DK4 of the disk below hold here.
 *   PX1 a name leads to no file without the prefix, and none without it is listed
 */
import { assert } from '@clockwise/kernel/assert';
import type { Disk, DiskResult, FileHandle, OpenMode } from './disk.ts';

export class PrefixDisk implements Disk {
  readonly #disk: Disk;
  readonly #prefix: string;

  constructor(disk: Disk, prefix: string) {
    assert(prefix.length > 0, 'a prefix tells files apart');
    this.#disk = disk;
    this.#prefix = prefix;
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    return this.#disk.open(this.#prefix + name, mode);
  }
  close(file: FileHandle): void {
    this.#disk.close(file);
  }
  read(file: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    return this.#disk.read(file, bytes, position);
  }
  write(file: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    return this.#disk.write(file, parts, position);
  }
  size(file: FileHandle): DiskResult<number> {
    return this.#disk.size(file);
  }
  datasync(file: FileHandle): DiskResult<null> {
    return this.#disk.datasync(file);
  }
  syncDirectory(): DiskResult<null> {
    return this.#disk.syncDirectory();
  }

  list(): DiskResult<readonly string[]> {
    const names = this.#disk.list();
    if (!names.ok) return names;
    const prefix = this.#prefix;
    // [PX1]
    const own = names.value.filter((name) => name.startsWith(prefix));
    return { ok: true, value: own.map((name) => name.slice(prefix.length)) };
  }

  remove(name: string): DiskResult<null> {
    return this.#disk.remove(this.#prefix + name);
  }
  rename(from: string, to: string): DiskResult<null> {
    return this.#disk.rename(this.#prefix + from, this.#prefix + to);
  }
  link(from: string, to: string): DiskResult<null> {
    return this.#disk.link(this.#prefix + from, this.#prefix + to);
  }
}
