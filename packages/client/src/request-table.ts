/**
 * The requests of one client, waiting and in flight, as columns of arrays: a slot per request, its
 * number and generation make the id on the wire. No object per request; slots are reused, columns
 * grow by doubling up to a named limit.
 *
 *     free -> waiting -> inFlight -> free
 *               ^           |
 *               +- resting -+   (a try failed, the next one is due at `retryAt`)
 *
 * data plane
 *
 * Invariants:
 *   RT1 an id names one try of one request: a later try or request in the same slot has another id
 *   RT2 at most `requestsMax` requests are held; one more is refused
 *   RT3 a free slot holds no reference to what its request was made of
 *   RT5 what a write says of its session is what the session knew at the first try
 *   RT4 writes have operation ids that never repeat, equal over all tries of a request
 */
import { assert } from '@clockwise/kernel/assert';
import type { Word64 } from '@clockwise/protocol/control-messages';
import type { ErrorName } from '@clockwise/protocol/errors';
import type { Explanation } from './explanation.ts';
import type { Resolve } from './results.ts';
import { isLaterTime, SessionClock } from './session-clock.ts';

export const REQUEST_STATE = { free: 0, waiting: 1, inFlight: 2, resting: 3 } as const;

/** The wire's 32 bits of request id hold a slot of 16 bits and a generation of 16. */
export const REQUESTS_MAX = 0x1_0000;
const SLOT_MASK = 0xffff;
const SLOTS_AT_START = 1024;
const AGE_MS_MAX = 0x7fff_ffff;

/** A bucket as requests name it: resolved to its number by the welcome of each connection. */
export interface BucketHandle {
  readonly name: string;
  readonly resolve: Resolve | undefined;
}

export type Settle = (result: unknown) => void;

export class RequestTable {
  readonly #requestsMax: number;
  readonly #drawSession: () => Word64;
  #session: Word64;
  #sequence = 0;
  /** What the answers so far have shown of time. */
  readonly clock: SessionClock = new SessionClock();
  #freeHead = -1;
  #slotCount = 0;
  /** Slots that are not free. */
  count = 0;

  state: Uint8Array = new Uint8Array(0);
  opcode: Uint8Array = new Uint8Array(0);
  flags: Uint8Array = new Uint8Array(0);
  level: Uint8Array = new Uint8Array(0);
  codec: Uint8Array = new Uint8Array(0);
  tryCount: Uint8Array = new Uint8Array(0);
  /** 1: a write of which an earlier try may have happened. */
  isAmbiguous: Uint8Array = new Uint8Array(0);
  /** The connection that it was sent on, while in flight. */
  connection: Int16Array = new Int16Array(0);
  generation: Uint16Array = new Uint16Array(0);
  sessionLow: Int32Array = new Int32Array(0);
  sessionHigh: Int32Array = new Int32Array(0);
  sequence: Int32Array = new Int32Array(0);
  timeToLiveSeconds: Int32Array = new Int32Array(0);
  /** Of a write: the highest hybrid time of its session and its context, as of the first try. */
  seenLow: Int32Array = new Int32Array(0);
  seenHigh: Int32Array = new Int32Array(0);
  /** Of a write that may have happened: milliseconds since the first try; else 0. */
  ageMs: Int32Array = new Int32Array(0);
  deadline: Float64Array = new Float64Array(0);
  timeoutMs: Float64Array = new Float64Array(0);
  firstSentAt: Float64Array = new Float64Array(0);
  sentAt: Float64Array = new Float64Array(0);
  retryAt: Float64Array = new Float64Array(0);
  #nextFree: Int32Array = new Int32Array(0);

  readonly bucket: (BucketHandle | undefined)[] = [];
  readonly key: (string | Uint8Array)[] = [];
  readonly value: (string | Uint8Array | undefined)[] = [];
  readonly context: (readonly number[] | undefined)[] = [];
  readonly resolve: (Settle | undefined)[] = [];
  readonly reject: (Settle | undefined)[] = [];
  readonly signal: (AbortSignal | undefined)[] = [];
  /** The failure of the last try, to be told where no other comes. */
  readonly lastCode: (ErrorName | undefined)[] = [];
  /** ... and how it came about, where the node told. */
  readonly lastExplanation: (Explanation | undefined)[] = [];

  constructor(requestsMax: number, drawSession: () => Word64) {
    assert(requestsMax >= 1 && requestsMax <= REQUESTS_MAX, 'slots have 16 bits');
    this.#requestsMax = requestsMax;
    this.#drawSession = drawSession;
    this.#session = drawSession();
    this.#grow();
  }

  /** Names this client; writes since carry it. */
  get session(): Word64 {
    return this.#session;
  }

  get slotCount(): number {
    return this.#slotCount;
  }

