/**
 * Refusals that are told later. A client is told to come again after a while: its connection rests. Who
 * asks during a rest nevertheless, whenever it is refused, is impatient: in its next rest it is refused
 * as well, but hears of it at the end. So it is slowed down by what it has in flight, instead of being
 * refused all the time. Pure: instants are arguments. data plane.
 *
 * A rest belongs to a connection: from a refusal that was told at once to the instant that it named, or
 * REST_MS_MAX later where that is sooner: a client must not take us for silent.
 *
 * Invariants:
 *   HF1 what is held is told once, at the end of its connection's rest
 *   HF2 a refusal is not held beyond half of the time that its request has left
 *   HF3 at most `capacity` refusals are held; one more is told at once
 *   HF4 what is held for a connection that has ended is told to nobody
 *   HF5 nothing is held but for an impatient connection; one that keeps a rest, or has none for
 *       FORGIVEN_MS, is impatient no longer
 */
import { sometimes } from '@clockwise/kernel/probe';
import type { Instant } from '@clockwise/kernel/core';

const NONE = -1;
/** Less than a client waits for a sign of life. */
export const REST_MS_MAX = 500;
/** What telling may take, and the way to the client. */
const TELLING_MS = 20;
/** So long after its last rest a connection is known for it no longer. */
const FORGIVEN_MS = 10_000;

export interface Refusal {
  readonly requestId: number;
  readonly opcode: number;
}

/** Whom held refusals are told to. */
export interface RefusalListener {
  isOpen(connection: number, generation: number): boolean;
  tell(connection: number, requestId: number, opcode: number): void;
}

export class HeldRefusals {
  /** When the first rest that is known of ends; Infinity: there is none. */
  nextAt: Instant = Infinity;
  /** By connection. */
  readonly #since: Float64Array;
  readonly #until: Float64Array;
  readonly #generation: Int32Array;
  /** 1 where it asked during its rest, later than at its beginning or impatient already. */
  readonly #hasAsked: Uint8Array;
  readonly #isImpatient: Uint8Array;
  /** What is held for it: a list, -1 where there is nothing. */
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  /** Connections for which something is held. */
  readonly #waiting: Int32Array;
  #waitingCount = 0;
  /** By refusal; `next` also joins those that are free. */
  readonly #requestId: Int32Array;
  readonly #opcode: Uint8Array;
  readonly #next: Int32Array;
  #free = NONE;
  #count = 0;

  constructor(connectionsMax: number, capacity: number) {
    this.#since = new Float64Array(connectionsMax);
    this.#until = new Float64Array(connectionsMax).fill(-Infinity);
    this.#generation = new Int32Array(connectionsMax).fill(NONE);
    this.#hasAsked = new Uint8Array(connectionsMax);
    this.#isImpatient = new Uint8Array(connectionsMax);
    this.#head = new Int32Array(connectionsMax).fill(NONE);
    this.#tail = new Int32Array(connectionsMax).fill(NONE);
    this.#waiting = new Int32Array(connectionsMax);
    this.#requestId = new Int32Array(capacity);
    this.#opcode = new Uint8Array(capacity);
    this.#next = new Int32Array(capacity);
    for (let index = capacity - 1; index >= 0; index -= 1) this.#giveBack(index);
  }

  /** How many are held. */
  get count(): number {
    return this.#count;
  }

  /** A refusal was told at once, and named an instant. REQUIRES: the connection does not rest. */
  beginRest(connection: number, generation: number, now: Instant, until: Instant): void {
    if (this.#head[connection] !== NONE) this.#forget(connection);
    // [HF5]
    const isKnown = this.#generation[connection] === generation;
    const isRecent = now < this.#until[connection]! + FORGIVEN_MS;
    this.#isImpatient[connection] = isKnown && isRecent ? this.#hasAsked[connection]! : 0;
    this.#hasAsked[connection] = 0;
    this.#since[connection] = now;
    this.#until[connection] = Math.min(until, now + REST_MS_MAX);
    this.#generation[connection] = generation;
  }

  /** From the beginning of a rest until all that was held has been told. */
  rests(connection: number, generation: number, now: Instant): boolean {
    if (this.#generation[connection] !== generation) return false;
    return this.#until[connection]! > now || this.#head[connection] !== NONE;
  }

  /**
   * Whether the refusal of a request that waits until `due` is held. REQUIRES: its connection rests.
   * [HF2] [HF3] [HF5]
   */
  hold(connection: number, refusal: Refusal, now: Instant, due: Instant): boolean {
    const isImpatient = this.#isImpatient[connection] === 1;
    if (isImpatient || now > this.#since[connection]!) this.#hasAsked[connection] = 1;
    const until = this.#until[connection]!;
    if (!isImpatient || (until - now) * 2 + TELLING_MS > due - now) return false;
    const entry = this.#free;
    if (entry === NONE) return false;
    sometimes(
      this.#head[connection] === NONE,
      'refusals: one is held until its connection has rested',
    );
    this.#free = this.#next[entry]!;
    this.#count += 1;
    this.#requestId[entry] = refusal.requestId;
    this.#opcode[entry] = refusal.opcode;
    this.#next[entry] = NONE;
    if (this.#head[connection] === NONE) {
      this.#head[connection] = entry;
      this.#waiting[this.#waitingCount] = connection;
      this.#waitingCount += 1;
    } else this.#next[this.#tail[connection]!] = entry;
    this.#tail[connection] = entry;
    if (until < this.nextAt) this.nextAt = until;
    return true;
  }

  /** [HF1] Tells what is held for connections whose rest is over. */
  tellDue(now: Instant, listener: RefusalListener): void {
    this.nextAt = Infinity;
    let kept = 0;
    for (let index = 0; index < this.#waitingCount; index += 1) {
      const connection = this.#waiting[index]!;
      const until = this.#until[connection]!;
      if (until <= now) this.#empty(connection, listener);
      else {
        this.#waiting[kept] = connection;
        kept += 1;
        if (until < this.nextAt) this.nextAt = until;
      }
    }
    this.#waitingCount = kept;
  }

  /** [HF4] */
  #empty(connection: number, listener: RefusalListener): void {
    const isOpen = listener.isOpen(connection, this.#generation[connection]!);
    for (let entry = this.#head[connection]!; entry !== NONE;) {
      if (isOpen) listener.tell(connection, this.#requestId[entry]!, this.#opcode[entry]!);
      const next = this.#next[entry]!;
      this.#giveBack(entry);
      this.#count -= 1;
      entry = next;
    }
    this.#head[connection] = NONE;
  }

  /** The connection that had this number before has ended. */
  #forget(connection: number): void {
    this.#empty(connection, NOBODY);
    const index = this.#waiting.indexOf(connection);
    this.#waitingCount -= 1;
    this.#waiting[index] = this.#waiting[this.#waitingCount]!;
  }

  #giveBack(entry: number): void {
    this.#next[entry] = this.#free;
    this.#free = entry;
  }
}

const NOBODY: RefusalListener = { isOpen: () => false, tell: () => undefined };
