/**
 * O9, bounded: what is queued or held stays within its limit, at all times of a run. Whoever samples a
 * run names each load with its value and its limit; the highest of each is kept for the report.
 *
 * Invariants:
 *   O9 no load passes its limit
 */
import type { Violation } from './history.ts';

/** The highest that was seen of one load, and the limit that it had then. */
export interface HighestLoad {
  readonly value: number;
  readonly limit: number;
}

interface Load {
  value: number;
  limit: number;
  isReported: boolean;
}

export class Bounded {
  readonly violations: Violation[] = [];
  readonly #loads: Map<string, Load> = new Map();

  /**
   * Each load is reported once: what is beyond its limit stays so for a while. `where` may be a function,
   * which is asked only then.
   */
  observe(name: string, value: number, limit: number, where: string | (() => string)): void {
    let load = this.#loads.get(name);
    if (load === undefined) {
      load = { value, limit, isReported: false };
      this.#loads.set(name, load);
    } else if (value > load.value) {
      load.value = value;
      load.limit = limit;
    }
    if (value <= limit || load.isReported) return;
    load.isReported = true;
    const place = typeof where === 'string' ? where : where();
    this.violations.push({ oracle: 'O9', text: `${place}: ${name} is ${value}, over ${limit}` });
  }

  /** By name, in the order of first sight. */
  highest(): Readonly<Record<string, HighestLoad>> {
    return Object.fromEntries(
      [...this.#loads].map(([name, { value, limit }]) => [name, { value, limit }]),
    );
  }
}
