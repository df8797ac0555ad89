/**
 * Clients that put, get and delete keys of their own, and count what they are told. What a get shows is
 * held against what the key may hold, each time.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bucket, ClockwiseError } from '@clockwise/client';
import { Prng } from '@clockwise/kernel/prng';
import { type KeyState, KeyStates } from './key-states.ts';

export interface DiskLoadOptions {
  readonly seed: string;
  readonly clients: number;
  readonly valueBytes: number;
  readonly timeoutMs: number;
  readonly putTimeoutMs: number;
}

/** Of a kind of request: those answered, and the others by `CODE outcome`. */
export class Told {
  ok = 0;
  readonly others: Map<string, number> = new Map();

  other(what: string): void {
    this.others.set(what, (this.others.get(what) ?? 0) + 1);
  }

  get text(): string {
    const others = [...this.others].map(([what, count]) => `${count} ${what}`);
    return [`${this.ok} ok`, ...others].join(', ');
  }
}

/** Of ten requests. */
interface Mix {
  readonly puts: number;
  readonly deletes: number;
  /** Milliseconds of each client between two. */
  readonly pauseMs: number;
}

export class DiskLoad {
  readonly states: KeyStates = new KeyStates();
  readonly wrong: string[] = [];
  puts: Told = new Told();
  gets: Told = new Told();
  deletes: Told = new Told();
  readonly #options: DiskLoadOptions;
  readonly #bucket: Bucket;
  readonly #prng: Prng;
  /** Of each client: how many keys it has, and its next number. */
  readonly #keyCounts: number[];
  #number = 0;

  constructor(bucket: Bucket, options: DiskLoadOptions) {
    this.#bucket = bucket;
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#keyCounts = Array.from({ length: options.clients }, () => 0);
  }

  get keyCount(): number {
    return this.#keyCounts.reduce((sum, count) => sum + count, 0);
  }

  /** What is counted is counted anew. */
  count(): void {
    this.puts = new Told();
    this.gets = new Told();
    this.deletes = new Told();
  }

  /** Every client puts new keys until it was refused so often. */
  async fill(refusals: number): Promise<void> {
    await this.#each(async (client) => {
      for (let refused = 0; refused < refusals;) {
        if (!(await this.put(client, true))) refused += 1;
      }
    });
  }

  async work(untilMs: number, mix: Mix): Promise<void> {
    await this.#each(async (client) => {
      while (performance.now() < untilMs) {
        const drawn = this.#prng.below(10);
        if (drawn < mix.puts) await this.put(client, this.#prng.chance(0.5));
        else if (drawn < mix.puts + mix.deletes) await this.#delete(client);
        else await this.#get(this.#drawKey(client));
        await sleep(mix.pauseMs);
      }
    });
  }

  /** Every key is read, some at a time. */
  async readAll(): Promise<void> {
    const keys = [...this.states.keys];
    await this.#each(async () => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await this.#get(key);
    });
  }

  /** False: it was not acknowledged. */
  async put(client: number, isNew: boolean): Promise<boolean> {
    const key = isNew ? this.#newKey(client) : this.#drawKey(client);
    const number = (this.#number += 1);
    const { valueBytes, putTimeoutMs: timeoutMs } = this.#options;
    // No codec makes less of it.
    const filling = randomBytes(Math.ceil(valueBytes / 2)).toString('hex');
    const put = this.#bucket.put(key, `${number} ${filling}`, { timeoutMs });
    return this.#write(this.puts, put, key, number);
  }

  async #delete(client: number): Promise<void> {
    const key = this.#drawKey(client);
    const { timeoutMs } = this.#options;
    await this.#write(this.deletes, this.#bucket.delete(key, { timeoutMs }), key, undefined);
  }

  async #write(
    told: Told,
    write: Promise<unknown>,
    key: string,
    state: KeyState,
  ): Promise<boolean> {
    try {
      await write;
    } catch (error) {
      if (!(error instanceof ClockwiseError)) throw error;
      told.other(`${error.code} ${error.outcome}`);
      if (error.outcome !== 'not-applied') this.states.unknown(key, state);
      return false;
    }
    told.ok += 1;
    this.states.acknowledged(key, state);
    return true;
  }

  async #get(key: string): Promise<void> {
    try {
      const { values } = await this.#bucket.get(key, { timeoutMs: this.#options.timeoutMs });
      this.gets.ok += 1;
      const found = values.map((value) => numberOf(value));
      const states = this.states.statesOf(key);
      const isRight =
        found.length === 0
          ? states.includes(undefined)
          : found.every((number) => states.includes(number));
      if (!isRight) this.wrong.push(`${key} is ${found.join(', ')}, may be ${states.join(', ')}`);
    } catch (error) {
      if (!(error instanceof ClockwiseError)) throw error;
      this.gets.other(`${error.code} ${error.outcome}`);
    }
  }

  #newKey(client: number): string {
    const index = this.#keyCounts[client]!;
    this.#keyCounts[client] = index + 1;
    return `client-${client}-${index}`;
  }

  #drawKey(client: number): string {
    return `client-${client}-${this.#prng.below(Math.max(1, this.#keyCounts[client]!))}`;
  }

  async #each(work: (client: number) => Promise<void>): Promise<void> {
    await Promise.all(this.#keyCounts.map((_, client) => work(client)));
  }
}

function numberOf(value: unknown): number {
  return Number(String(value).split(' ', 1)[0]);
}
