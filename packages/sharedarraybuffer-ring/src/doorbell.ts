/**
 * Doorbell: the one word on which a thread sleeps, however many rings feed it. data plane.
 *
 * Boundary: this file is the ringing side, for any number of threads. The sleeping side is
 * `sleeper.ts`, one per doorbell.
 *
 * The word is AWAKE, ASLEEP or RUNG:
 *
 *   AWAKE  --sleeper: about to sleep-->  ASLEEP  --ringer: compareExchange, then notify-->  RUNG
 *   AWAKE  --ring()-->  RUNG  --sleeper: refuses to sleep, or has woken-->  AWAKE
 *
 * BELL1 No wake-up is lost. The sleeper stores ASLEEP, *then* looks at its rings, then waits for as
 *       long as the word is ASLEEP. A ringer stores its news, *then* looks at the word. All four are
 *       sequentially consistent, so in their single order either the ringer's look comes after
 *       ASLEEP: it turns the word to RUNG, and the wait returns (at once if it had not begun, since
 *       Atomics.wait compares under the same lock that notify takes); or it comes before ASLEEP: the
 *       news, older still, is found by the sleeper's look. A third case does not exist.
 * BELL2 One notify per sleep: compareExchange lets exactly one ringer turn ASLEEP to RUNG; an awake
 *       or already rung thread costs a ringer one load.
 * BELL3 `ring()` needs no news: it is remembered, so that the current or else the next sleep ends.
 *
 * A doorbell belongs to one life of one thread: a restarted thread gets a new one, for the dead one
 * may have left the word ASLEEP and a forgotten waiter behind.
 */

export const Bell = { awake: 0, asleep: 1, rung: 2 } as const;
/** Word indexes; the state has its cache lines to itself. */
export const BELL_STATE = 0;
export const BELL_ATTACHED = 32;
const BELL_WORDS = 64;

/** Plain data: post it to every thread that rings, and to the one that sleeps. */
export type DoorbellHandle = { readonly kind: 'doorbell'; readonly buffer: SharedArrayBuffer };

export function createDoorbell(): DoorbellHandle {
  return { kind: 'doorbell', buffer: new SharedArrayBuffer(BELL_WORDS * 4) };
}

export class Doorbell {
  readonly #words: Int32Array;

  constructor(handle: DoorbellHandle) {
    this.#words = new Int32Array(handle.buffer);
  }

  /**
   * Wakes the thread if it sleeps, else costs one load.
   * REQUIRES: the news is already in a shared word that the sleeper looks at before it sleeps.
   * Returns whether it notified, for tests and counters.
   */
  wake(): boolean {
    const words = this.#words;
    if (Atomics.load(words, BELL_STATE) !== Bell.asleep) return false;
    const prior = Atomics.compareExchange(words, BELL_STATE, Bell.asleep, Bell.rung);
    if (prior !== Bell.asleep) return false;
    Atomics.notify(words, BELL_STATE);
    return true;
  }

  /** Ends the current sleep, or the next one before it begins. */
  ring(): void {
    const prior = Atomics.exchange(this.#words, BELL_STATE, Bell.rung);
    if (prior === Bell.asleep) Atomics.notify(this.#words, BELL_STATE);
  }
}
