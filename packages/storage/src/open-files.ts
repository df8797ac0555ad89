/**
 * Files that stay open for reads, a bounded number of them: the one opened first is closed for a new
 * one. Used by an embedded store, whose reads are calls; a replica's reads are effects.
 *
 * Invariants:
 *   OF1 no more than `filesMax` are open
 *   OF2 without descriptors (EMFILE) the others are closed and the opening is tried again: what is left
 *       is an error, never "no such file" (F18)
 */
import { assert } from '@clockwise/kernel/assert';
import type { Disk, DiskResult, FileHandle } from './disk.ts';
import { tableName } from './file-names.ts';

export class OpenFiles {
  readonly #disk: Disk;
  readonly #filesMax: number;
  /** By the table's number, in order of opening. */
  readonly #files = new Map<number, FileHandle>();

  constructor(disk: Disk, filesMax: number) {
    assert(filesMax >= 1, 'a file can be open');
    this.#disk = disk;
    this.#filesMax = filesMax;
  }

  get count(): number {
    return this.#files.size;
  }

  /** The table's file, opened if it is not; a number, so that nothing is allocated where it is. */
  handleOf(fileNumber: number): DiskResult<FileHandle> | FileHandle {
    return this.#files.get(fileNumber) ?? this.#opened(fileNumber);
  }

  /** The file is about to be removed. */
  forget(fileNumber: number): void {
    const file = this.#files.get(fileNumber);
    if (file === undefined) return;
    this.#disk.close(file);
    this.#files.delete(fileNumber);
  }

  closeAll(): void {
    for (const file of this.#files.values()) this.#disk.close(file);
    this.#files.clear();
  }

  #opened(fileNumber: number): DiskResult<FileHandle> {
    while (this.#files.size >= this.#filesMax) this.#closeFirst();
    let file = this.#disk.open(tableName(fileNumber), 'read');
    if (!file.ok && file.code === 'EMFILE' && this.#files.size > 0) {
      this.closeAll();
      file = this.#disk.open(tableName(fileNumber), 'read');
    }
    if (file.ok) this.#files.set(fileNumber, file.value);
    return file;
  }

  #closeFirst(): void {
    for (const fileNumber of this.#files.keys()) {
      this.forget(fileNumber);
      return;
    }
  }
}
