/**
 * A disk for a thread that may wait: where the process is out of descriptors, a call that needs one is made
 * again until it has one, for a while. The log writer's, for whom a segment that cannot be opened would be
 * the end of its opening (F18); other errors are told at once.
 *
 * Boundary: blocks the thread it is called on.
 *
 * Invariants: DK1 to DK4 of the disk below hold here.
 *   PD1 a call is made again only where it failed for want of a descriptor, and so did nothing
 *   PD2 after `waitMsMax` of waiting, pause by pause, what was answered last is told
 */
import type { Disk, DiskResult, FileHandle, OpenMode } from '@clockwise/storage/disk';

const PAUSE_MS = 20;

export interface PatientDiskOptions {
  readonly disk: Disk;
  readonly waitMsMax: number;
  /** Left out: the thread sleeps. */
  readonly pause?: (milliseconds: number) => void;
}

export class PatientDisk implements Disk {
  readonly #disk: Disk;
  readonly #triesMax: number;
  readonly #pause: (milliseconds: number) => void;

  constructor({ disk, waitMsMax, pause = sleep }: PatientDiskOptions) {
    this.#disk = disk;
    this.#triesMax = 1 + Math.floor(waitMsMax / PAUSE_MS);
    this.#pause = pause;
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    return this.#patiently(() => this.#disk.open(name, mode));
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

  /** A folder is synced by a descriptor of its own. */
  syncDirectory(): DiskResult<null> {
    return this.#patiently(() => this.#disk.syncDirectory());
  }

  list(): DiskResult<readonly string[]> {
    return this.#patiently(() => this.#disk.list());
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

  /** [PD1] [PD2] */
  #patiently<Value>(call: () => DiskResult<Value>): DiskResult<Value> {
    for (let tries = 1; ; tries += 1) {
      const result = call();
      if (result.ok || result.code !== 'EMFILE' || tries >= this.#triesMax) return result;
      this.#pause(PAUSE_MS);
    }
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
