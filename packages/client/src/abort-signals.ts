/**
 * Who is to be cancelled when a signal aborts: one listener for each signal, however many operations
 * it stands for (platforms warn of more than a few).
 *
 * Invariants:
 *   AS1 a signal has one listener while operations wait on it, and none after
 */

interface Listening {
  readonly slots: Set<number>;
  readonly listener: () => void;
}

export class AbortSignals {
  readonly #cancel: (slot: number, signal: AbortSignal) => void;
  readonly #listening = new Map<AbortSignal, Listening>();

  constructor(cancel: (slot: number, signal: AbortSignal) => void) {
    this.#cancel = cancel;
  }

  /** REQUIRES: the signal has not aborted. */
  add(slot: number, signal: AbortSignal): void {
    let listening = this.#listening.get(signal);
    if (listening === undefined) {
      const listener = (): void => this.#aborted(signal);
      listening = { slots: new Set(), listener };
      this.#listening.set(signal, listening);
      signal.addEventListener('abort', listener);
    }
    listening.slots.add(slot);
  }

  remove(slot: number, signal: AbortSignal): void {
    const listening = this.#listening.get(signal);
    if (listening?.slots.delete(slot) !== true || listening.slots.size > 0) return;
    this.#listening.delete(signal);
    signal.removeEventListener('abort', listening.listener);
  }

  /** Each cancelled operation removes itself. */
  #aborted(signal: AbortSignal): void {
    for (const slot of this.#listening.get(signal)?.slots ?? []) this.#cancel(slot, signal);
  }
}
