/**
 * A thread that does nothing but fdatasync(2), for a thread that must not wait for it. File
 * descriptors belong to the process, so a number is all it takes. The two share a few words:
 *
 *     state: idle -> asked (by the owner) -> idle (by the thread)
 */
import { fdatasyncSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { FileHandle } from '@clockwise/storage/disk';
import { diskFailure } from './node-disk.ts';
import type { BackgroundSync } from './sync-ahead-disk.ts';

const WORD = { state: 0, file: 1, failure: 2 } as const;
const STATE = { idle: 0, asked: 1 } as const;
const WORDS = 4;
/** It makes no objects. */
const YOUNG_MEBIBYTES = 1;
const NO_FAILURE = 0;
const FAILURES: readonly DiskFailure[] = ['EIO', 'ENOSPC', 'EMFILE', 'ENOENT', 'EROFS', 'OTHER'];

interface SyncThreadData {
  readonly kind: 'sync-thread';
  readonly buffer: SharedArrayBuffer;
}

export class SyncThread implements BackgroundSync {
  readonly #words: Int32Array = new Int32Array(new SharedArrayBuffer(WORDS * 4));

  constructor() {
    const data: SyncThreadData = {
      kind: 'sync-thread',
      buffer: this.#words.buffer as SharedArrayBuffer,
    };
    const worker = new Worker(new URL(import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
    });
    // It ends with its owner; until then it keeps nobody up.
    worker.unref();
  }

  begin(file: FileHandle): boolean {
    const words = this.#words;
    if (Atomics.load(words, WORD.state) !== STATE.idle) return false;
    Atomics.store(words, WORD.file, file);
    Atomics.store(words, WORD.state, STATE.asked);
    Atomics.notify(words, WORD.state);
    return true;
  }

  settle(): DiskFailure | undefined {
    const words = this.#words;
    while (Atomics.load(words, WORD.state) !== STATE.idle) {
      Atomics.wait(words, WORD.state, STATE.asked);
    }
    const failure = Atomics.exchange(words, WORD.failure, NO_FAILURE);
    return failure === NO_FAILURE ? undefined : (FAILURES[failure - 1] ?? 'OTHER');
  }
}

function serve(words: Int32Array): void {
  for (;;) {
    Atomics.wait(words, WORD.state, STATE.idle);
    if (Atomics.load(words, WORD.state) !== STATE.asked) continue;
    try {
      fdatasyncSync(Atomics.load(words, WORD.file));
    } catch (error) {
      Atomics.store(words, WORD.failure, FAILURES.indexOf(diskFailure(error)) + 1);
    }
    Atomics.store(words, WORD.state, STATE.idle);
    Atomics.notify(words, WORD.state);
  }
}

const data = workerData as SyncThreadData | null;
if (!isMainThread && data?.kind === 'sync-thread') serve(new Int32Array(data.buffer));
