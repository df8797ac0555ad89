/**
 * A folder on a disk that loses, tears and refuses, by seed. The twin of runtime/disk/node-disk.
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
import { SimulatedFile } from './simulated-file.ts';

/**
 * keep-all: the process died, the machine did not. drop-all: nothing unsynced survives. prefix: writes
 * survive in order up to a point, the last one cut. subset: each 4 KiB page of each write, and each
 * folder change, survives or not. torn: as prefix, the last write cut in 512-byte sectors of which
 * some hold rubbish.
 */
export type CrashModel = 'keep-all' | 'drop-all' | 'prefix' | 'subset' | 'torn';
export const CRASH_MODELS: readonly CrashModel[] = [
  'keep-all',
  'drop-all',
  'prefix',
  'subset',
  'torn',
];

export type DiskOperation =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'datasync'
  | 'syncDirectory'
  | 'list'
  | 'remove'
  | 'rename'
  | 'link';

/** Fails the `nth` call (from 1, counted from when it was set) of this operation, or of any. */
export interface DiskFault {
  readonly operation: DiskOperation | 'any';
  readonly nth: number;
  readonly code: DiskFailure;
  /** Every later call of the kind fails too. */
  readonly forever?: boolean;
  /** What readers see after a failed datasync: pages stay as written, or go back. Both are `clean`. */
  readonly pages?: 'new' | 'old';
}

