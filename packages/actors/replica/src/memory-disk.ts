/**
 * A folder in memory, for tests of one replica: what was synced survives a power loss, the rest does
 * not. Nothing in a running node imports it; the disk that tears and rots is the simulator's.
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import {
  type Disk,
  type DiskError,
  type DiskResult,
  DONE,
  type FileHandle,
  type OpenMode,
} from '@clockwise/storage/disk';

interface MemoryFile {
  bytes: Uint8Array;
  durable: Uint8Array;
}

export class MemoryDisk implements Disk {
  #entries = new Map<string, MemoryFile>();
  #durableEntries = new Map<string, MemoryFile>();
  readonly #open = new Map<FileHandle, MemoryFile>();
  #nextHandle = 1;

  /** The process ends; with `powerLoss`, what was not synced goes too. */
  crash(powerLoss: boolean): void {
    this.#open.clear();
    if (!powerLoss) return;
    for (const file of this.#durableEntries.values()) file.bytes = file.durable.slice();
    this.#entries = new Map(this.#durableEntries);
  }

  names(): string[] {
    return [...this.#entries.keys()].toSorted();
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    let file = this.#entries.get(name);
    if (mode === 'create') {
      if (file !== undefined) return refuse('OTHER', `${name} exists`);
      file = { bytes: new Uint8Array(0), durable: new Uint8Array(0) };
      this.#entries.set(name, file);
    }
    if (file === undefined) return refuse('ENOENT', name);
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    this.#open.set(handle, file);
    return { ok: true, value: handle };
  }

  close(handle: FileHandle): void {
    this.#open.delete(handle);
  }

  read(handle: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    const part = this.#file(handle).bytes.subarray(position, position + bytes.length);
    bytes.set(part);
    return { ok: true, value: part.length };
  }

  write(handle: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    const file = this.#file(handle);
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    if (position + total > file.bytes.length) {
      const grown = new Uint8Array(position + total);
      grown.set(file.bytes);
      file.bytes = grown;
    }
    let at = position;
    for (const part of parts) {
      file.bytes.set(part, at);
      at += part.length;
    }
    return { ok: true, value: total };
  }

  size(handle: FileHandle): DiskResult<number> {
    return { ok: true, value: this.#file(handle).bytes.length };
  }

  datasync(handle: FileHandle): DiskResult<null> {
    const file = this.#file(handle);
    file.durable = file.bytes.slice();
    return DONE;
  }

  syncDirectory(): DiskResult<null> {
    this.#durableEntries = new Map(this.#entries);
    return DONE;
  }

  list(): DiskResult<readonly string[]> {
    return { ok: true, value: this.names() };
  }

  remove(name: string): DiskResult<null> {
    return this.#entries.delete(name) ? DONE : refuse('ENOENT', name);
  }

  rename(from: string, to: string): DiskResult<null> {
    const file = this.#entries.get(from);
    if (file === undefined) return refuse('ENOENT', from);
    this.#entries.delete(from);
    this.#entries.set(to, file);
    return DONE;
  }

  link(from: string, to: string): DiskResult<null> {
    const file = this.#entries.get(from);
    if (file === undefined) return refuse('ENOENT', from);
    if (this.#entries.has(to)) return refuse('OTHER', `${to} exists`);
    this.#entries.set(to, file);
    return DONE;
  }

  #file(handle: FileHandle): MemoryFile {
    const file = this.#open.get(handle);
    assert(file !== undefined, 'the file is open');
    return file;
  }
}

function refuse(code: DiskFailure, detail: string): DiskError {
  return { ok: false, code, detail };
}
