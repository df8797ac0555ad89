/**
 * A simulated world's frame: virtual time, the queue of what is to happen, the seed and the trace.
 * Nothing here knows what runs in it.
 *
 * Invariants:
 *   SM1 time never goes back, and stands still while something happens
 *   SM2 equal seeds and equal plans give equal traces
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { Prng } from '@clockwise/kernel/prng';
import { EventQueue } from './event-queue.ts';
import { TraceHash } from './trace-hash.ts';

export class Simulation {
  now: Instant = 0;
  eventCount = 0;
  readonly prng: Prng;
  readonly trace: TraceHash = new TraceHash();
  readonly #queue: EventQueue = new EventQueue();
  readonly #ties: Prng;
  /** Filled up to `#soonCount`, and used again and again. */
  readonly #soon: (() => void)[] = [];
  #soonCount = 0;
  readonly #log: ((line: string) => void) | undefined;

  /** `log` hears in words what happens; it changes nothing. */
  constructor(seed: string | number, log?: (line: string) => void) {
    this.prng = new Prng(seed);
    this.#ties = this.prng.stream('ties');
    this.#log = log;
  }

  get pendingCount(): number {
    return this.#queue.count;
  }

  at(due: Instant, run: () => void): void {
    assert(due >= this.now, '[SM1] nothing happens in the past');
    this.#queue.push(due, this.#ties.word(), run);
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.now + delayMs, run);
  }

  /** Right behind what happens now, before anything else that is due: for what takes no time at all. */
  soon(run: () => void): void {
    this.#soon[this.#soonCount] = run;
    this.#soonCount += 1;
  }

  /** Whether `note` is heard, so that nobody builds a line for no one. */
  get isLogged(): boolean {
    return this.#log !== undefined;
  }

  note(line: string): void {
    this.#log?.(`${this.now.toFixed(3).padStart(12)} ${line}`);
  }

  /** The next thing that is due up to `limit`; false: nothing is. */
  step(limit: Instant = Infinity): boolean {
    const queue = this.#queue;
    if (queue.count === 0) return false;
    const due = queue.nextDue;
    if (due > limit) return false;
    const run = queue.pop();
    assert(due >= this.now, '[SM1] time never goes back');
    this.now = due;
    this.eventCount += 1;
    run();
    // What is asked for meanwhile is done as well, in the order in which it was asked for.
    const soon = this.#soon;
    for (let index = 0; index < this.#soonCount; index += 1) soon[index]!();
    this.#soonCount = 0;
    return true;
  }

  /** Lets happen what is due until `until`, or until `done` says so. */
  run(until: Instant, done: () => boolean = () => false): void {
    while (!done() && this.step(until));
    if (!done() && until > this.now && Number.isFinite(until)) this.now = until;
  }
}
