/**
 * A light load through the SDK, as a user beside a crowd: so many requests a second, whatever becomes of
 * those before, and how long they took, second by second.
 */
import { performance } from 'node:perf_hooks';
import { type Bucket, connect, type Database } from '@clockwise/client/index';
import { percentileOf } from '../report.ts';

export interface ForegroundSecond {
  readonly requests: number;
  readonly failed: number;
  /** Of those that succeeded. */
  readonly latencyMsP99: number;
}

interface Second {
  requests: number;
  failed: number;
  readonly latencies: number[];
}

const TICK_MS = 5;
const KEYS = 1000;

export class Foreground {
  readonly #database: Database;
  readonly #bucket: Bucket;
  readonly #requestsPerSecond: number;
  readonly #seconds: Second[] = [];
  readonly #beganAt: number = performance.now();
  #offered = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(database: Database, bucket: string, requestsPerSecond: number) {
    this.#database = database;
    this.#bucket = database.bucket(bucket);
    this.#requestsPerSecond = requestsPerSecond;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  static async start(
    servers: readonly string[],
    bucket: string,
    requestsPerSecond: number,
  ): Promise<Foreground> {
    const database = await connect({ servers, connections: servers.length });
    return new Foreground(database, bucket, requestsPerSecond);
  }

  /** The second that is running, from 0. */
  get second(): number {
    return Math.floor((performance.now() - this.#beganAt) / 1000);
  }

  /** Of a second that is over. */
  at(second: number): ForegroundSecond {
    const { requests, failed, latencies } = this.#seconds[second] ?? NOTHING;
    const latencyMsP99 = percentileOf(Float64Array.from(latencies).toSorted(), 0.99);
    return { requests, failed, latencyMsP99 };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#database.close();
  }

  #tick(): void {
    const elapsedMs = performance.now() - this.#beganAt;
    const due = Math.floor((elapsedMs * this.#requestsPerSecond) / 1000);
    for (; this.#offered < due; this.#offered += 1) this.#ask(this.#offered);
  }

  #ask(number: number): void {
    const second = (this.#seconds[this.second] ??= { requests: 0, failed: 0, latencies: [] });
    second.requests += 1;
    const key = `foreground-${number % KEYS}`;
    const askedAt = performance.now();
    const request: Promise<unknown> =
      number % 2 === 0 ? this.#bucket.put(key, `value ${number}`) : this.#bucket.get(key);
    request.then(
      () => second.latencies.push(performance.now() - askedAt),
      () => (second.failed += 1),
    );
  }
}

const NOTHING: Second = { requests: 0, failed: 0, latencies: [] };
