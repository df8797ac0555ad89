/** Faults of wall clocks: what a run may have of them, and how each is carried out. */
import type { Prng } from '@clockwise/kernel/prng';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { drawFaultTimes, drawMeanMs, type FaultPlan } from './fault-times.ts';

export type ClockFault =
  /** The wall clock is set (E1). */
  | { readonly kind: 'clock'; readonly atMs: number; readonly node: number; readonly byMs: number }
  /** It is set forth and back, every STROBE_MS. */
  | {
      readonly kind: 'clock-strobe';
      readonly atMs: number;
      readonly node: number;
      readonly byMs: number;
      readonly forMs: number;
    };

const STROBE_MS = 10;

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface ClockFaultRates {
  readonly clockMs: number;
  readonly clockStrobeMs: number;
}

export const NO_CLOCK_FAULTS: ClockFaultRates = { clockMs: Infinity, clockStrobeMs: Infinity };

export function drawClockFaultRates(prng: Prng): ClockFaultRates {
  return {
    clockMs: drawMeanMs(prng, [1000, 5000]),
    clockStrobeMs: drawMeanMs(prng, [3000, 8000]),
  };
}

export function drawClockFaults(
  prng: Prng,
  rates: ClockFaultRates,
  { nodeIds, workMs }: FaultPlan,
): ClockFault[] {
  const clocks = prng.stream('clock');
  const strobes = prng.stream('clock-strobe');
  return [
    ...drawFaultTimes(clocks, rates.clockMs, workMs).map((atMs): ClockFault => ({
      kind: 'clock',
      atMs,
      node: clocks.below(nodeIds.length),
      byMs: clocks.pick([1, 5000, 3_600_000]) * clocks.pick([-1, 1]),
    })),
    ...drawFaultTimes(strobes, rates.clockStrobeMs, workMs).map((atMs): ClockFault => ({
      kind: 'clock-strobe',
      atMs,
      node: strobes.below(nodeIds.length),
      byMs: strobes.pick([1, 200]),
      forMs: strobes.pick([100, 1000]),
    })),
  ];
}

export function injectClockFault(fault: ClockFault, cluster: SimulatedCluster): void {
  const { clock } = cluster.nodes[fault.node]!;
  if (fault.kind === 'clock') clock.jump(fault.byMs);
  else strobe(fault.byMs, Math.ceil(fault.forMs / STROBE_MS / 2));
  function strobe(byMs: number, leftCount: number): void {
    if (leftCount === 0) return;
    clock.jump(byMs);
    cluster.simulation.after(STROBE_MS, () => {
      clock.jump(-byMs);
      cluster.simulation.after(STROBE_MS, () => strobe(byMs, cluster.isHealed ? 0 : leftCount - 1));
    });
  }
}
