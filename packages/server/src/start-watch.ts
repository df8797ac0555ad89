/**
 * StartWatch: when a node's start is over. Pure but for the promise.
 *
 * Invariants:
 *   SW1 it succeeds when every unit is ready, or is a shard that was given up, and one shard serves
 *   SW2 it fails when a unit that is no shard ends before it was ready once, or no shard serves
 */
import type { UnitState } from '@clockwise/runtime/supervisor/unit';
import { StartError } from './start-error.ts';

export class StartWatch {
  readonly ended: Promise<void>;
  readonly #waiting: Set<string>;
  readonly #lost: Map<string, string> = new Map();
  readonly #shardCount: number;
  #resolve: () => void = () => undefined;
  #reject: (error: StartError) => void = () => undefined;

  constructor(units: readonly string[]) {
    this.#waiting = new Set(units);
    this.#shardCount = units.filter(isShard).length;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  unitChanged(name: string, state: UnitState): void {
    if (this.#waiting.size === 0 || !this.#waiting.has(name)) return;
    if (state.kind === 'ready') {
      this.#waiting.delete(name);
    } else if (state.kind === 'given-up') {
      this.#waiting.delete(name);
      this.#lost.set(name, state.reason);
    } else if (state.kind === 'crashed' && !isShard(name)) {
      // [SW2] What does not start the first time (a port that is taken, as a rule) will not by itself.
      this.#fail([`${name} does not start: ${firstLine(state.reason)}`]);
      return;
    }
    if (this.#waiting.size > 0) return;
    if (this.#lost.size < this.#shardCount) this.#resolve();
    else this.#fail([...this.#lost].map(([unit, reason]) => `${unit}: ${firstLine(reason)}`));
  }

  #fail(reasons: readonly string[]): void {
    this.#waiting.clear();
    this.#reject(new StartError('START_FAILED', reasons));
  }
}

function isShard(unit: string): boolean {
  return unit.startsWith('replica-');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
