/**
 * What a log writer tells its replica through shared memory: the highest sequence it has released,
 * how much of its reserve a full disk has cost it, and whether it has failed. One writer; a sequence
 * lock keeps the two words of the sequence whole.
 *
 * data plane
 *
 * Invariants:
 *   LS1 a reader gets a sequence that was stored as one, never halves of two
 *   LS2 a failure is final
 *   LS3 the count of reserve files that were given up only grows
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';

const WORD = { lock: 0, low: 1, high: 2, failure: 3, reserveUsed: 4 } as const;
const TWO_32 = 0x1_0000_0000;

/** The failure's place in this list + 1 is what stands in shared memory. */
const FAILURES: readonly DiskFailure[] = ['EIO', 'ENOSPC', 'EMFILE', 'ENOENT', 'EROFS', 'OTHER'];

export function createLogStatus(): SharedArrayBuffer {
  return new SharedArrayBuffer(64);
}

export class LogStatusWriter {
  readonly #words: Int32Array;
  #released = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  release(sequence: number): void {
    assert(sequence >= this.#released, 'the released sequence never goes back');
    const words = this.#words;
    this.#released = sequence;
    Atomics.add(words, WORD.lock, 1);
    Atomics.store(words, WORD.low, sequence | 0);
    Atomics.store(words, WORD.high, Math.floor(sequence / TWO_32) | 0);
    Atomics.add(words, WORD.lock, 1);
  }

  useReserve(fileCount: number): void {
    assert(fileCount >= Atomics.load(this.#words, WORD.reserveUsed), 'LS3 what is used stays so');
    Atomics.store(this.#words, WORD.reserveUsed, fileCount);
  }

  fail(failure: DiskFailure): void {
    Atomics.store(this.#words, WORD.failure, FAILURES.indexOf(failure) + 1);
  }
}

export class LogStatusReader {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /**
   * Spins while a store is under way: a few instructions of the writer. A writer that was ended in
   * between leaves the lock odd for ever, so the reader gives up and returns `latest`, which was true.
   */
  released(latest: number): number {
    const words = this.#words;
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const lock = Atomics.load(words, WORD.lock);
      if ((lock & 1) !== 0) continue;
      const low = Atomics.load(words, WORD.low) >>> 0;
      const high = Atomics.load(words, WORD.high) >>> 0;
      if (Atomics.load(words, WORD.lock) === lock) return high * TWO_32 + low;
    }
    return latest;
  }

  /** Reserve files that were given up since the opening. */
  reserveUsed(): number {
    return Atomics.load(this.#words, WORD.reserveUsed);
  }

  failure(): DiskFailure | undefined {
    const place = Atomics.load(this.#words, WORD.failure);
    return place === 0 ? undefined : FAILURES[place - 1];
  }
}
