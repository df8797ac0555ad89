/**
 * A disk for the commit log that begins to make bytes durable before anyone waits for them: each time
 * some megabytes were written, another thread syncs the file. Nothing is promised by that; it leaves
 * little to do for the sync that does promise (Redis and PostgreSQL do the same for the same reason:
 * one sync of a second's writes stalls whoever waits behind it).
 *
 * Invariants:
 *   SA1 a sync is answered only after the one in the background has ended, and with its error if it
 *       had one: an error of fsync is reported once, to whoever asked (F5)
 *   SA2 a file is closed only when nobody syncs it
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Disk, DiskResult, FileHandle, OpenMode } from '@clockwise/storage/disk';

/** Syncs one file at a time, elsewhere. */
export interface BackgroundSync {
  /** False: it is still busy with the one before. */
  begin(file: FileHandle): boolean;
  /** Waits until it is idle; the failure of any sync since the last call, undefined where all went well. */
  settle(): DiskFailure | undefined;
}

export class SyncAheadDisk implements Disk {
  readonly #disk: Disk;
  readonly #background: BackgroundSync;
  readonly #aheadBytes: number;
  #writtenBytes = 0;
  /** An error that the background met: final. */
  #failure: DiskFailure | undefined = undefined;

  constructor(disk: Disk, background: BackgroundSync, aheadBytes: number) {
    this.#disk = disk;
    this.#background = background;
    this.#aheadBytes = aheadBytes;
  }

  write(file: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    const written = this.#disk.write(file, parts, position);
    if (!written.ok) return written;
    this.#writtenBytes += written.value;
    if (this.#writtenBytes >= this.#aheadBytes && this.#background.begin(file)) {
      this.#writtenBytes = 0;
    }
    return written;
  }

  /** [SA1] */
  datasync(file: FileHandle): DiskResult<null> {
    this.#settle();
    if (this.#failure !== undefined) {
      return { ok: false, code: this.#failure, detail: 'a sync in the background failed' };
    }
    this.#writtenBytes = 0;
    return this.#disk.datasync(file);
  }

  /** [SA2] */
  close(file: FileHandle): void {
    this.#settle();
    this.#disk.close(file);
  }

  #settle(): void {
    this.#failure ??= this.#background.settle();
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    return this.#disk.open(name, mode);
  }
  read(file: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    return this.#disk.read(file, bytes, position);
  }
  size(file: FileHandle): DiskResult<number> {
    return this.#disk.size(file);
  }
  syncDirectory(): DiskResult<null> {
    return this.#disk.syncDirectory();
  }
  list(): DiskResult<readonly string[]> {
    return this.#disk.list();
  }
  remove(name: string): DiskResult<null> {
    return this.#disk.remove(name);
  }
  rename(from: string, to: string): DiskResult<null> {
    return this.#disk.rename(from, to);
  }
  link(from: string, to: string): DiskResult<null> {
    return this.#disk.link(from, to);
  }
}
