/**
 * What production's supervisor does about the shards of one process, and what the operator hears of: a
 * store that does not open is tried again after a pause, and in the end given up; a shard whose log
 * failed fences itself and stays so; a log writer that hangs is ended with its shard.
 *
 * Invariants:
 *   SS1 a shard that does not open is tried again by the rules of the real restart policy
 *   SS2 of a shard that is fenced or given up the operator hears once
 */
import type { Prng } from '@clockwise/kernel/prng';
import { RESTART_RULES, RestartPolicy } from '@clockwise/runtime/supervisor/restart-policy';
import type { Simulation } from '@clockwise/simulator/simulation';

export type ShardTrouble =
  | { readonly kind: 'fenced'; readonly reason: string }
  | { readonly kind: 'given-up'; readonly reason: string };

export interface ShardSupervisionOptions {
  readonly simulation: Simulation;
  readonly prng: Prng;
  readonly shardCount: number;
  /** Tries to open the shard; does nothing once the process has ended. */
  readonly open: (shard: number) => void;
  readonly onTrouble: (shard: number, trouble: ShardTrouble) => void;
}

export class ShardSupervision {
  readonly #options: ShardSupervisionOptions;
  readonly #policies: readonly RestartPolicy[];
  readonly #troubles: Map<number, ShardTrouble> = new Map();

  constructor(options: ShardSupervisionOptions) {
    this.#options = options;
    this.#policies = Array.from(
      { length: options.shardCount },
      (_, shard) => new RestartPolicy(RESTART_RULES, options.prng.stream(`restart-${shard}`)),
    );
  }

  trouble(shard: number): ShardTrouble | undefined {
    return this.#troubles.get(shard);
  }

  get hasTrouble(): boolean {
    return this.#troubles.size > 0;
  }

  opened(shard: number): void {
    this.#troubles.delete(shard);
  }

  /** [SS1] */
  notOpened(shard: number, reason: string): void {
    const { simulation, open } = this.#options;
    const decision = this.#policies[shard]!.crashed(simulation.now);
    if (decision.kind === 'restart') simulation.after(decision.delayMs, () => open(shard));
    else this.#begin(shard, { kind: 'given-up', reason });
  }

  fenced(shard: number, reason: string): void {
    this.#begin(shard, { kind: 'fenced', reason });
  }

  /** [SS2] */
  #begin(shard: number, trouble: ShardTrouble): void {
    if (this.#troubles.has(shard)) return;
    this.#troubles.set(shard, trouble);
    this.#options.onTrouble(shard, trouble);
  }
}
