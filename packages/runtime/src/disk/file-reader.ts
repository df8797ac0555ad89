/**
 * FileReader: carries out an actor's read effects: asynchronous reads (libuv's pool) of files in one
 * folder, through file descriptors that stay open, into aligned buffers that are used again.
 *
 * Invariants:
 *   FR1 each read ends in exactly one event
 *   FR2 a buffer is used again only after `recycle`, when the step that was given it has returned
 *   FR3 at most `openFilesMax` descriptors are kept while no read uses them
 *   FR4 without a descriptor it closes those that nobody uses and tries again, some times; then the
 *       read has failed (F18)
 */
import { close, open, read } from 'node:fs';
import { join } from 'node:path';
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure, WorldEvent } from '@clockwise/kernel/effects';
import { diskFailure } from './node-disk.ts';

export interface FileRead {
  readonly read: number;
  readonly file: string;
  readonly offset: number;
  readonly byteCount: number;
}

export interface FileReaderOptions {
  readonly directory: string;
  readonly openFilesMax: number;
  readonly openFileIdleMs: number;
  readonly emit: (event: WorldEvent<never, never>) => void;
  readonly now: () => number;
  /** Opens a path to read; another one than the system's only in tests. */
  readonly openFile?: OpenFunction;
}

type OpenFunction = (
  path: string,
  flags: 'r',
  done: (error: Error | null, descriptor: number) => void,
) => void;

interface Opening {
  readonly kind: 'opening';
  readonly waiting: FileRead[];
}

type OpenFile =
  | Opening
  | { readonly kind: 'open'; readonly descriptor: number; userCount: number; usedAtMs: number };

/** Names come from cores, which got them from manifests: flat, and never a way out of the folder. */
const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;
const BUFFER_BYTES_MIN = 8192;
const FREE_BUFFERS_MAX = 64;
/** [FR4] */
const OPEN_RETRIES_MAX = 3;
const OPEN_RETRY_MS = 100;

export class FileReader {
  readonly #options: FileReaderOptions;
  readonly #files = new Map<string, OpenFile>();
  readonly #free: ArrayBuffer[] = [];
  readonly #lent: ArrayBuffer[] = [];
  #stopped = false;

  constructor(options: FileReaderOptions) {
    this.#options = options;
  }

  read(wanted: FileRead): void {
    assert(FILE_NAME.test(wanted.file), 'a file is named without a path');
    const file = this.#files.get(wanted.file);
    if (file === undefined) this.#open(wanted);
    else if (file.kind === 'opening') file.waiting.push(wanted);
    else this.#start(file, wanted);
  }

  /** The step that was given the buffers has returned. */
  recycle(): void {
    for (const buffer of this.#lent) {
      if (this.#free.length < FREE_BUFFERS_MAX) this.#free.push(buffer);
    }
    this.#lent.length = 0;
  }

  /** Closes what nobody read for a while: files may have been removed meanwhile. */
  tick(nowMs: number): void {
    for (const [name, file] of this.#files) {
      if (file.kind !== 'open' || file.userCount > 0) continue;
      if (nowMs - file.usedAtMs < this.#options.openFileIdleMs) continue;
      this.#close(name, file.descriptor);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#closeIdle();
  }

  #open(wanted: FileRead): void {
    const opening: Opening = { kind: 'opening', waiting: [wanted] };
    this.#files.set(wanted.file, opening);
    this.#tryOpen(wanted.file, opening, OPEN_RETRIES_MAX);
  }

  #tryOpen(name: string, opening: Opening, retries: number): void {
    if (this.#stopped) return;
    const { directory, openFile = open } = this.#options;
    openFile(join(directory, name), 'r', (error, descriptor) => {
      if (error === null) {
        this.#opened(name, opening, descriptor);
        return;
      }
      const failure = diskFailure(error);
      if (failure === 'EMFILE' && retries > 0) {
        this.#closeIdle();
        setTimeout(() => this.#tryOpen(name, opening, retries - 1), OPEN_RETRY_MS);
        return;
      }
      this.#files.delete(name);
      for (const waiting of opening.waiting) this.#fail(waiting, failure);
    });
  }

  #opened(name: string, opening: Opening, descriptor: number): void {
    const usedAtMs = this.#options.now();
    const file: OpenFile = { kind: 'open', descriptor, userCount: 0, usedAtMs };
    this.#files.set(name, file);
    for (const waiting of opening.waiting) this.#start(file, waiting);
    this.#evict();
  }

  #start(file: OpenFile & { kind: 'open' }, wanted: FileRead): void {
    const memory = this.#take(wanted.byteCount);
    const bytes = new Uint8Array(memory, 0, wanted.byteCount);
    file.userCount += 1;
    file.usedAtMs = this.#options.now();
    const done = (error: Error | null, byteCount: number): void => {
      file.userCount -= 1;
      if (error !== null || byteCount !== wanted.byteCount) {
        this.#fail(wanted, error === null ? 'EIO' : diskFailure(error));
        return;
      }
      this.#lent.push(memory);
      const words = new Int32Array(memory, 0, (wanted.byteCount + 3) >> 2);
      this.#emit({ kind: 'read-done', read: wanted.read, words });
    };
    read(file.descriptor, bytes, 0, wanted.byteCount, wanted.offset, done);
  }

  #fail(wanted: FileRead, failure: DiskFailure): void {
    this.#emit({ kind: 'read-failed', read: wanted.read, failure });
  }

  #emit(event: WorldEvent<never, never>): void {
    if (!this.#stopped) this.#options.emit(event);
  }

  #take(byteCount: number): ArrayBuffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength >= byteCount);
    if (index >= 0) return this.#free.splice(index, 1)[0]!;
    return new ArrayBuffer(Math.max(BUFFER_BYTES_MIN, (byteCount + 7) & ~7));
  }

  /** The map is in order of opening: the oldest idle ones go first. */
  #evict(): void {
    for (const [name, file] of this.#files) {
      if (this.#files.size <= this.#options.openFilesMax) return;
      if (file.kind === 'open' && file.userCount === 0) this.#close(name, file.descriptor);
    }
  }

  #closeIdle(): void {
    for (const [name, file] of this.#files) {
      if (file.kind === 'open' && file.userCount === 0) this.#close(name, file.descriptor);
    }
  }

  #close(name: string, descriptor: number): void {
    this.#files.delete(name);
    close(descriptor, (error) => {
      // A descriptor that was only read from loses nothing; that it does not close is a bug of ours.
      if (error !== null) throw error;
    });
  }
}
