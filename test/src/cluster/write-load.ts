/**
 * A load of writers for tests of crashes. Each writer owns some keys and overwrites them with numbers
 * that rise, so that what was acknowledged can be held against what is read: a key may hold a later
 * number than the last acknowledged one (its outcome was unknown), never an earlier one.
 */
import type { Bucket } from '@clockwise/client';
import { ClockwiseError } from '@clockwise/client';

export interface WriteLoadOptions {
  readonly writerCount: number;
  readonly keysPerWriter: number;
  readonly valueBytes: number;
}

export class WriteLoad {
  /** By key: the highest number acknowledged. */
  readonly acknowledged: Map<string, number> = new Map();
  /** By key: the highest number tried. */
  readonly tried: Map<string, number> = new Map();
  /** Failed writes by code and outcome, as `CODE outcome`. */
  readonly failures: Map<string, number> = new Map();
  acknowledgedCount = 0;
  readonly #options: WriteLoadOptions;
  #stopped = new AbortController();
  #writers: Promise<void>[] = [];
  /** By writer: where its numbers go on after a stop. */
  readonly #next: number[] = [];

  constructor(options: WriteLoadOptions) {
    this.#options = options;
  }

  start(bucket: Bucket): void {
    this.#stopped = new AbortController();
    this.#writers = Array.from({ length: this.#options.writerCount }, (_, writer) =>
      this.#write(bucket, writer),
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#writers);
  }

  /** Resolves when so many more writes were acknowledged. */
  async progress(count: number): Promise<void> {
    const goal = this.acknowledgedCount + count;
    while (this.acknowledgedCount < goal) await new Promise((turn) => setTimeout(turn, 5));
  }

  /** Keys whose read shows less than was acknowledged, or what nobody wrote; and how many were read. */
  async lost(bucket: Bucket): Promise<{ readonly lost: readonly string[]; readonly read: number }> {
    const keys = [...this.acknowledged.keys()];
    const results = await bucket.getMany(keys, { timeoutMs: 20_000 });
    const lost = results.flatMap((result, index) => {
      const key = keys[index]!;
      if (!result.ok) return [`${key}: ${result.error.message}`];
      const { values } = result.result;
      const numbers = values.map((value) => numberOf(value));
      const most = Math.max(-1, ...numbers);
      const isThere = most >= this.acknowledged.get(key)! && most <= this.tried.get(key)!;
      return isThere ? [] : [`${key}: ${numbers.join(', ')} for ${this.acknowledged.get(key)}`];
    });
    return { lost, read: keys.length };
  }

  async #write(bucket: Bucket, writer: number): Promise<void> {
    const { keysPerWriter, valueBytes } = this.#options;
    const filling = '.'.repeat(valueBytes);
    const { signal } = this.#stopped;
    let number = this.#next[writer] ?? 0;
    for (; !signal.aborted; number += 1) {
      const key = `writer-${writer}-key-${number % keysPerWriter}`;
      this.tried.set(key, number);
      this.#next[writer] = number + 1;
      try {
        await bucket.put(key, `${number} ${filling}`);
        this.acknowledged.set(key, number);
        this.acknowledgedCount += 1;
      } catch (error) {
        if (!(error instanceof ClockwiseError)) throw error;
        const what = `${error.code} ${error.outcome}`;
        this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
        await new Promise((turn) => setTimeout(turn, 10));
      }
    }
  }
}

function numberOf(value: unknown): number {
  return Number(String(value).split(' ', 1)[0]);
}
