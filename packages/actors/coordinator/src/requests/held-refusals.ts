/**
 * Refusals that are told later. A client that was told to come again after a while and asks before that
 * is refused as well, but hears of it at the end of the while: who asks again at once whenever it is
 * refused is slowed down by what it has in flight, instead of being refused all the time. Pure: instants
 * are arguments. data plane.
 *
 * A rest belongs to a connection: from a refusal that was told at once to the instant that it named.
 *
 * Invariants:
 *   HF1 what is held is told once, at the end of its connection's rest
 *   HF2 a refusal is not held beyond half of the time that its request has left
 *   HF3 at most `capacity` refusals are held; one more is told at once
 *   HF4 what is held for a connection that has ended is told to nobody
 *   HF5 what came together with the request whose refusal began the rest is told at once, as who sent
 *       it could not know; not to a connection that asked during its last rest
 */
import { sometimes } from '@clockwise/kernel/probe';
import type { Instant } from '@clockwise/kernel/core';

const NONE = -1;
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
  /** 1 where something was held in its last rest. */
  readonly #askedMeanwhile: Uint8Array;
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
    this.#askedMeanwhile = new Uint8Array(connectionsMax);
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
  begin(connection: number, generation: number, now: Instant, until: Instant): void {
    if (this.#head[connection] !== NONE) this.#forget(connection);
    this.#since[connection] = this.#isImpatient(connection, generation, now) ? -Infinity : now;
    this.#askedMeanwhile[connection] = 0;
    this.#until[connection] = until;
    this.#generation[connection] = generation;
  }

  /** From `begin` on until all that was held has been told. */
  rests(connection: number, generation: number, now: Instant): boolean {
    if (this.#generation[connection] !== generation) return false;
    return this.#until[connection]! > now || this.#head[connection] !== NONE;
  }

  /**
   * Whether the refusal of a request that waits until `due` is held. REQUIRES: its connection rests.
   * [HF2] [HF3] [HF5]
   */
  hold(connection: number, refusal: Refusal, now: Instant, due: Instant): boolean {
    const until = this.#until[connection]!;
    const entry = this.#free;
    if (now <= this.#since[connection]! || until - now > (due - now) / 2) return false;
    if (entry === NONE) return false;
    sometimes(
      this.#head[connection] === NONE,
      'refusals: one is held until its connection has rested',
    );
    this.#free = this.#next[entry]!;
    this.#count += 1;
    this.#askedMeanwhile[connection] = 1;
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

  /** [HF5] */
  #isImpatient(connection: number, generation: number, now: Instant): boolean {
    const isKnown = this.#generation[connection] === generation;
    const isRecent = now < this.#until[connection]! + FORGIVEN_MS;
    return isKnown && isRecent && this.#askedMeanwhile[connection] === 1;
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
