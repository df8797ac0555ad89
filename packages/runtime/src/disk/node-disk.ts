/**
 * The real disk behind storage's `Disk`: one folder, node:fs, synchronous. Used by log writers, jobs
 * of the pool, and a replica's opening of its store; reads in a replica's steps are effects.
 *
 * Invariants: DK1 to DK4 of storage/disk (test/contracts/disk-contract runs on this).
 *   ND1 a name leads nowhere but into this folder
 */
import * as fs from 'node:fs';
import * as paths from 'node:path';
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import {
  type Disk,
  type DiskResult,
  DONE,
  type FileHandle,
  type OpenMode,
} from '@clockwise/storage/disk';

const OPEN_FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'wx+' };

const FAILURES: ReadonlySet<string> = new Set<DiskFailure>([
  'EIO',
  'ENOSPC',
  'EMFILE',
  'ENOENT',
  'EROFS',
]);

/** The error codes of the operating system that the store acts on; the rest is OTHER. */
export function diskFailure(error: unknown): DiskFailure {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (FAILURES.has(code)) return code as DiskFailure;
  if (code === 'ENFILE') return 'EMFILE';
  if (code === 'EDQUOT') return 'ENOSPC';
  return 'OTHER';
}

export class NodeDisk implements Disk {
  readonly #folder: string;

  /** REQUIRES: `folder` exists. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    const path = this.#path(name);
    return attempt(() => fs.openSync(path, OPEN_FLAGS[mode]), `open ${name}`);
  }

  close(file: FileHandle): void {
    fs.closeSync(file);
  }

  read(file: FileHandle, bytes: Uint8Array, position: number): DiskResult<number> {
    return attempt(() => fs.readSync(file, bytes, 0, bytes.length, position), 'read');
  }

  write(file: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number> {
    const [first] = parts;
    if (first === undefined) return { ok: true, value: 0 };
    if (parts.length === 1) {
      return attempt(() => fs.writeSync(file, first, 0, first.length, position), 'write');
    }
    // The system takes at most 1,024 parts at once; the caller loops over the rest (DK3).
    return attempt(() => fs.writevSync(file, parts.slice(0, 1024), position), 'write');
  }

  size(file: FileHandle): DiskResult<number> {
    return attempt(() => fs.fstatSync(file).size, 'size');
  }

  datasync(file: FileHandle): DiskResult<null> {
    return done(() => fs.fdatasyncSync(file), 'datasync');
  }

  syncDirectory(): DiskResult<null> {
    return done(() => {
      const folder = fs.openSync(this.#folder, 'r');
      try {
        fs.fsyncSync(folder);
      } finally {
        fs.closeSync(folder);
      }
    }, 'sync folder');
  }

  list(): DiskResult<readonly string[]> {
    return attempt(() => fs.readdirSync(this.#folder), 'list');
  }

  remove(name: string): DiskResult<null> {
    const path = this.#path(name);
    return done(() => fs.unlinkSync(path), `remove ${name}`);
  }

  rename(from: string, to: string): DiskResult<null> {
    const [source, target] = [this.#path(from), this.#path(to)];
    return done(() => fs.renameSync(source, target), `rename ${from}`);
  }

  link(from: string, to: string): DiskResult<null> {
    const [source, target] = [this.#path(from), this.#path(to)];
    return done(() => fs.linkSync(source, target), `link ${from}`);
  }

  #path(name: string): string {
    assert(
      /^[A-Za-z0-9._-]+$/.test(name) && !name.startsWith('.'),
      'ND1 a name is a plain file name',
    );
    return paths.join(this.#folder, name);
  }
}

function attempt<Value>(action: () => Value, detail: string): DiskResult<Value> {
  try {
    return { ok: true, value: action() };
  } catch (error) {
    return { ok: false, code: diskFailure(error), detail: `${detail}: ${String(error)}` };
  }
}

function done(action: () => void, detail: string): DiskResult<null> {
  const result = attempt(action, detail);
  return result.ok ? DONE : result;
}