  /** A slot in state `waiting` with a new id, or -1: there are as many as may be. */
  open(): number {
    if (this.#freeHead < 0) {
      if (this.#slotCount >= this.#requestsMax) return -1;
      this.#grow();
    }
    const slot = this.#freeHead;
    this.#freeHead = this.#nextFree[slot]!;
    this.count += 1;
    this.generation[slot]! += 1;
    this.state[slot] = REQUEST_STATE.waiting;
    this.tryCount[slot] = 0;
    this.isAmbiguous[slot] = 0;
    this.codec[slot] = 0;
    this.timeToLiveSeconds[slot] = 0;
    this.sessionLow[slot] = 0;
    this.sessionHigh[slot] = 0;
    this.sequence[slot] = 0;
    this.seenLow[slot] = 0;
    this.seenHigh[slot] = 0;
    this.ageMs[slot] = 0;
    return slot;
  }

  /** Gives a write its operation id. */
  assignOperationId(slot: number): void {
    this.#sequence = (this.#sequence + 1) | 0;
    if (this.#sequence === 0) {
      this.#session = this.#drawSession();
      this.#sequence = 1;
    }
    this.sessionLow[slot] = this.#session.low;
    this.sessionHigh[slot] = this.#session.high;
    this.sequence[slot] = this.#sequence;
  }

  /** A try is about to be written: what it says of those before it. [RT5] */
  prepareTry(slot: number, isWrite: boolean, now: number): void {
    if (this.tryCount[slot] === 0) {
      this.firstSentAt[slot] = now;
      if (isWrite) this.#observeSession(slot);
    }
    if (this.isAmbiguous[slot] === 0) return;
    this.ageMs[slot] = Math.max(1, Math.min(now - this.firstSentAt[slot]!, AGE_MS_MAX));
  }

  /** The slot has the time of its context, if it has one. */
  #observeSession(slot: number): void {
    const { low, high } = this.clock;
    if (!isLaterTime(low, high, this.seenLow[slot]!, this.seenHigh[slot]!)) return;
    this.seenLow[slot] = low;
    this.seenHigh[slot] = high;
  }

  /** Another try of a request: it waits again, under another id. */
  beginTry(slot: number): void {
    this.generation[slot]! += 1;
    this.state[slot] = REQUEST_STATE.waiting;
  }

  free(slot: number): void {
    assert(this.state[slot] !== REQUEST_STATE.free, 'the slot is in use');
    this.state[slot] = REQUEST_STATE.free;
    this.bucket[slot] = undefined;
    this.key[slot] = '';
    this.value[slot] = undefined;
    this.context[slot] = undefined;
    this.resolve[slot] = undefined;
    this.reject[slot] = undefined;
    this.signal[slot] = undefined;
    this.lastCode[slot] = undefined;
    this.lastExplanation[slot] = undefined;
    this.#nextFree[slot] = this.#freeHead;
    this.#freeHead = slot;
    this.count -= 1;
  }

  /** What names this try on the wire. */
  id(slot: number): number {
    return (this.generation[slot]! << 16) | slot;
  }

  /** The slot of an id, or -1 where its try is over. */
  slotOf(id: number): number {
    const slot = id & SLOT_MASK;
    if (slot >= this.#slotCount || this.generation[slot] !== id >>> 16) return -1;
    return this.state[slot] === REQUEST_STATE.free ? -1 : slot;
  }

  #grow(): void {
    const from = this.#slotCount;
    const slotCount = Math.min(Math.max(from * 2, SLOTS_AT_START), this.#requestsMax);
    this.state = grown(this.state, new Uint8Array(slotCount));
    this.opcode = grown(this.opcode, new Uint8Array(slotCount));
    this.flags = grown(this.flags, new Uint8Array(slotCount));
    this.level = grown(this.level, new Uint8Array(slotCount));
    this.codec = grown(this.codec, new Uint8Array(slotCount));
    this.tryCount = grown(this.tryCount, new Uint8Array(slotCount));
    this.isAmbiguous = grown(this.isAmbiguous, new Uint8Array(slotCount));
    this.connection = grown(this.connection, new Int16Array(slotCount));
    this.generation = grown(this.generation, new Uint16Array(slotCount));
    this.sessionLow = grown(this.sessionLow, new Int32Array(slotCount));
    this.sessionHigh = grown(this.sessionHigh, new Int32Array(slotCount));
    this.sequence = grown(this.sequence, new Int32Array(slotCount));
    this.timeToLiveSeconds = grown(this.timeToLiveSeconds, new Int32Array(slotCount));
    this.seenLow = grown(this.seenLow, new Int32Array(slotCount));
    this.seenHigh = grown(this.seenHigh, new Int32Array(slotCount));
    this.ageMs = grown(this.ageMs, new Int32Array(slotCount));
    this.deadline = grown(this.deadline, new Float64Array(slotCount));
    this.timeoutMs = grown(this.timeoutMs, new Float64Array(slotCount));
    this.firstSentAt = grown(this.firstSentAt, new Float64Array(slotCount));
    this.sentAt = grown(this.sentAt, new Float64Array(slotCount));
    this.retryAt = grown(this.retryAt, new Float64Array(slotCount));
    this.#nextFree = grown(this.#nextFree, new Int32Array(slotCount));
    for (let slot = from; slot < slotCount; slot += 1) this.#appendReferences();
    for (let slot = slotCount - 1; slot >= from; slot -= 1) {
      this.#nextFree[slot] = this.#freeHead;
      this.#freeHead = slot;
    }
    this.#slotCount = slotCount;
  }

  #appendReferences(): void {
    this.bucket.push(undefined);
    this.key.push('');
    this.value.push(undefined);
    this.context.push(undefined);
    this.resolve.push(undefined);
    this.reject.push(undefined);
    this.signal.push(undefined);
    this.lastCode.push(undefined);
    this.lastExplanation.push(undefined);
  }
}

function grown<Column extends { set(from: ArrayLike<number>): void }>(
  column: ArrayLike<number>,
  larger: Column,
): Column {
  larger.set(column);
  return larger;
}
