/**
 * A directed link between two sites: its own delays and rates, and what blocks it now. Cuts and clogs
 * are counted, so that each ends by itself and takes away only its own effect.
 *
 * Invariants:
 *   LK1 a link is open where as many cuts and clogs have ended as began; ending one twice is once
 *   LK2 what waits for it goes on in a later event than that which opens it
 */
import type { Prng } from '@clockwise/kernel/prng';
import type { LinkFaults } from './link-faults.ts';
import type { Simulation } from './simulation.ts';

/** A connection that has a direction over the link. */
export interface LinkUser {
  /** Something that blocked the link has ended. */
  onUnblocked(): void;
}

/** How one link differs from another: in [-1, 1] each, for ever. */
interface Character {
  readonly delay: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly hold: number;
}

export class Link {
  readonly from: string;
  readonly to: string;
  lossProbability = 0;
  duplicateProbability = 0;
  holdProbability = 0;
  readonly users: Set<LinkUser> = new Set();
  /** How far apart the two are, in milliseconds: part of every delay, whatever the run's faults are. */
  distanceMs = 0;
  /** Hears of each frame that is sent this way, arrive it or not. */
  onSent: ((frame: Int32Array) => void) | undefined = undefined;
  readonly #simulation: Simulation;
  /** Whose draws delays are. */
  readonly #prng: Prng;
  readonly #character: Character;
  readonly #waiting: (() => void)[] = [];
  #delayMinMs = 0;
  #delayMeanMs = 0;
  #cutCount = 0;
  #clogCount = 0;
  #healCount = 0;

  constructor(
    { from, to }: { readonly from: string; readonly to: string },
    simulation: Simulation,
    prng: Prng,
  ) {
    this.from = from;
    this.to = to;
    this.#simulation = simulation;
    this.#prng = prng;
    const own = prng.stream(`link ${from}>${to}`);
    const side = (): number => own.unit() * 2 - 1;
    this.#character = { delay: side(), loss: side(), duplicate: side(), hold: side() };
  }

  get isCut(): boolean {
    return this.#cutCount > 0;
  }

  get isClogged(): boolean {
    return this.#clogCount > 0;
  }

  get isOpen(): boolean {
    return this.#cutCount === 0 && this.#clogCount === 0;
  }

  /** Takes over the run's rates, each bent by this link's character. */
  apply(faults: LinkFaults): void {
    const { unevenness } = faults;
    const { delay, loss, duplicate, hold } = this.#character;
    const bend = (value: number, by: number): number => value * (1 + unevenness * by);
    this.#delayMinMs = bend(faults.delayMinMs, delay);
    this.#delayMeanMs = bend(faults.delayMeanMs, delay);
    this.lossProbability = bend(faults.lossProbability, loss);
    this.duplicateProbability = bend(faults.duplicateProbability, duplicate);
    this.holdProbability = bend(faults.holdProbability, hold);
  }

  delayMs(): number {
    return this.distanceMs + this.#delayMinMs + this.#prng.exponential(this.#delayMeanMs);
  }

  /** Nothing crosses any more, until what it returns is called, or `heal`. */
  cut(): () => void {
    this.#cutCount += 1;
    return this.#onceUntilHealed(() => (this.#cutCount -= 1));
  }

  /** What comes waits, until what it returns is called, or `heal`. */
  clog(): () => void {
    this.#clogCount += 1;
    return this.#onceUntilHealed(() => (this.#clogCount -= 1));
  }

  heal(): void {
    this.#healCount += 1;
    if (this.isOpen) return;
    this.#cutCount = 0;
    this.#clogCount = 0;
    this.#unblocked();
  }

  /** One way: after a delay, and where the link is blocked then, after its opening. */
  pass(run: () => void): void {
    this.#simulation.after(this.delayMs(), () => {
      if (this.isOpen) run();
      else this.#waiting.push(run);
    });
  }

  #onceUntilHealed(end: () => void): () => void {
    const healCount = this.#healCount;
    let isOver = false;
    return () => {
      if (isOver || healCount !== this.#healCount) return;
      isOver = true;
      end();
      this.#unblocked();
    };
  }

  /** [LK2] */
  #unblocked(): void {
    for (const user of this.users) user.onUnblocked();
    if (this.isOpen) for (const run of this.#waiting.splice(0)) this.pass(run);
  }
}
