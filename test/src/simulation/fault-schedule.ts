/**
 * The faults of a run, drawn before it begins, as plain data in order of time: what a failing run
 * prints, and what shrinking takes away one by one. Each family of faults has a file in `faults`.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { Prng } from '@clockwise/kernel/prng';
import type { SimulationConfiguration } from './configuration.ts';
import {
  type ClockFault,
  type ClockFaultRates,
  drawClockFaultRates,
  drawClockFaults,
  injectClockFault,
  NO_CLOCK_FAULTS,
} from './faults/clock-faults.ts';
import { victimsOf } from './fault-atlas.ts';
import {
  type DiskFaultRates,
  drawDiskFaultRates,
  drawDiskFaults,
  NO_DISK_FAULTS,
} from './faults/disk-fault-draw.ts';
import { type DiskFault, injectDiskFault } from './faults/disk-faults.ts';
import type { FaultPlan } from './faults/fault-times.ts';
import {
  drawNetworkFaultRates,
  drawNetworkFaults,
  injectNetworkFault,
  NO_NETWORK_FAULTS,
  type NetworkFault,
  type NetworkFaultRates,
} from './faults/network-faults.ts';
import {
  drawProcessFaultRates,
  drawProcessFaults,
  injectProcessFault,
  NO_PROCESS_FAULTS,
  isPowerLoss,
  type ProcessFault,
  type ProcessFaultRates,
} from './faults/process-faults.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

export type FaultEvent = NetworkFault | DiskFault | ProcessFault | ClockFault;

export interface FaultRates
  extends NetworkFaultRates, DiskFaultRates, ProcessFaultRates, ClockFaultRates {}

export const NO_FAULTS: FaultRates = {
  ...NO_NETWORK_FAULTS,
  ...NO_DISK_FAULTS,
  ...NO_PROCESS_FAULTS,
  ...NO_CLOCK_FAULTS,
};

export function drawFaultRates(prng: Prng): FaultRates {
  return thinned(prng.stream('kinds'), {
    ...drawNetworkFaultRates(prng.stream('network')),
    ...drawDiskFaultRates(prng.stream('disk')),
    ...drawProcessFaultRates(prng.stream('process')),
    ...drawClockFaultRates(prng.stream('clock')),
  });
}

/**
 * Each run keeps a share of the kinds: where everything fails at once little else happens, and a path
 * that wants much done before its fault is never taken.
 */
function thinned(prng: Prng, rates: FaultRates): FaultRates {
  const share = prng.pick([0.1, 0.25, 0.5, 1]);
  const kinds = Object.entries(rates) as [keyof FaultRates, number][];
  const kept = kinds.map(([kind, meanMs]) => [kind, prng.chance(share) ? meanMs : Infinity]);
  return Object.fromEntries(kept) as FaultRates;
}

export function drawFaults(
  configuration: SimulationConfiguration,
  nodeIds: readonly string[],
): FaultEvent[] {
  const { seed, faults, shardCount, workMs } = configuration;
  const prng = new Prng(seed).stream('fault-schedule');
  const plan: FaultPlan = { nodeIds, shardCount, workMs, victims: victimsOf(configuration) };
  const schedule: FaultEvent[] = [
    ...drawNetworkFaults(prng.stream('network'), faults, plan),
    ...drawDiskFaults(prng.stream('disk'), faults, plan),
    ...drawProcessFaults(prng.stream('process'), faults, plan),
    ...drawClockFaults(prng.stream('clock'), faults, plan),
  ];
  return schedule.toSorted((left, right) => left.atMs - right.atMs);
}

export function injectFault(fault: FaultEvent, cluster: SimulatedCluster): void {
  switch (fault.kind) {
    case 'partition':
    case 'clog':
    case 'swizzle-clog':
    case 'reset':
    case 'half-open':
      injectNetworkFault(fault, cluster);
      return;
    case 'disk-errors':
    case 'sync-error':
    case 'disk-full':
    case 'descriptors':
    case 'read-only':
    case 'slow-disk':
    case 'stuck-disk':
    case 'bad-write':
    case 'stale-reads':
    case 'lost-sector':
    case 'bit-flip':
    case 'lost-files':
      injectDiskFault(fault, cluster);
      return;
    case 'crash':
    case 'long-outage':
    case 'shard-crash':
    case 'power-loss':
    case 'actor-crash':
    case 'hang':
    case 'pause':
    case 'reboot':
    case 'wipe':
    case 'restore':
      injectProcessFault(fault, cluster);
      return;
    case 'clock':
    case 'clock-strobe':
      injectClockFault(fault, cluster);
      return;
    default:
      unreachable(fault);
  }
}

export function hasPowerLoss(schedule: readonly FaultEvent[]): boolean {
  return schedule.some((fault) => isPowerLoss(fault));
}

/** Whether what was written and never synced may be lost: then `interval` buckets promise nothing. */
export function losesUnsynced(schedule: readonly FaultEvent[]): boolean {
  return hasPowerLoss(schedule) || schedule.some((fault) => fault.kind === 'sync-error');
}
