/**
 * Sleeper: the sleeping side of a doorbell. It watches all the sources of one thread (its rings'
 * consumers, its producers that want room) and sleeps only when none of them has work.
 *
 * Boundary: it decides when a thread sleeps, never what it does awake. One sleeper per doorbell, in
 * the thread that owns it. The protocol and its proof are in `doorbell.ts` (BELL1 to BELL3).
 *
 * BELL4 A sleep that ends, or does not begin, means no more than "look at everything": all sources,
 *       and whatever else a plain `ring()` may stand for. Spurious wakes are possible.
 * BELL5 `stayAwake` turns ASLEEP to AWAKE alone: a ring that came before it stays RUNG, and what comes
 *       after it is found by the look of the next sleep (BELL1).
 *
 * waitAsync does not keep a Node process or worker alive: with nothing else referenced, the thread
 * exits in its sleep. Its owner holds a referenced handle for as long as it wants to live: in a
 * worker a `parentPort.on('message', ...)` it has anyway; elsewhere
 * `const { port1 } = new MessageChannel(); port1.on('message', onControl)` and `port1.close()` at
 * the end. A timer would do it too, and cost a wake-up each time it fires.
 *
 * A loop of `await waitAsync()` over sources that are never empty runs in microtasks only and starves
 * sockets: give the event loop a turn (setImmediate) after each batch.
 */
import { Bell, BELL_ATTACHED, BELL_STATE } from './doorbell.ts';
import type { DoorbellHandle } from './doorbell.ts';
import { assertRing } from './ring-assert.ts';

export interface SleepSource {
  /** Whether the thread has something to do here. Reads shared words with Atomics; never blocks. */
  hasWork(): boolean;
}

export type BlockingWait = 'ready' | 'rung' | 'timed-out';

/** Rings per thread: threads of one node, two reply rings each, with a wide margin. */
export const SLEEP_SOURCES_MAX = 1024;

export class Sleeper {
  readonly #words: Int32Array;
  readonly #sources: SleepSource[] = [];
  #pending: Promise<void> | undefined;

  constructor(handle: DoorbellHandle) {
    this.#words = new Int32Array(handle.buffer);
    const prior = Atomics.compareExchange(this.#words, BELL_ATTACHED, 0, 1);
    assertRing(prior === 0, 'a doorbell has one sleeper: share it, or make a new doorbell');
  }

  watch(source: SleepSource): void {
    assertRing(this.#sources.length < SLEEP_SOURCES_MAX, 'sources stay below SLEEP_SOURCES_MAX');
    assertRing(!this.#sources.includes(source), 'a source is watched once');
    this.#sources.push(source);
  }

  /** Forgets a source, if it is known. Owners of a closed ring call this when they drop it. */
  unwatch(source: SleepSource): void {
    const index = this.#sources.indexOf(source);
    if (index >= 0) this.#sources.splice(index, 1);
  }

  /**
   * Blocks the thread until there is work. Only for threads without sockets and promises: nothing
   * else runs meanwhile. `timeoutMs` may be Infinity. 'ready': it did not sleep.
   */
  waitBlocking(timeoutMs: number): BlockingWait {
    assertRing(this.#pending === undefined, 'a thread sleeps one way at a time');
    if (!this.#lieDown()) return 'ready';
    const outcome = Atomics.wait(this.#words, BELL_STATE, Bell.asleep, timeoutMs);
    // The exchange may swallow a ring that arrives just now: the caller looks at its sources anyway.
    const state = Atomics.exchange(this.#words, BELL_STATE, Bell.awake);
    return outcome === 'timed-out' && state === Bell.asleep ? 'timed-out' : 'rung';
  }

  /**
   * Undefined: there is work now. Else a promise that resolves when there may be some; while it
   * waits, the thread may do other things, look at its rings and call this again.
   */
  waitAsync(): Promise<void> | undefined {
    if (!this.#lieDown()) return undefined;
    // A waiter left from an earlier call listens on the same word, and is notified as well.
    if (this.#pending !== undefined) return this.#pending;
    const outcome = Atomics.waitAsync(this.#words, BELL_STATE, Bell.asleep);
    if (!outcome.async) {
      Atomics.store(this.#words, BELL_STATE, Bell.awake);
      return undefined;
    }
    this.#pending = outcome.value.then(() => {
      this.#pending = undefined;
      Atomics.store(this.#words, BELL_STATE, Bell.awake);
    });
    return this.#pending;
  }

  /**
   * Something else has woken the thread, and it is going to look at everything before it sleeps again:
   * until then nobody need ring. A waiter of `waitAsync` stays where it is.
   */
  stayAwake(): void {
    if (this.#pending === undefined) return;
    Atomics.compareExchange(this.#words, BELL_STATE, Bell.asleep, Bell.awake);
  }

  /** Announces the sleep, then looks once more. False: stay up. */
  #lieDown(): boolean {
    const prior = Atomics.compareExchange(this.#words, BELL_STATE, Bell.awake, Bell.asleep);
    if (prior === Bell.rung || this.#hasWork()) {
      // With an asynchronous waiter pending this costs at most one needless notify later.
      Atomics.store(this.#words, BELL_STATE, Bell.awake);
      return false;
    }
    return true;
  }

  #hasWork(): boolean {
    const sources = this.#sources;
    for (let index = 0; index < sources.length; index++) {
      if (sources[index]!.hasWork()) return true;
    }
    return false;
  }
}
