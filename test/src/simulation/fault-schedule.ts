/**
 * The faults of a run, drawn before it begins, as plain data in order of time: what a failing run
 * prints, and what a later shrinking takes away one by one.
 */
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, type CrashModel } from '@clockwise/simulator/simulated-disk';
import type { SimulationConfiguration } from './configuration.ts';

export type FaultEvent =
  /** `model` keep-all: the process is killed; else its machine loses power. Back after `downMs`. */
  | {
      readonly kind: 'crash';
      readonly atMs: number;
      readonly node: number;
      readonly model: CrashModel;
      readonly downMs: number;
    }
  /** One replica's worker, in a process that lives on; a new one opens its store (H4). */
  | {
      readonly kind: 'shard-crash';
      readonly atMs: number;
      readonly node: number;
      readonly shard: number;
      readonly downMs: number;
    }
  /** All machines at once. */
  | {
      readonly kind: 'power-loss';
      readonly atMs: number;
      readonly model: CrashModel;
      readonly downMs: number;
    }
  /** Directed cuts between sites, all of which end together with every other cut. */
  | {
      readonly kind: 'partition';
      readonly atMs: number;
      readonly cuts: readonly (readonly [from: string, to: string])[];
      readonly forMs: number;
    }
  | { readonly kind: 'reset'; readonly atMs: number; readonly count: number }
  | { readonly kind: 'clock'; readonly atMs: number; readonly node: number; readonly byMs: number };

const POWER_MODELS = CRASH_MODELS.filter((model) => model !== 'keep-all');

export function drawFaults(
  configuration: SimulationConfiguration,
  nodeIds: readonly string[],
): FaultEvent[] {
  const { seed, faults, workMs } = configuration;
  const prng = new Prng(seed).stream('fault-schedule');
  const schedule: FaultEvent[] = [];
  const repeat = (
    meanMs: number,
    label: string,
    draw: (prng: Prng, atMs: number) => FaultEvent,
  ): void => {
    const stream = prng.stream(label);
    if (meanMs === Infinity) return;
    for (
      let atMs = stream.exponential(meanMs);
      atMs < workMs;
      atMs += 20 + stream.exponential(meanMs)
    ) {
      schedule.push(draw(stream, Math.round(atMs)));
    }
  };
  const node = (stream: Prng): number => stream.below(nodeIds.length);
  repeat(faults.crashMs, 'crash', (stream, atMs) => ({
    kind: 'crash',
    atMs,
    node: node(stream),
    model: stream.pick(CRASH_MODELS),
    downMs: stream.pick([5, 100, 1500]),
  }));
  repeat(faults.shardCrashMs, 'shard-crash', (stream, atMs) => ({
    kind: 'shard-crash',
    atMs,
    node: node(stream),
    shard: stream.below(configuration.shardCount),
    downMs: stream.pick([1, 100, 1000]),
  }));
  repeat(faults.powerLossMs, 'power-loss', (stream, atMs) => ({
    kind: 'power-loss',
    atMs,
    model: stream.pick(POWER_MODELS),
    downMs: stream.pick([5, 300]),
  }));
  repeat(faults.partitionMs, 'partition', (stream, atMs) => ({
    kind: 'partition',
    atMs,
    cuts: drawCuts(stream, nodeIds),
    forMs: stream.pick([50, 600, 2500]),
  }));
  repeat(faults.resetMs, 'reset', (stream, atMs) => ({
    kind: 'reset',
    atMs,
    count: stream.between(1, 4),
  }));
  repeat(faults.clockMs, 'clock', (stream, atMs) => ({
    kind: 'clock',
    atMs,
    node: node(stream),
    byMs: stream.between(-5000, 5000),
  }));
  return schedule.toSorted((left, right) => left.atMs - right.atMs);
}

/** Isolate one, split in two, or single links; both ways or one. */
function drawCuts(prng: Prng, nodeIds: readonly string[]): (readonly [string, string])[] {
  const shuffled = prng.shuffle([...nodeIds]);
  const isOneWay = prng.chance(0.3);
  const size = prng.chance(0.5) ? 1 : prng.between(1, Math.max(1, nodeIds.length - 1));
  const inside = shuffled.slice(0, size);
  const outside = shuffled.slice(size);
  const cuts: (readonly [string, string])[] = [];
  for (const from of inside) {
    for (const to of outside) {
      cuts.push([from, to]);
      if (!isOneWay) cuts.push([to, from]);
    }
  }
  return cuts;
}

export function hasPowerLoss(schedule: readonly FaultEvent[]): boolean {
  return schedule.some(
    (fault) =>
      fault.kind === 'power-loss' || (fault.kind === 'crash' && fault.model !== 'keep-all'),
  );
}
