/**
 * An open load: so many gets and puts a second through the SDK as users have it, whatever becomes of
 * those before. Each key has one writer, which has one put of it under way at a time.
 *
 * Invariants:
 *   RL1 what is offered does not depend on what is answered, but for keys whose put is under way
 */
import { type Bucket, ClockwiseError } from '@clockwise/client';
import type { Prng } from '@clockwise/kernel/prng';
import type { CountedDatabase } from '../chaos/counted-world.ts';
import type { PutLedger } from './put-ledger.ts';
import type { RequestWindows } from './request-windows.ts';

export interface RequestLoadOptions {
  readonly connections: readonly CountedDatabase[];
  readonly keysPerClient: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** Of load before the first second that counts, for clients and nodes to be warm. */
  readonly warmUpSeconds: number;
  readonly windows: RequestWindows;
  readonly ledger: PutLedger;
  readonly prng: Prng;
}

/** Of requests that are puts. */
const PUT_SHARE = 0.5;
const TICK_MS = 5;
const FILLS_AT_ONCE = 16;
const FILL_TRIES_MAX = 20;
const FILLING = '.'.repeat(80);
const LEVELS = { r: 2, w: 2 } as const;

class LoadClient {
  readonly #connection: CountedDatabase;
  readonly #bucket: Bucket;
  readonly #ledger: PutLedger;
  /** By key: its put is under way. */
  readonly #busy: Set<string> = new Set();
  readonly keys: readonly string[];
  #putCount = 0;

  constructor(
    connection: CountedDatabase,
    client: number,
    keysPerClient: number,
    ledger: PutLedger,
  ) {
    this.#connection = connection;
    this.#bucket = connection.database.bucket();
    this.#ledger = ledger;
    this.keys = Array.from({ length: keysPerClient }, (_, index) => `client-${client}-${index}`);
  }

  /** Every key has a value before the load begins, however slow the machine is. */
  async fill(): Promise<void> {
    const waiting = this.keys.values();
    const writers = Array.from({ length: FILLS_AT_ONCE }, async () => {
      for (const key of waiting) {
        let failure = await this.put(key);
        for (let tries = 1; failure !== '' && tries < FILL_TRIES_MAX; tries += 1) {
          failure = await this.put(key);
        }
        if (failure !== '') throw new Error(`${key} could not be put: ${failure}`);
      }
    });
    await Promise.all(writers);
  }

  idleKey(prng: Prng): string | undefined {
    const key = prng.pick(this.keys);
    return this.#busy.has(key) ? undefined : key;
  }

  /** Why it failed; empty where it did not. */
  async put(key: string): Promise<string> {
    this.#busy.add(key);
    this.#putCount += 1;
    const sequence = this.#putCount;
    const value = `${key} ${sequence} ${FILLING}`;
    const number = this.#ledger.begin(key, value);
    const failure = await this.#bucket.put(key, value, LEVELS).then(() => '', failureOf);
    const { repeated } = this.#connection.count;
    if (failure === '') this.#ledger.acknowledged(key, number);
    if (failure.endsWith('unknown') || repeated.has(sequence))
      this.#ledger.mayComeLate(key, number);
    this.#busy.delete(key);
    return failure;
  }

  get(key: string): Promise<string> {
    return this.#bucket.get(key, LEVELS).then(({ found }) => (found ? '' : 'not found'), failureOf);
  }
}

export class RequestLoad {
  readonly #options: RequestLoadOptions;
  readonly #clients: readonly LoadClient[];
  readonly #keys: readonly string[];
  readonly #running: Set<Promise<void>> = new Set();
  #beganAt = 0;
  #offered = 0;

  constructor(options: RequestLoadOptions) {
    const { connections, keysPerClient, ledger } = options;
    this.#options = options;
    this.#clients = connections.map(
      (connection, client) => new LoadClient(connection, client, keysPerClient, ledger),
    );
    this.#keys = this.#clients.flatMap(({ keys }) => keys);
  }

  async fill(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.fill()));
  }

  /** Milliseconds since the first second that counts began; below zero before. */
  get now(): number {
    return performance.now() - this.#beganAt;
  }

  /** Offers all of it; resolves when the last request has ended. */
  async run(): Promise<void> {
    const { seconds, warmUpSeconds, requestsPerSecond, windows } = this.#options;
    const warmUpMs = warmUpSeconds * 1000;
    this.#beganAt = performance.now() + warmUpMs;
    let dueAt = -warmUpMs;
    for (let now = this.now; now < seconds * 1000; now = this.now) {
      windows.heldUp(now, Math.max(0, now - dueAt));
      const due = Math.floor(((now + warmUpMs) * requestsPerSecond) / 1000) + 1;
      for (; this.#offered < due; this.#offered += 1) this.#offer();
      dueAt = now + TICK_MS;
      await new Promise((turn) => setTimeout(turn, TICK_MS));
    }
    await Promise.all(this.#running);
  }

  #offer(): void {
    const { prng, windows } = this.#options;
    const client = prng.pick(this.#clients);
    const key = prng.chance(PUT_SHARE) ? client.idleKey(prng) : undefined;
    const calledAt = this.now;
    const request = key === undefined ? client.get(prng.pick(this.#keys)) : client.put(key);
    const ended = request.then((failure) => {
      windows.ended(calledAt, this.now, failure);
      this.#running.delete(ended);
    });
    this.#running.add(ended);
  }
}

/** Anything but an error of the SDK is a fault of the run. */
function failureOf(error: unknown): string {
  if (!(error instanceof ClockwiseError)) throw error;
  const { cause } = error;
  const after = cause instanceof ClockwiseError ? ` after ${cause.code}` : '';
  return `${error.code}${after}, ${error.outcome}`;
}
