/**
 * A bucket as users see it: the operations on keys. Turns arguments into requests; what happens to
 * those is the dispatcher's.
 *
 * Invariants:
 *   BK1 arguments are taken as they are at the call: what the caller changes later changes no request
 *   BK2 an argument that cannot be sent rejects the promise by name, and sends nothing
 *   BK3 a call has one deadline, of however many operations it is made
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { REQUEST_FLAG, REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { VALUE_CODEC } from '@clockwise/protocol/response-body';
import { utf8ByteLength } from '@clockwise/protocol/utf8';
import { encodeValue, type Value } from '@clockwise/protocol/value-codec';
import { levelNumber, type ConsistencyLevel } from './consistency-level.ts';
import { Context } from './context.ts';
import type { Dispatcher } from './dispatcher.ts';
import { badRequest, ClockwiseError } from './errors.ts';
import { settleMany, type ItemResult } from './many.ts';
import type { Membership } from './membership.ts';
import { integerOption } from './options.ts';
import type { BucketHandle, RequestTable } from './request-table.ts';
import type { GetResult, Key, Resolve, ScanRecord, WriteResult } from './results.ts';
import { Scan, type ScanOptions } from './scan.ts';
import { updateObject, type Change, type UpdateSteps } from './update.ts';

/** What the operations of a client have in common. */
export interface Engine {
  readonly dispatcher: Dispatcher;
  readonly table: RequestTable;
  readonly membership: Membership;
  readonly inFlightMax: number;
}

export interface BucketOptions {
  /** Makes one value of concurrent ones; without it `value` is undefined where there are several. */
  readonly resolve?: Resolve;
}

export interface CallOptions {
  /** Milliseconds for the call, all its operations and their retries included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Only primaries may answer. */
  readonly strict?: boolean;
}

export interface GetOptions extends CallOptions {
  /** Replicas that must answer. */
  readonly r?: ConsistencyLevel;
  /** No later get with this option answers with less than this one; waits for repairs. */
  readonly monotonic?: boolean;
  /** The result tells how it came about: `explanation`. */
  readonly explain?: boolean;
}

/** What is being replaced. */
export type ContextOption = Context | { readonly context: Context } | 'none';

export interface WriteOptions extends CallOptions {
  /** Replicas that must acknowledge. */
  readonly w?: ConsistencyLevel;
  /** What was read: exactly that is replaced. Left out: overwrites; 'none': adds a sibling. */
  readonly context?: ContextOption;
  /** The result tells how it came about: `explanation`. */
  readonly explain?: boolean;
}

export interface PutOptions extends WriteOptions {
  readonly timeToLiveSeconds?: number;
}

export type UpdateOptions = CallOptions & {
  readonly r?: ConsistencyLevel;
  readonly w?: ConsistencyLevel;
  readonly timeToLiveSeconds?: number;
  /** Times that it is tried as a whole. */
  readonly attemptsMax?: number;
};

export type PutEntry =
  | readonly [key: Key, value: Value]
  | { readonly key: Key; readonly value: Value; readonly context?: ContextOption };

/** All that a request can be told. */
type RequestOptions = CallOptions & {
  readonly context?: ContextOption;
  readonly timeToLiveSeconds?: number;
  readonly monotonic?: boolean;
  readonly explain?: boolean;
};

const NO_OPTIONS = {};
const UPDATE_ATTEMPTS = 8;
const ATTEMPTS_MAX = 1000;
const NO_ENTRIES: readonly number[] = [];
const TIME_TO_LIVE_SECONDS_MAX = 0x7fff_ffff;

export class Bucket {
  readonly #engine: Engine;
  readonly #handle: BucketHandle;

  constructor(engine: Engine, name: string, options: BucketOptions) {
    this.#engine = engine;
    this.#handle = { name, resolve: options.resolve };
  }

  get name(): string {
    return this.#handle.name;
  }

  get(key: Key, options: GetOptions = NO_OPTIONS): Promise<GetResult> {
    return this.#get(key, options, undefined);
  }

  put(key: Key, value: Value, options: PutOptions = NO_OPTIONS): Promise<WriteResult> {
    return this.#put(key, value, options, undefined);
  }

