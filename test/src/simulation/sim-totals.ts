/**
 * What many seeds came to, added up as they end: the figures of SCENARIOS's table that say how much a
 * run proved. Speed is never quoted without the events, faults and operations behind it.
 */
import type { HighestLoad } from '../checkers/bounded.ts';
import type { FaultEvent } from './fault-schedule.ts';
import type { SeedReport } from './seed-worker.ts';

const HOUR_SECONDS = 3600;

export class SimTotals {
  seedCount = 0;
  failedSeeds: string[] = [];
  /** Seeds in which less than half of the operations were done: they prove little. */
  idleCount = 0;
  #virtualMs = 0;
  readonly #sums: Map<string, number> = new Map();
  readonly #faults: Map<string, number> = new Map();
  readonly #loads: Map<string, HighestLoad> = new Map();
  readonly #pairs: Map<string, number> = new Map();

  add({ seed, counters, violations, plan, loads }: SeedReport): void {
    this.seedCount += 1;
    this.#virtualMs += counters.virtualMs;
    for (const [name, value] of Object.entries(counters) as [string, number][]) {
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    }
    if (violations.length > 0) this.failedSeeds.push(seed);
    if (counters.succeeded * 2 < counters.operations || counters.operations === 0) {
      this.idleCount += 1;
    }
    this.#addFaults(plan.schedule);
    this.#addLoads(loads);
  }

  lines(seconds: number): string[] {
    const sum = (name: string): number => this.#sums.get(name) ?? 0;
    const virtualSeconds = this.#virtualMs / 1000;
    const perSecond = (name: string): string => `${Math.round(sum(name) / seconds)} a second`;
    const kinds = [...this.#faults].toSorted(([left], [right]) => left.localeCompare(right));
    return [
      `${this.seedCount} seeds: ${virtualSeconds.toFixed(0)} virtual seconds ` +
        `(${(virtualSeconds / HOUR_SECONDS).toFixed(2)} h) in ${seconds.toFixed(1)} s`,
      `  ${sum('events')} events (${perSecond('events')}), ${sum('faults')} faults ` +
        `(one in ${(virtualSeconds / Math.max(1, sum('faults'))).toFixed(1)} virtual s), ` +
        `${sum('operations')} operations (${perSecond('operations')}), ${sum('succeeded')} done`,
      `  ${sum('boots')} boots, ${sum('records')} records, ${sum('dots')} dots, ` +
        `${sum('chunksPoisoned')} chunks recycled`,
      `  faults drawn: ${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none'}`,
      `  pairs of kinds in one run: ${this.#pairs.size} of ${(kinds.length * (kinds.length - 1)) / 2}` +
        `, the rarest ${Math.min(...this.#pairs.values(), Infinity)} times`,
      `  loads at their highest: ${this.#loadTexts().join(', ') || 'none'}`,
      `  ${sum('hidden')} records kept for others; ${sum('wholeKeys')} keys had to be whole before they were read`,
      `  ${this.idleCount} of the runs got less than half of their operations done and prove little; ` +
        `${sum('undecidedKeys')} registers overlap too much for a verdict of O5`,
    ];
  }

  /** [O9] The one nearest to its limit is kept. */
  #addLoads(loads: SeedReport['loads']): void {
    for (const [name, load] of Object.entries(loads)) {
      const known = this.#loads.get(name);
      const isHigher = known === undefined || load.value / load.limit > known.value / known.limit;
      if (isHigher) this.#loads.set(name, load);
    }
  }

  #loadTexts(): string[] {
    return [...this.#loads].map(([name, { value, limit }]) => `${name} ${value} of ${limit}`);
  }

  #addFaults(schedule: readonly FaultEvent[]): void {
    const kinds = [...new Set(schedule.map(({ kind }) => kind))].toSorted();
    for (const { kind } of schedule) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    for (const [index, left] of kinds.entries()) {
      for (const right of kinds.slice(index + 1)) {
        const pair = `${left} ${right}`;
        this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1);
      }
    }
  }
}
