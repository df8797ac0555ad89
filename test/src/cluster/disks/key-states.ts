/**
 * What keys may hold, of one client each: the number that was put and acknowledged last, or nothing; and
 * besides what was sent since and not known to be done.
 *
 * Invariants:
 *   KS1 what may be there is the last acknowledged state, and those sent since of unknown outcome
 */

/** A number; undefined: nothing, or deleted. */
export type KeyState = number | undefined;

export class KeyStates {
  readonly #states: Map<string, readonly KeyState[]> = new Map();

  get keys(): readonly string[] {
    return [...this.#states.keys()];
  }

  acknowledged(key: string, state: KeyState): void {
    this.#states.set(key, [state]);
  }

  unknown(key: string, state: KeyState): void {
    this.#states.set(key, [...this.statesOf(key), state]);
  }

  /** [KS1] */
  statesOf(key: string): readonly KeyState[] {
    return this.#states.get(key) ?? [undefined];
  }
}
