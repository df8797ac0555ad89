/**
 * Requests by the second in which they began: how many there were, how many failed and as what, how long
 * they took, and which faults were on. Pure.
 *
 * Invariants:
 *   AW1 a request counts in the second in which it was called, however late it ended; none before
 *   AW2 a second is met where at least the share of its requests succeeded; one without any is not
 */
/** A fault while it lasted, in milliseconds since the load began. */
export interface FaultSpan {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

export interface WindowRow {
  readonly second: number;
  readonly requests: number;
  readonly failed: number;
  /** Of requests that succeeded, from 0 to 1. */
  readonly success: number;
  readonly isMet: boolean;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** How long the load itself was held up at the most: then it shows the machine, not the cluster. */
  readonly heldUpMs: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

interface Window {
  readonly elapsed: number[];
  readonly failures: Map<string, number>;
  heldUpMs: number;
}

const WINDOW_MS = 1000;

export class RequestWindows {
  readonly #windows: Window[];
  readonly #successShare: number;

  constructor(seconds: number, successShare: number) {
    this.#successShare = successShare;
    this.#windows = Array.from({ length: seconds }, () => ({
      elapsed: [],
      failures: new Map(),
      heldUpMs: 0,
    }));
  }

  /** `failure`: empty where it succeeded. Instants are milliseconds since the load began. [AW1] */
  ended(calledAt: number, endedAt: number, failure: string): void {
    const window = this.#windowAt(calledAt);
    if (window === undefined) return;
    window.elapsed.push(endedAt - calledAt);
    if (failure === '') return;
    window.failures.set(failure, (window.failures.get(failure) ?? 0) + 1);
  }

  /** The load could not be offered in time. */
  heldUp(at: number, byMs: number): void {
    const window = this.#windowAt(at);
    if (window === undefined) return;
    window.heldUpMs = Math.max(window.heldUpMs, byMs);
  }

  rows(faults: readonly FaultSpan[]): WindowRow[] {
    return this.#windows.map((window, second) => {
      const sorted = window.elapsed.toSorted((left, right) => left - right);
      const requests = sorted.length;
      const failed = [...window.failures.values()].reduce((sum, count) => sum + count, 0);
      const success = requests === 0 ? 0 : (requests - failed) / requests;
      const from = second * WINDOW_MS;
      const on = faults.filter((fault) => fault.from < from + WINDOW_MS && fault.to > from);
      return {
        second,
        requests,
        failed,
        success,
        isMet: success >= this.#successShare,
        p50Ms: percentileOf(sorted, 0.5),
        p99Ms: percentileOf(sorted, 0.99),
        longestMs: sorted.at(-1) ?? 0,
        heldUpMs: window.heldUpMs,
        failures: Object.fromEntries(window.failures),
        faults: on.map(({ text }) => text),
      };
    });
  }

  #windowAt(at: number): Window | undefined {
    return at < 0 ? undefined : this.#windows[Math.floor(at / WINDOW_MS)];
  }
}

/** The one with the least success; of equals the one with the longest request. */
export function worstOf(rows: readonly WindowRow[]): WindowRow {
  return rows.reduce((worst, row) => {
    if (row.success !== worst.success) return row.success < worst.success ? row : worst;
    return row.longestMs > worst.longestMs ? row : worst;
  });
}

function percentileOf(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
