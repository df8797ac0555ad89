/**
 * A client of real nodes: plans with a workload of the simulator, performs through the SDK, one
 * operation at a time, and writes down what it did and saw.
 */
import { ClockwiseError, type ConsistencyLevel, Context, type GetResult } from '@clockwise/client';
import type { Prng } from '@clockwise/kernel/prng';
import { LEVEL } from '@clockwise/protocol/frame';
import {
  type PlannedOperation,
  type Seen,
  seenName,
  type Workload,
} from '../../workloads/workload.ts';
import type { ValueName } from '../../workloads/write-value.ts';
import { type ClientEntry, dotsOf, siblingsOf } from './client-history.ts';
import type { CountedDatabase } from './counted-world.ts';

export interface ChaosClientOptions {
  readonly connection: CountedDatabase;
  readonly client: number;
  /** Names of buckets by their ids. */
  readonly buckets: ReadonlyMap<number, string>;
  readonly history: ClientEntry[];
  readonly timeoutMs: number;
}

/** The part of a client's work that a workload plans. */
export interface Work {
  readonly workload: Workload;
  readonly prng: Prng;
  /** Before each key, so that each round has keys of its own. */
  readonly keyPrefix: string;
  readonly thinkMeanMs: number;
  readonly signal: AbortSignal;
}

export class ChaosClient {
  readonly #options: ChaosClientOptions;
  #operation = 0;

  constructor(options: ChaosClientOptions) {
    this.#options = options;
  }

  /** The name of its next operation, unique in the run. */
  get next(): ValueName {
    return { client: this.#options.client, operation: this.#operation };
  }

  close(): void {
    this.#options.connection.database.close();
  }

  /** Works until the signal; resolves when the last operation has ended. */
  async work({ workload, prng, keyPrefix, thinkMeanMs, signal }: Work): Promise<void> {
    const seen = new Map<string, Seen>();
    const written = new Map<string, Int32Array>();
    const { client } = this.#options;
    while (!signal.aborted) {
      const planned = workload.plan({ seen, written, client, operation: this.#operation, prng });
      const name = seenName(planned.bucketId, planned.key);
      const entry = await this.perform({ ...planned, key: keyPrefix + planned.key });
      remember(seen, written, name, entry);
      await new Promise((turn) => setTimeout(turn, prng.exponential(thinkMeanMs)));
    }
  }

  async perform(planned: PlannedOperation): Promise<ClientEntry> {
    const { history } = this.#options;
    const entry = planned.kind === 'get' ? await this.#get(planned) : await this.#write(planned);
    history.push(entry);
    return entry;
  }

  async #get(planned: PlannedOperation & { readonly kind: 'get' }): Promise<ClientEntry> {
    const { bucketId, key, level } = planned;
    const base = { kind: 'get', ...this.#begin(bucketId), bucketId, key, level } as const;
    try {
      const result: GetResult = await this.#bucket(bucketId).get(key, {
        ...levelOption('r', level),
        timeoutMs: this.#options.timeoutMs,
      });
      const siblings = siblingsOf(result);
      return {
        ...base,
        completedAt: performance.now(),
        values: siblings.map(({ value }) => value),
        siblings,
        context: dotsOf(result.context),
        code: '',
      };
    } catch (error) {
      const { code } = failure(error);
      const completedAt = performance.now();
      return { ...base, completedAt, values: undefined, siblings: [], context: [], code };
    }
  }

  async #write(
    planned: PlannedOperation & { readonly kind: 'put' | 'delete' },
  ): Promise<ClientEntry> {
    const { kind, bucketId, key, level, context } = planned;
    const { count } = this.#options.connection;
    const sentBefore = count.sent;
    const isGiven = context.kind === 'given';
    const given = isGiven ? new Context([...context.words]) : undefined;
    const base = {
      kind,
      ...this.#begin(bucketId),
      bucketId,
      key,
      level,
      context: given === undefined ? undefined : dotsOf(given),
      value: planned.kind === 'put' ? planned.value : undefined,
    } as const;
    const options = {
      ...levelOption('w', level),
      ...(given === undefined ? {} : { context: given }),
      timeoutMs: this.#options.timeoutMs,
    };
    const bucket = this.#bucket(bucketId);
    try {
      const result = await (planned.kind === 'put'
        ? bucket.put(key, planned.value, options)
        : bucket.delete(key, options));
      return {
        ...base,
        completedAt: performance.now(),
        outcome: 'ok',
        answer: dotsOf(result.context),
        tries: count.sent - sentBefore,
        code: '',
      };
    } catch (error) {
      const { code, outcome } = failure(error);
      const isRefused = outcome === 'not-applied';
      return {
        ...base,
        completedAt: isRefused ? performance.now() : Infinity,
        outcome: isRefused ? 'not-applied' : 'unknown',
        answer: [],
        tries: count.sent - sentBefore,
        code,
      };
    }
  }

  #begin(bucketId: number): {
    readonly client: number;
    readonly operation: number;
    readonly invokedAt: number;
  } {
    if (!this.#options.buckets.has(bucketId)) throw new Error(`bucket ${bucketId} has no name`);
    const operation = this.#operation;
    this.#operation += 1;
    return { client: this.#options.client, operation, invokedAt: performance.now() };
  }

  #bucket(bucketId: number): ReturnType<CountedDatabase['database']['bucket']> {
    return this.#options.connection.database.bucket(this.#options.buckets.get(bucketId));
  }
}

/**
 * What was seen stands for what may be replaced. After a get that failed a client knows nothing of the
 * key: the answer of an older put covers siblings that it has not seen the values of.
 */
function remember(
  seen: Map<string, Seen>,
  written: Map<string, Int32Array>,
  name: string,
  entry: ClientEntry,
): void {
  if (entry.kind === 'get') {
    if (entry.values === undefined) seen.delete(name);
    else seen.set(name, { context: wordsOf(entry.context), values: entry.values });
  } else if (entry.kind === 'put' && entry.outcome === 'ok') {
    const context = wordsOf(entry.answer);
    seen.set(name, { context, values: [entry.value!] });
    written.set(name, context);
  }
}

/** As on the wire: four words for each entry, low before high. */
function wordsOf(context: ClientEntry['context'] & object): Int32Array {
  return Int32Array.from(
    context.flatMap(({ incarnation, counter }) => [
      Number(BigInt.asIntN(32, incarnation)),
      Number(BigInt.asIntN(32, incarnation >> 32n)),
      Number(BigInt.asIntN(32, counter)),
      Number(BigInt.asIntN(32, counter >> 32n)),
    ]),
  );
}

function levelOption(
  name: 'r' | 'w',
  level: number,
): { r?: ConsistencyLevel } & {
  w?: ConsistencyLevel;
} {
  if (level === LEVEL.bucketDefault) return {};
  if (level === LEVEL.quorum) return { [name]: 'quorum' };
  return { [name]: level === LEVEL.all ? 'all' : level };
}

/** Anything but an error of the SDK is a fault of the run. */
function failure(error: unknown): ClockwiseError {
  if (error instanceof ClockwiseError) return error;
  throw error;
}
