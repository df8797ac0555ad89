/**
 * Unit: what is started, crashes and is replaced as one: an actor thread, or a replica with its log
 * writer (scenario H5: neither ever meets the other's successor).
 *
 * Invariants:
 *   UN1 the next life begins only when all threads of the one before have exited, and what they had
 *       asked of the pool has settled
 *   UN2 a crash is handled once, however many threads of the unit end with it
 */
import { assert } from '@clockwise/kernel/assert';
import type { RestartPolicy } from './restart-policy.ts';

export type UnitState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready' }
  /** Its threads are being ended, or its delay runs. */
  | { readonly kind: 'crashed'; readonly reason: string }
  | { readonly kind: 'given-up'; readonly reason: string }
  | { readonly kind: 'stopped' };

/** A thread of a unit; see thread-handle. */
export interface UnitThread {
  readonly name: string;
  isHung(nowMs: number): boolean;
  /** Resolves when the thread runs no more. */
  terminate(reason: string): Promise<void>;
}

export interface UnitPlan {
  readonly name: string;
  readonly policy: RestartPolicy;
  readonly startTimeoutMs: number;
  readonly now: () => number;
  /** Starts the threads of life number `life`, from 1. */
  readonly spawn: (life: number) => readonly UnitThread[];
  /** The unit serves, or has ceased to: for channels. */
  readonly up: () => void;
  readonly down: () => void;
  /** Resolves when nothing that an ended life asked of others goes on. */
  readonly settled: () => Promise<void>;
  readonly changed: (state: UnitState, life: number) => void;
}

export class Unit {
  state: UnitState = { kind: 'stopped' };
  threads: readonly UnitThread[] = [];
  life = 0;
  readonly #plan: UnitPlan;
  #startedAtMs = 0;
  #delay: NodeJS.Timeout | undefined;

  constructor(plan: UnitPlan) {
    this.#plan = plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  start(): void {
    assert(this.state.kind === 'stopped' || this.state.kind === 'crashed', 'a unit starts once');
    this.life += 1;
    this.#startedAtMs = this.#plan.now();
    this.#become({ kind: 'starting' });
    this.threads = this.#plan.spawn(this.life);
  }

  /** A thread of life `life` said that the unit is ready. */
  ready(life: number): void {
    if (life !== this.life || this.state.kind !== 'starting') return;
    this.#become({ kind: 'ready' });
    this.#plan.up();
  }

  /** A thread of life `life` has ended, or has to. */
  crashed(life: number, reason: string): void {
    if (life !== this.life) return;
    if (this.state.kind !== 'starting' && this.state.kind !== 'ready') return;
    const wasReady = this.state.kind === 'ready';
    this.#become({ kind: 'crashed', reason });
    if (wasReady) this.#plan.down();
    void this.#replace(reason);
  }

  /** Hung threads and starts that take too long. */
  check(nowMs: number): void {
    if (this.state.kind === 'starting') {
      if (nowMs - this.#startedAtMs > this.#plan.startTimeoutMs) {
        this.crashed(this.life, 'not ready in time');
      }
      return;
    }
    if (this.state.kind !== 'ready') return;
    for (const thread of this.threads) {
      if (thread.isHung(nowMs)) this.crashed(this.life, `${thread.name} hung`);
    }
  }

  /** The orderly end: `drain` first, then the threads. */
  async stop(drain: () => Promise<void>): Promise<void> {
    const wasReady = this.state.kind === 'ready';
    clearTimeout(this.#delay);
    this.#become({ kind: 'stopped' });
    if (wasReady) await drain();
    await this.#end('stopped');
  }

  async #replace(reason: string): Promise<void> {
    await this.#end(reason);
    await this.#plan.settled();
    if (this.state.kind !== 'crashed') return;
    const decision = this.#plan.policy.crashed(this.#plan.now());
    if (decision.kind === 'give-up') {
      this.#become({ kind: 'given-up', reason });
      return;
    }
    this.#delay = setTimeout(() => this.start(), decision.delayMs);
  }

  async #end(reason: string): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate(reason)));
  }

  #become(state: UnitState): void {
    this.state = state;
    this.#plan.changed(state, this.life);
  }
}
