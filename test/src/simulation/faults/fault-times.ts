/** When the faults of a kind strike: at intervals that are drawn around their mean. */
import type { Prng } from '@clockwise/kernel/prng';

const PAUSE_MS_MIN = 20;

/** What the draw of a family of faults is told of the run. */
export interface FaultPlan {
  readonly nodeIds: readonly string[];
  readonly shardCount: number;
  readonly workMs: number;
  /** Nodes whose data may be destroyed, by their places in `nodeIds`: see fault-atlas. */
  readonly victims: readonly number[];
}

/** Virtual milliseconds from the beginning of the work on; none where the mean is Infinity. */
export function drawFaultTimes(prng: Prng, meanMs: number, workMs: number): number[] {
  const times: number[] = [];
  if (meanMs === Infinity) return times;
  let atMs = prng.exponential(meanMs);
  while (atMs < workMs) {
    times.push(Math.round(atMs));
    atMs += PAUSE_MS_MIN + prng.exponential(meanMs);
  }
  return times;
}

/** A mean between two faults, or Infinity: each kind is left out of a third of the runs. */
export function drawMeanMs(prng: Prng, choices: readonly number[]): number {
  return prng.chance(0.35) ? Infinity : prng.pick(choices);
}