  delete(key: Key, options: WriteOptions = NO_OPTIONS): Promise<WriteResult> {
    const deleting = this.#run(REQUEST_OPCODE.delete, key, options.w, options, undefined);
    return deleting as Promise<WriteResult>;
  }

  /**
   * Reads, lets `change` make the new value, and replaces exactly what was read. A writer that comes
   * between adds a sibling, so nothing is lost; the bucket's `resolve` merges at the next read.
   * `change` gets undefined where there is no value, or several and no `resolve`: it sees all in
   * `values`. Undefined from `change` leaves the object as it is. `change` is called again where the
   * write was refused for a reason that passes, up to `attemptsMax` times (8) within the call's time;
   * where nobody knows whether it was written, the error says `unknown`.
   */
  async update(
    key: Key,
    change: Change,
    options: UpdateOptions = NO_OPTIONS,
  ): Promise<Value | undefined> {
    const { dispatcher } = this.#engine;
    const { attemptsMax = UPDATE_ATTEMPTS, ...each } = options;
    integerOption('attemptsMax', attemptsMax, ATTEMPTS_MAX);
    const calledAt = dispatcher.callInstant();
    const deadline = calledAt + (checkedTimeout(options.timeoutMs) ?? dispatcher.timeoutMs);
    const steps: UpdateSteps = {
      read: () => this.#get(key, { ...each, r: each.r ?? 'quorum' }, calledAt),
      write: (value, { context }) => this.#put(key, value, { ...each, context }, calledAt),
      rest: (attempt, retryAfterMs) => dispatcher.rest(attempt, retryAfterMs, deadline),
    };
    return updateObject(steps, change, attemptsMax);
  }

  /** One result for each key, in their order; never fails as a whole. */
  getMany(keys: Iterable<Key>, options: GetOptions = NO_OPTIONS): Promise<ItemResult<GetResult>[]> {
    const { dispatcher, inFlightMax } = this.#engine;
    const calledAt = dispatcher.callInstant();
    return settleMany([...keys], inFlightMax, (key) => this.#get(key, options, calledAt));
  }

  /** One result for each entry, in their order; never fails as a whole. */
  putMany(
    entries: Iterable<PutEntry>,
    options: PutOptions = NO_OPTIONS,
  ): Promise<ItemResult<WriteResult>[]> {
    const { dispatcher, inFlightMax } = this.#engine;
    const calledAt = dispatcher.callInstant();
    return settleMany([...entries], inFlightMax, (entry) => {
      if (!('key' in entry)) return this.#put(entry[0], entry[1], options, calledAt);
      const { key, value, context } = entry;
      const own = context === undefined ? options : { ...options, context };
      return this.#put(key, value, own, calledAt);
    });
  }

  /** All objects of the bucket, or those of some partitions, in the order of their tokens. */
  scan(options: ScanOptions = NO_OPTIONS): Scan & AsyncIterable<ScanRecord> {
    return new Scan(this.#engine, this.#handle, options);
  }

  #get(key: Key, options: GetOptions, calledAt: number | undefined): Promise<GetResult> {
    return this.#run(REQUEST_OPCODE.get, key, options.r, options, calledAt) as Promise<GetResult>;
  }

  #put(
    key: Key,
    value: Value,
    options: PutOptions,
    calledAt: number | undefined,
  ): Promise<WriteResult> {
    const putting = this.#run(REQUEST_OPCODE.put, key, options.w, options, calledAt, value);
    return putting as Promise<WriteResult>;
  }

