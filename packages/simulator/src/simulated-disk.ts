/**
 * A folder on a disk that loses, tears and refuses, by seed. The twin of runtime/disk/node-disk. What
 * goes wrong, and when, is simulated-disk-faults'.
 *
 * Per file: the durable image, the image that readers see (the page cache), and the list of writes in
 * between. Per folder: durable entries, visible entries, and the list of changes in between. A crash
 * decides what of the two lists survives.
 *
 * Invariants:
 *   SD1 after a crash under any model, what was synced before is there (DK1, DK2)
 *   SD2 equal seeds and equal calls give equal disks
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import {
  type Disk,
  type DiskError,
  type DiskResult,
  DONE,
  type FileHandle,
  type OpenMode,
} from '@clockwise/storage/disk';
import {
  type CrashModel,
  type DiskImage,
  type PowerLoss,
  SimulatedDirectory,
} from './simulated-directory.ts';
import {
  type ArmedWrite,
  type CallFailure,
  type DiskFault,
  type DiskOperation,
  SimulatedDiskFaults,
} from './simulated-disk-faults.ts';
import { ByteArena } from './word-arena.ts';
import { type FileCrash, SECTOR_BYTES, SimulatedFile, type WriteFate } from './simulated-file.ts';

export type { CrashModel, DiskImage } from './simulated-directory.ts';

export const CRASH_MODELS: readonly CrashModel[] = [
  'keep-all',
  'drop-all',
  'prefix',
  'subset',
  'torn',
  'entries-first',
  'data-first',
];

/** What becomes of unsynced data. */
const DATA_AFTER: { readonly [Model in PowerLoss]: FileCrash } = {
  'drop-all': 'drop',
  prefix: 'prefix',
  subset: 'subset',
  torn: 'torn',
  'entries-first': 'drop',
  'data-first': 'keep',
};

/** Thrown by the operation at which the run was to end; only the test that set it catches it. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash';
}

interface OpenFile {
  /** As it was called when it was opened. */
  readonly name: string;
  readonly file: SimulatedFile;
  readonly writable: boolean;
}

export interface SimulatedDiskOptions {
  readonly prng: Prng;
  /** Bytes of all files together, beyond which a write takes what fits, then fails with ENOSPC. */
  readonly capacityBytes?: number;
  /** Probability that a read or write transfers less than asked for. */
  readonly shortTransferProbability?: number;
  readonly openFilesMax?: number;
}

export class SimulatedDisk implements Disk {
  /** Calls so far, reads included: the positions at which `crashAt` can end a run. */
  operationCount = 0;
  /** The call (numbered from 1) before which, or half through which, the run ends; 0: none. */
  crashAt = 0;
  capacityBytes: number;
  readonly faults: SimulatedDiskFaults;
  readonly #prng: Prng;
  readonly #shortTransferProbability: number;
  readonly #openFilesMax: number;
  readonly #directory: SimulatedDirectory = new SimulatedDirectory();
  readonly #arena: ByteArena = new ByteArena();
  readonly #open = new Map<FileHandle, OpenFile>();
  #nextHandle = 1;
  /** Files of which the cache is dropped after their next sync. */
  readonly #evicting: Set<SimulatedFile> = new Set();

  constructor(options: SimulatedDiskOptions) {
    this.#prng = options.prng;
    this.faults = new SimulatedDiskFaults(options.prng.stream('faults'));
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    this.#shortTransferProbability = options.shortTransferProbability ?? 0;
    this.#openFilesMax = options.openFilesMax ?? 1024;
  }

  get openFileCount(): number {
    return this.#open.size;
  }

