/**
 * Which copies a run may destroy. A write that W replicas acknowledged survives the loss of W - 1 of
 * them: so, before a run begins, at most that many nodes are drawn, with W the least that the run's
 * writes ask for, and what destroys data (rot, lost and misdirected writes, wiped and restored disks,
 * sectors that cannot be read) strikes these nodes only, as often as it likes. Beyond the budget it may
 * strike any, and then nothing is promised but that nobody lies.
 *
 * Invariants:
 *   FA1 within the budget, at most W - 1 replicas of any partition are ever damaged
 *   FA2 a run in which W may be 1 has no victims; nor has one whose clients rely on quorums of reads to
 *       find what they never saw (`set-add-stale`)
 */
import { Prng } from '@clockwise/kernel/prng';
import { replicasOfLevel } from '../checkers/quorum-reads.ts';
import type { SimulationConfiguration } from './configuration.ts';

export type AtlasConfiguration = Pick<
  SimulationConfiguration,
  | 'seed'
  | 'nodeCount'
  | 'copies'
  | 'dataCentreCount'
  | 'writeLevels'
  | 'workload'
  | 'isBeyondBudget'
>;

/** The nodes that a run may damage, by their places in the ring. */
export function victimsOf(configuration: AtlasConfiguration): readonly number[] {
  const nodes = Array.from({ length: configuration.nodeCount }, (_, node) => node);
  if (configuration.isBeyondBudget) return nodes;
  const prng = new Prng(configuration.seed).stream('fault-atlas');
  return prng.shuffle(nodes).slice(0, victimsMax(configuration));
}

/** [FA1] [FA2] */
export function victimsMax(configuration: AtlasConfiguration): number {
  const { copies, dataCentreCount, writeLevels, workload } = configuration;
  if (workload === 'set-add-stale') return 0;
  const asked = writeLevels.map((level) => replicasOfLevel(level, copies, dataCentreCount));
  return Math.min(...asked) - 1;
}

export class FaultAtlas {
  readonly victims: readonly number[];
  readonly isBeyondBudget: boolean;
  /** How often data were destroyed. */
  claimCount = 0;
  readonly #now: () => number;
  readonly #onDamaged: (node: number) => void;
  readonly #damagedAt: Map<number, number> = new Map();

  /** `onDamaged` hears of each node once. */
  constructor(
    configuration: AtlasConfiguration,
    now: () => number,
    onDamaged: (node: number) => void,
  ) {
    this.victims = victimsOf(configuration);
    this.isBeyondBudget = configuration.isBeyondBudget;
    this.#now = now;
    this.#onDamaged = onDamaged;
  }

  get damagedCount(): number {
    return this.#damagedAt.size;
  }

  /** Asked before a node's data are destroyed; false: they must not be. */
  claim(node: number): boolean {
    if (!this.victims.includes(node)) return false;
    this.claimCount += 1;
    if (!this.#damagedAt.has(node)) {
      this.#damagedAt.set(node, this.#now());
      this.#onDamaged(node);
    }
    return true;
  }

  isDamaged(node: number): boolean {
    return this.#damagedAt.has(node);
  }

  /** How many of these nodes had been damaged by then. */
  damagedBefore(nodes: readonly number[], at: number): number {
    return nodes.filter((node) => (this.#damagedAt.get(node) ?? Infinity) <= at).length;
  }
}