  /** `calledAt`: of the call that this operation is a part of; undefined where it is the call. */
  #run(
    opcode: number,
    key: Key,
    level: ConsistencyLevel | undefined,
    options: RequestOptions,
    calledAt: number | undefined,
    value?: Value,
  ): Promise<unknown> {
    const { dispatcher, table } = this.#engine;
    let slot = -1;
    try {
      const timeoutMs = checkedTimeout(options.timeoutMs);
      slot = dispatcher.open(opcode, this.#handle, timeoutMs, calledAt);
      table.flags[slot] = flagsOf(opcode, options);
      table.level[slot] = level === undefined ? 0 : levelNumber(level);
      table.key[slot] = checkedKey(key);
      if (opcode !== REQUEST_OPCODE.get) this.#setContext(slot, options.context);
      if (opcode === REQUEST_OPCODE.put) this.#setValue(slot, value, options.timeToLiveSeconds);
    } catch (error) {
      if (slot >= 0) dispatcher.abandon(slot);
      return Promise.reject(error);
    }
    return dispatcher.commit(slot, options.signal);
  }

  #setContext(slot: number, option: ContextOption | undefined): void {
    const { table, membership } = this.#engine;
    if (option === undefined) {
      const bucket = membership.welcome?.buckets.find(({ name }) => name === this.name);
      if (bucket?.contextRequired !== true) return;
      const message = `bucket ${this.name} takes writes only with the context of what was read`;
      throw new ClockwiseError('CONTEXT_REQUIRED', { message });
    }
    if (option === 'none') {
      table.context[slot] = NO_ENTRIES;
      return;
    }
    const context = option instanceof Context ? option : option.context;
    if (!(context instanceof Context)) {
      throw badRequest("context is what an answer came with, or 'none'");
    }
    table.context[slot] = context.words;
    table.seenLow[slot] = context.timeLow;
    table.seenHigh[slot] = context.timeHigh;
  }

  #setValue(slot: number, value: Value | undefined, timeToLiveSeconds: number | undefined): void {
    const { table } = this.#engine;
    if (timeToLiveSeconds !== undefined) {
      table.timeToLiveSeconds[slot] = checkedTimeToLive(timeToLiveSeconds);
    }
    if (typeof value === 'string') {
      checkWellFormed(value, 'the value');
      table.value[slot] = value;
      table.codec[slot] = VALUE_CODEC.text;
    } else if (value instanceof Uint8Array) {
      table.value[slot] = Uint8Array.from(value);
      table.codec[slot] = VALUE_CODEC.bytes;
    } else {
      if (value === undefined) throw badRequest('undefined is no value: delete the key instead');
      const encoded = encodeValue(value);
      if (!encoded.ok) throw badRequest(`the value cannot be stored: ${encoded.reason}`);
      table.value[slot] = encoded.bytes;
      table.codec[slot] = encoded.codec;
    }
  }
}

function checkedKey(key: Key): Key {
  if (typeof key === 'string') {
    checkWellFormed(key, 'the key');
    if (key.length > 0) return key;
  } else if (key instanceof Uint8Array && key.length > 0) {
    return Uint8Array.from(key);
  }
  throw badRequest('a key is a string or a Uint8Array, and not empty');
}

/** `isWellFormed` where the platform has it: at once for text of one byte a character. */
function checkWellFormed(text: string, what: string): void {
  const { isWellFormed } = text as unknown as { isWellFormed?: () => boolean };
  const isGood = isWellFormed === undefined ? utf8ByteLength(text) >= 0 : isWellFormed.call(text);
  if (!isGood) throw badRequest(`${what} holds half a character (a lone surrogate)`);
}

function checkedTimeout(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined) return undefined;
  if (timeoutMs > 0 && timeoutMs <= DEFAULT_LIMITS.requestTimeoutMsMax) return timeoutMs;
  throw badRequest(`timeoutMs lies above 0 and at most at ${DEFAULT_LIMITS.requestTimeoutMsMax}`);
}

function checkedTimeToLive(seconds: number): number {
  const isInRange = Number.isInteger(seconds) && seconds >= 1;
  if (isInRange && seconds <= TIME_TO_LIVE_SECONDS_MAX) return seconds;
  throw badRequest('timeToLiveSeconds is an integer from 1');
}

function flagsOf(opcode: number, { strict, monotonic, explain }: RequestOptions): number {
  let flags = opcode === REQUEST_OPCODE.get ? 0 : REQUEST_FLAG.wantContext;
  if (strict === true) flags |= REQUEST_FLAG.strict;
  if (monotonic === true) flags |= REQUEST_FLAG.monotonic;
  if (explain === true) flags |= REQUEST_FLAG.explain;
  return flags;
}
