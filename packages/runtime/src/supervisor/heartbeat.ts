/**
 * Heartbeats by two shared words and the thread's doorbell: the same for a thread that blocks and
 * for one with an event loop. A thread answers from its loop, so that an answer means it turns.
 *
 * Invariants:
 *   HB1 a thread that has answered beat n has run its loop after beat n was asked for
 */
import { Doorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';

const WORD = { wanted: 0, answered: 16 } as const;
const BYTES = 128;

export function createHeartbeat(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

/** The thread's side. */
export class Pulse {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  answer(): void {
    Atomics.store(this.#words, WORD.answered, Atomics.load(this.#words, WORD.wanted));
  }
}

/** The supervisor's side. */
export class HeartbeatWatch {
  readonly #words: Int32Array;
  readonly #doorbell: Doorbell;
  /** Since when a beat waits for its answer; -1: none does. */
  #waitingSinceMs = -1;

  constructor(buffer: SharedArrayBuffer, doorbell: DoorbellHandle) {
    this.#words = new Int32Array(buffer);
    this.#doorbell = new Doorbell(doorbell);
  }

  /** Asks for a beat if none is asked for. Returns for how long the thread has been silent. */
  beat(nowMs: number): number {
    const wanted = Atomics.load(this.#words, WORD.wanted);
    if (Atomics.load(this.#words, WORD.answered) === wanted) {
      this.#waitingSinceMs = nowMs;
      Atomics.store(this.#words, WORD.wanted, (wanted + 1) | 0);
      this.#doorbell.ring();
      return 0;
    }
    return nowMs - this.#waitingSinceMs;
  }
}