  inject(fault: DiskFault): void {
    this.faults.inject(fault);
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Power loss or the process's death: every handle is gone, and what was unsynced as `model` says. */
  crash(model: CrashModel): void {
    this.#open.clear();
    this.crashAt = 0;
    this.#evicting.clear();
    if (model === 'keep-all') return;
    const files = this.#directory.filesEver();
    for (const file of files) file.crash(DATA_AFTER[model], this.#prng);
    this.#directory.crash(model, this.#prng);
  }

  /** An orderly shutdown of the machine: all that readers see becomes durable, whatever the disk's faults. */
  syncAll(): void {
    for (const file of this.#directory.filesEver()) file.sync();
    this.#directory.sync();
  }

  /** Names of files, in the order of their names. */
  names(prefix = ''): string[] {
    const names = this.#directory.names().filter((name) => name.startsWith(prefix));
    return names.toSorted();
  }

  sizeOf(name: string): number {
    return this.#named(name).size;
  }

  /** Changes a byte in place on the medium and in the cache: rot. */
  corrupt(name: string, position: number, byte: number): void {
    this.#named(name).corrupt(position, byte);
  }

  /** The sector of this byte cannot be read until it is written again. */
  loseSector(name: string, position: number): void {
    this.#named(name).loseSector(position);
  }

  /** All bytes of a file go, durably; whoever has it open goes on. */
  truncate(name: string): void {
    this.#named(name).truncate();
  }

  /** A file goes, durably; whoever has it open goes on with what nobody will find. */
  lose(name: string): void {
    this.#directory.lose(name);
  }

  /** What is durable now, as a copy of the medium would have it. */
  image(): DiskImage {
    return this.#directory.image();
  }

  /** Another medium in its place: a copy that was made before, or an empty one. REQUIRES: not in use. */
  replace(image: DiskImage): void {
    assert(this.#open.size === 0, 'a disk is replaced when nobody uses it');
    this.#directory.replace(image);
  }

  /** The bytes that readers see, copied. */
  contents(name: string): Uint8Array {
    const file = this.#named(name);
    return file.visible.slice(0, file.size);
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    const failed = this.#begin(mode === 'create' ? 'create' : 'open', name);
    if (failed !== undefined) return failed;
    if (mode === 'write' && this.faults.isReadOnly) return refuse('EROFS', `open ${name}`);
    if (this.#open.size >= this.faults.openFilesMax(this.#openFilesMax)) {
      return refuse('EMFILE', `open ${name}`);
    }
    let file = this.#directory.get(name);
    if (mode === 'create') {
      if (file !== undefined) return refuse('OTHER', `${name} exists`);
      file = new SimulatedFile(this.#arena);
      this.#directory.change({ kind: 'add', name, file });
    }
    if (file === undefined) return refuse('ENOENT', `open ${name}`);
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    this.#open.set(handle, { name, file, writable: mode !== 'read' });
    return { ok: true, value: handle };
  }

  close(file: FileHandle): void {
    this.#open.delete(file);
  }

  read(handle: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    const failed = this.#begin('read', handle);
    if (failed !== undefined) return failed;
    const { file, name } = this.#opened(handle);
    const available = Math.max(0, Math.min(bytes.length, file.size - position));
    const wanted = bytes.subarray(0, this.#shorten(available));
    const count = file.read(wanted, position, this.faults.isStale(name));
    return count < 0 ? refuse('EIO', `read ${name}`) : { ok: true, value: count };
  }

  write(handle: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    const bytes = this.#joined(parts);
    const total = bytes.length;
    const { file, name, writable } = this.#opened(handle);
    // Nearly no call is the one at which a run ends: no closure for all the others.
    const isLast = this.operationCount + 1 === this.crashAt;
    const halfDone = isLast ? this.#halfWrite(file, bytes, position) : undefined;
    const failed = this.#begin('write', handle, halfDone);
    if (failed !== undefined) return failed;
    if (!writable) return refuse('OTHER', 'the file is open for reading');
    const growth = Math.max(0, position + total - file.size);
    const capacityBytes = this.faults.capacityBytes(this.capacityBytes);
    const isBounded = capacityBytes < Number.MAX_SAFE_INTEGER;
    const room = isBounded ? Math.max(0, capacityBytes - this.usedBytes()) : Infinity;
    const fitting = growth <= room ? total : Math.max(0, total - (growth - room));
    if (fitting === 0 && total > 0) return refuse('ENOSPC', `write file ${handle}`);
    const takenCount = this.#shorten(fitting);
    const taken = takenCount === total ? bytes : bytes.subarray(0, takenCount);
    file.write(taken, position, this.#fateOf(name, file, position, taken.length));
    return { ok: true, value: taken.length };
  }

  size(handle: FileHandle): DiskResult<number> {
    return { ok: true, value: this.#opened(handle).file.size };
  }

  datasync(handle: FileHandle): DiskResult<null> {
    const { file } = this.#opened(handle);
    const fault = this.#fault('datasync', () => file.crash('subset', this.#prng, true));
    if (fault !== undefined) {
      const { pages = 'new', medium = 'none' } = fault;
      file.failSync({ pages, medium }, this.#prng);
      return refuse(fault.code, `datasync file ${handle}`);
    }
    file.sync();
    if (this.#evicting.delete(file)) file.evict();
    return DONE;
  }

  syncDirectory(): DiskResult<null> {
    const failed = this.#begin('syncDirectory', 'folder');
    if (failed !== undefined) return failed;
    this.#directory.sync();
    return DONE;
  }

  list(): DiskResult<readonly string[]> {
    const failed = this.#begin('list', 'folder');
    if (failed !== undefined) return failed;
    return { ok: true, value: this.#directory.names() };
  }

  remove(name: string): DiskResult<null> {
    const failed = this.#begin('remove', name);
    if (failed !== undefined) return failed;
    if (this.#directory.get(name) === undefined) return refuse('ENOENT', `remove ${name}`);
    this.#directory.change({ kind: 'remove', name });
    return DONE;
  }

  rename(from: string, to: string): DiskResult<null> {
    const failed = this.#begin('rename', from);
    if (failed !== undefined) return failed;
    const file = this.#directory.get(from);
    if (file === undefined) return refuse('ENOENT', `rename ${from}`);
    this.#directory.change({ kind: 'rename', from, to, file });
    return DONE;
  }

  link(from: string, to: string): DiskResult<null> {
    const failed = this.#begin('link', from);
    if (failed !== undefined) return failed;
    const file = this.#directory.get(from);
    if (file === undefined) return refuse('ENOENT', `link ${from}`);
    if (this.#directory.get(to) !== undefined) return refuse('OTHER', `${to} exists`);
    this.#directory.change({ kind: 'add', name: to, file });
    return DONE;
  }

  usedBytes(): number {
    let total = 0;
    for (const file of this.#directory.files()) total += file.size;
    return total;
  }

  /** Counts the call; a crash may come half through it (`halfDone`) or before it. */
  #begin(
    operation: DiskOperation,
    what: string | FileHandle,
    halfDone?: () => void,
  ): DiskError | undefined {
    const fault = this.#fault(operation, halfDone);
    if (fault === undefined) return undefined;
    const name = typeof what === 'string' ? what : `file ${what}`;
    return refuse(fault.code, `${operation} ${name}`);
  }

  #fault(operation: DiskOperation, halfDone?: () => void): CallFailure | undefined {
    this.operationCount += 1;
    if (this.operationCount === this.crashAt) {
      halfDone?.();
      throw new SimulatedCrash(`crash at call ${this.crashAt}, ${operation}`);
    }
    return this.faults.callOf(operation);
  }

  /** What was drawn up for the next write to a file of this kind. */
  #fateOf(
    name: string,
    file: SimulatedFile,
    position: number,
    byteCount: number,
  ): WriteFate | undefined {
    const armed = byteCount > 0 ? this.faults.takeArmed(name) : undefined;
    if (armed === undefined) return undefined;
    if (armed.evicts) this.#evicting.add(file);
    switch (armed.fate) {
      case 'lost':
        return { kind: 'lost' };
      case 'torn': {
        const sectors = Math.ceil(byteCount / SECTOR_BYTES);
        const keptSectors = Array.from({ length: sectors }, () => this.#prng.chance(0.5));
        return { kind: 'torn', keptSectors };
      }
      case 'misdirected':
        return this.#misdirected(armed, name, file, position);
      default:
        return unreachable(armed.fate);
    }
  }

  #misdirected(armed: ArmedWrite, name: string, file: SimulatedFile, position: number): WriteFate {
    const others = armed.toOther ? this.names(armed.files).filter((other) => other !== name) : [];
    if (others.length === 0) {
      const moved = Math.max(0, position + armed.sectors * SECTOR_BYTES);
      return { kind: 'misdirected', file, position: moved };
    }
    return { kind: 'misdirected', file: this.#named(this.#prng.pick(others)), position };
  }

  #named(name: string): SimulatedFile {
    const file = this.#directory.get(name);
    assert(file !== undefined, 'the file exists');
    return file;
  }

  #opened(handle: FileHandle): OpenFile {
    const opened = this.#open.get(handle);
    assert(opened !== undefined, 'the file is open');
    return opened;
  }

  /** A copy: callers use their own memory again. */
  #joined(parts: readonly Uint8Array[]): Uint8Array {
    let total = 0;
    for (const part of parts) total += part.length;
    const bytes = this.#arena.take(total);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #halfWrite(file: SimulatedFile, bytes: Uint8Array, position: number): () => void {
    return () => {
      if (bytes.length === 0) return;
      file.write(bytes.subarray(0, this.#prng.below(bytes.length + 1)), position);
    };
  }

  #shorten(count: number): number {
    if (count === 0 || !this.#prng.chance(this.#shortTransferProbability)) return count;
    return this.#prng.between(1, count);
  }
}

function refuse(code: DiskFailure, detail: string): DiskError {
  return { ok: false, code, detail };
}
