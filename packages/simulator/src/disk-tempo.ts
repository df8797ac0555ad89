/**
 * How long calls to a disk take: as drawn, many times as long while the disk is slow, and not before
 * it comes free while it is stuck.
 *
 * Invariants:
 *   DT1 while the disk is stuck for a kind of call, none of that kind ends
 *   DT2 once it is healed, what waited ends at once, and nothing is late because of the past
 */
import type { Gate } from './gate.ts';
import type { Simulation } from './simulation.ts';

/** What may hang by itself: reads (and the opening of a store), writes and syncs, or both. */
export type StuckCalls = 'reads' | 'writes' | 'all';

interface Held {
  readonly call: 'read' | 'write';
  readonly run: () => void;
  /** What a slow disk adds has not passed yet. */
  isLate: boolean;
}

export class DiskTempo {
  readonly #simulation: Simulation;
  #factor = 1;
  #stuck: StuckCalls | undefined;
  #stuckSince = 0;
  /** Counts conditions, so that the end of an old one does not end a newer one. */
  #slowCount = 0;
  #stuckCount = 0;
  readonly #held: Set<Held> = new Set();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Carries out a call that takes so long on a disk that is well; its end goes through `gate`. */
  after(call: 'read' | 'write', delayMs: number, run: () => void, gate?: Gate): void {
    this.#simulation.after(delayMs, () => {
      if (this.#factor > 1 || this.#isStuck(call)) this.#hold(call, delayMs, run, gate);
      else if (gate === undefined) run();
      else gate.pass(run);
    });
  }

  /** Each call takes `factor` times as long. */
  slow(factor: number, forMs: number): void {
    this.#factor = factor;
    this.#slowCount += 1;
    const number = this.#slowCount;
    this.#simulation.after(forMs, () => {
      if (number === this.#slowCount) this.#factor = 1;
    });
  }

  stick(calls: StuckCalls, forMs: number): void {
    this.#stuck = calls;
    this.#stuckSince = this.#simulation.now;
    this.#stuckCount += 1;
    const number = this.#stuckCount;
    this.#simulation.after(forMs, () => {
      if (number !== this.#stuckCount || this.#stuck === undefined) return;
      this.#stuck = undefined;
      this.#release();
    });
  }

  /** For how long calls of this kind have been stuck by now; 0: they are not. */
  stuckMs(call: 'read' | 'write'): number {
    return this.#isStuck(call) ? this.#simulation.now - this.#stuckSince : 0;
  }

  /** [DT2] */
  heal(): void {
    this.#factor = 1;
    this.#stuck = undefined;
    for (const held of this.#held) held.isLate = false;
    this.#release();
  }

  #hold(call: 'read' | 'write', delayMs: number, end: () => void, gate: Gate | undefined): void {
    const isLate = this.#factor > 1;
    const run = gate === undefined ? end : (): void => gate.pass(end);
    const held: Held = { call, run, isLate };
    this.#held.add(held);
    if (!isLate) return;
    this.#simulation.after(delayMs * (this.#factor - 1), () => {
      held.isLate = false;
      this.#end(held);
    });
  }

  #end(held: Held): void {
    if (!this.#held.has(held) || held.isLate || this.#isStuck(held.call)) return;
    this.#held.delete(held);
    held.run();
  }

  #release(): void {
    for (const held of this.#held) this.#simulation.after(0, () => this.#end(held));
  }

  #isStuck(call: 'read' | 'write'): boolean {
    return this.#stuck === 'all' || this.#stuck === (call === 'read' ? 'reads' : 'writes');
  }
}
