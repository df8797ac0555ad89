/** Faults of wall clocks: what a run may have of them, and how each is carried out. */
import type { Prng } from '@clockwise/kernel/prng';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { drawFaultTimes, drawMeanMs, type FaultPlan } from './fault-times.ts';

export interface ClockFault {
  readonly kind: 'clock';
  readonly atMs: number;
  readonly node: number;
  readonly byMs: number;
}

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface ClockFaultRates {
  readonly clockMs: number;
}

export function drawClockFaultRates(prng: Prng): ClockFaultRates {
  return { clockMs: drawMeanMs(prng, [1000, 5000]) };
}

export function drawClockFaults(
  prng: Prng,
  rates: ClockFaultRates,
  { nodeIds, workMs }: FaultPlan,
): ClockFault[] {
  const clocks = prng.stream('clock');
  return drawFaultTimes(clocks, rates.clockMs, workMs).map((atMs) => ({
    kind: 'clock',
    atMs,
    node: clocks.below(nodeIds.length),
    byMs: clocks.between(-5000, 5000),
  }));
}

export function injectClockFault(fault: ClockFault, cluster: SimulatedCluster): void {
  cluster.nodes[fault.node]!.clock.jump(fault.byMs);
}