/** Thrown by the operation at which the run was to end; only the test that set it catches it. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash';
}

type DirectoryChange =
  | { readonly kind: 'add'; readonly name: string; readonly file: SimulatedFile }
  | { readonly kind: 'remove'; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly from: string;
      readonly to: string;
      readonly file: SimulatedFile;
    };

interface OpenFile {
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
  readonly #prng: Prng;
  readonly #shortTransferProbability: number;
  readonly #openFilesMax: number;
  #durableEntries = new Map<string, SimulatedFile>();
  #entries = new Map<string, SimulatedFile>();
  #changes: DirectoryChange[] = [];
  readonly #open = new Map<FileHandle, OpenFile>();
  #nextHandle = 1;
  #faults: { readonly fault: DiskFault; remaining: number }[] = [];

  constructor(options: SimulatedDiskOptions) {
    this.#prng = options.prng;
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    this.#shortTransferProbability = options.shortTransferProbability ?? 0;
    this.#openFilesMax = options.openFilesMax ?? 1024;
  }

  get openFileCount(): number {
    return this.#open.size;
  }

  inject(fault: DiskFault): void {
    assert(fault.nth >= 1, 'faults count from 1');
    this.#faults.push({ fault, remaining: fault.nth });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  /** Power loss or the process's death: every handle is gone, and what was unsynced as `model` says. */
  crash(model: CrashModel): void {
    this.#open.clear();
    this.crashAt = 0;
    if (model === 'keep-all') return;
    const files = new Set([...this.#durableEntries.values(), ...this.#entries.values()]);
    for (const change of this.#changes) if (change.kind !== 'remove') files.add(change.file);
    for (const file of files) file.crash(model, this.#prng);
    this.#crashDirectory(model);
  }

  /** Changes a byte in place on the medium and in the cache: rot. */
  corrupt(name: string, position: number, byte: number): void {
    const file = this.#entries.get(name);
    assert(file !== undefined, 'the file to corrupt exists');
    file.corrupt(position, byte);
  }

  /** The bytes that readers see, copied. */
  contents(name: string): Uint8Array {
    const file = this.#entries.get(name);
    assert(file !== undefined, 'the file exists');
    return file.visible.slice(0, file.size);
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    const failed = this.#begin(mode === 'create' ? 'create' : 'open', name);
    if (failed !== undefined) return failed;
    if (this.#open.size >= this.#openFilesMax) return refuse('EMFILE', `open ${name}`);
    let file = this.#entries.get(name);
    if (mode === 'create') {
      if (file !== undefined) return refuse('OTHER', `${name} exists`);
      file = new SimulatedFile();
      this.#change({ kind: 'add', name, file });
    }
    if (file === undefined) return refuse('ENOENT', `open ${name}`);
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    this.#open.set(handle, { file, writable: mode !== 'read' });
    return { ok: true, value: handle };
  }

  close(file: FileHandle): void {
    this.#open.delete(file);
  }

  read(handle: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    const failed = this.#begin('read', `file ${handle}`);
    if (failed !== undefined) return failed;
    const { file } = this.#opened(handle);
    const available = Math.max(0, Math.min(bytes.length, file.size - position));
    const count = this.#shorten(available);
    bytes.set(file.visible.subarray(position, position + count));
    return { ok: true, value: count };
  }

  write(handle: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(total);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const { file, writable } = this.#opened(handle);
    const failed = this.#begin('write', `file ${handle}`, () => {
      if (total > 0) file.write(bytes.subarray(0, this.#prng.below(total + 1)), position);
    });
    if (failed !== undefined) return failed;
    if (!writable) return refuse('OTHER', 'the file is open for reading');
    const growth = Math.max(0, position + total - file.size);
    const room = Math.max(0, this.capacityBytes - this.usedBytes());
    const fitting = growth <= room ? total : Math.max(0, total - (growth - room));
    if (fitting === 0 && total > 0) return refuse('ENOSPC', `write file ${handle}`);
    const count = this.#shorten(fitting);
    file.write(bytes.subarray(0, count), position);
    return { ok: true, value: count };
  }

  size(handle: FileHandle): DiskResult<number> {
    return { ok: true, value: this.#opened(handle).file.size };
  }

  datasync(handle: FileHandle): DiskResult<null> {
    const { file } = this.#opened(handle);
    const fault = this.#fault('datasync', () => file.crash('subset', this.#prng, true));
    if (fault !== undefined) {
      file.failSync(fault.pages ?? 'new');
      return refuse(fault.code, `datasync file ${handle}`);
    }
    file.sync();
    return DONE;
  }

  syncDirectory(): DiskResult<null> {
    const failed = this.#begin('syncDirectory', 'folder');
    if (failed !== undefined) return failed;
    this.#durableEntries = new Map(this.#entries);
    this.#changes = [];
    return DONE;
  }

  list(): DiskResult<readonly string[]> {
    const failed = this.#begin('list', 'folder');
    if (failed !== undefined) return failed;
    return { ok: true, value: [...this.#entries.keys()] };
  }

  remove(name: string): DiskResult<null> {
    const failed = this.#begin('remove', name);
    if (failed !== undefined) return failed;
    if (!this.#entries.has(name)) return refuse('ENOENT', `remove ${name}`);
    this.#change({ kind: 'remove', name });
    return DONE;
  }

  rename(from: string, to: string): DiskResult<null> {
    const failed = this.#begin('rename', from);
    if (failed !== undefined) return failed;
    const file = this.#entries.get(from);
    if (file === undefined) return refuse('ENOENT', `rename ${from}`);
    this.#change({ kind: 'rename', from, to, file });
    return DONE;
  }

  link(from: string, to: string): DiskResult<null> {
    const failed = this.#begin('link', from);
    if (failed !== undefined) return failed;
    const file = this.#entries.get(from);
    if (file === undefined) return refuse('ENOENT', `link ${from}`);
    if (this.#entries.has(to)) return refuse('OTHER', `${to} exists`);
    this.#change({ kind: 'add', name: to, file });
    return DONE;
  }

  usedBytes(): number {
    let total = 0;
    for (const file of new Set(this.#entries.values())) total += file.size;
    return total;
  }

  /** Counts the call; a crash may come half through it (`halfDone`) or before it. */
  #begin(operation: DiskOperation, what: string, halfDone?: () => void): DiskError | undefined {
    const fault = this.#fault(operation, halfDone);
    return fault === undefined ? undefined : refuse(fault.code, `${operation} ${what}`);
  }

  #fault(operation: DiskOperation, halfDone?: () => void): DiskFault | undefined {
    this.operationCount += 1;
    if (this.operationCount === this.crashAt) {
      halfDone?.();
      throw new SimulatedCrash(`crash at call ${this.crashAt}, ${operation}`);
    }
    for (const entry of this.#faults) {
      if (entry.fault.operation !== 'any' && entry.fault.operation !== operation) continue;
      entry.remaining -= 1;
      if (entry.remaining === 0) return entry.fault;
      if (entry.remaining < 0 && entry.fault.forever === true) return entry.fault;
    }
    return undefined;
  }

  #opened(handle: FileHandle): OpenFile {
    const opened = this.#open.get(handle);
    assert(opened !== undefined, 'the file is open');
    return opened;
  }

  #shorten(count: number): number {
    if (count === 0 || !this.#prng.chance(this.#shortTransferProbability)) return count;
    return this.#prng.between(1, count);
  }

  #change(change: DirectoryChange): void {
    this.#changes.push(change);
    applyChange(this.#entries, change);
  }

  #crashDirectory(model: Exclude<CrashModel, 'keep-all'>): void {
    const entries = new Map(this.#durableEntries);
    const kept = this.#prng.below(this.#changes.length + 1);
    for (const [index, change] of this.#changes.entries()) {
      if (this.#survives(model, index, kept)) applyChange(entries, change);
    }
    this.#entries = entries;
    this.#durableEntries = new Map(entries);
    this.#changes = [];
  }

  #survives(model: Exclude<CrashModel, 'keep-all'>, index: number, kept: number): boolean {
    switch (model) {
      case 'drop-all':
        return false;
      case 'prefix':
      case 'torn':
        return index < kept;
      case 'subset':
        return this.#prng.chance(0.5);
      default:
        return unreachable(model);
    }
  }
}

function applyChange(entries: Map<string, SimulatedFile>, change: DirectoryChange): void {
  switch (change.kind) {
    case 'add':
      entries.set(change.name, change.file);
      return;
    case 'remove':
      entries.delete(change.name);
      return;
    case 'rename':
      entries.delete(change.from);
      entries.set(change.to, change.file);
      return;
    default:
      unreachable(change);
  }
}

function refuse(code: DiskFailure, detail: string): DiskError {
  return { ok: false, code, detail };
}
