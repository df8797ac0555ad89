/**
 * Tables that a merge could not read: they are left alone, and tried again after a delay that doubles
 * with each failure. Kept in memory only: after a restart each is met once more.
 *
 * Invariants:
 *   BT1 a table stays named as long as it stands in the manifest, whatever else changes there
 *   BT2 a table that fails again is left alone twice as long as before, up to DELAY_MS_MAX
 *
 * Boundary: it reads no clock; whoever asks says what time it is.
 */
import type { TableMetadata } from '../manifest.ts';

interface Blocked {
  readonly delayMs: number;
  readonly untilMs: number;
}

/** A disk that failed to read for once is soon tried again; damage costs a read of what lies before it. */
const DELAY_MS = 60_000;
const DELAY_MS_MAX = DELAY_MS * 64;

export class BlockedTables {
  readonly #tables: Map<number, Blocked> = new Map();

  get size(): number {
    return this.#tables.size;
  }

  block(fileNumber: number, nowMs: number): void {
    const before = this.#tables.get(fileNumber);
    const delayMs = before === undefined ? DELAY_MS : Math.min(before.delayMs * 2, DELAY_MS_MAX);
    this.#tables.set(fileNumber, { delayMs, untilMs: nowMs + delayMs });
  }

  /** Also those that may be tried again now. */
  all(): ReadonlySet<number> {
    return new Set(this.#tables.keys());
  }

  /** Those that are left alone now. */
  at(nowMs: number): ReadonlySet<number> {
    const current = [...this.#tables].filter(([, { untilMs }]) => nowMs < untilMs);
    return new Set(current.map(([fileNumber]) => fileNumber));
  }

  /** When the next one of those may be tried again; Infinity: there is none. */
  nextTryMs(nowMs: number): number {
    let next = Infinity;
    for (const { untilMs } of this.#tables.values()) {
      if (nowMs < untilMs) next = Math.min(next, untilMs);
    }
    return next;
  }

  /** [BT1] */
  forgetGone(tables: readonly TableMetadata[]): void {
    if (this.#tables.size === 0) return;
    const alive = new Set(tables.map(({ fileNumber }) => fileNumber));
    for (const fileNumber of this.#tables.keys()) {
      if (!alive.has(fileNumber)) this.#tables.delete(fileNumber);
    }
  }
}
