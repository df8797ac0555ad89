/**
 * Which faults a round has, in which order, at whom: drawn from the seed before it begins. When they
 * come follows the clocks of the machine, so that two runs of a seed have the same faults at other
 * moments of the work.
 *
 * Invariants:
 *   FP1 equal seeds and options draw equal plans
 *   FP2 the kills of a plan are as many as were asked for
 */
import type { Prng } from '@clockwise/kernel/prng';
import type { Direction, Slowness } from './host-network.ts';

export type FaultFamily = 'kill' | 'stop' | 'net' | 'disk';

/** `gapMs`: between the beginning of the fault before and this one's. */
export type ChaosFault =
  | {
      readonly kind: 'kill';
      readonly gapMs: number;
      readonly nodes: readonly number[];
      readonly downMs: number;
      /** Killed once more so long after its start, which it then may not have ended. */
      readonly againAfterMs: number | undefined;
    }
  | {
      readonly kind: 'stop';
      readonly gapMs: number;
      readonly nodes: readonly number[];
      readonly forMs: number;
    }
  | {
      readonly kind: 'cut' | 'refuse';
      readonly gapMs: number;
      readonly directions: readonly Direction[];
      readonly forMs: number;
    }
  | {
      readonly kind: 'isolate';
      readonly gapMs: number;
      readonly node: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly gapMs: number;
      readonly node: number;
      readonly forMs: number;
      readonly slowness: Slowness;
    }
  | {
      readonly kind: 'full-disk';
      readonly gapMs: number;
      readonly node: number;
      readonly isKilledMeanwhile: boolean;
    };

export interface PlanOptions {
  readonly families: readonly FaultFamily[];
  readonly nodeCount: number;
  /** Processes to kill. Without the family `kill`: faults in all. */
  readonly kills: number;
  readonly gapMeanMs: number;
}

const WEIGHTS: Readonly<Record<FaultFamily, number>> = { kill: 5, stop: 3, net: 4, disk: 1 };

/** The first faults are one of each family, so that a short round has them all. */
export function drawPlan(prng: Prng, options: PlanOptions): ChaosFault[] {
  const { families, kills } = options;
  const plan: ChaosFault[] = [];
  const lots = families.flatMap((family) => new Array<FaultFamily>(WEIGHTS[family]).fill(family));
  const first = prng.shuffle([...families]);
  let left = kills;
  while (left > 0) {
    const family = first.pop() ?? prng.pick(lots);
    const fault = drawFault(prng, family, left, options);
    plan.push(fault);
    left -= families.includes('kill') ? killsOf(fault) : 1;
  }
  return plan;
}

/** [FP2] Those of nodes whose disk is full come on top. */
export function killsOf(fault: ChaosFault): number {
  if (fault.kind !== 'kill') return 0;
  return fault.nodes.length * (fault.againAfterMs === undefined ? 1 : 2);
}

function drawFault(
  prng: Prng,
  family: FaultFamily,
  killsLeft: number,
  { nodeCount, gapMeanMs }: PlanOptions,
): ChaosFault {
  const gapMs = Math.round(gapMeanMs * (0.3 + 1.4 * prng.unit()));
  switch (family) {
    case 'kill':
      return drawKill(prng, gapMs, nodeCount, killsLeft);
    case 'stop': {
      const isLong = prng.chance(0.35);
      const forMs = isLong ? prng.between(1500, 4500) : prng.between(30, 700);
      return { kind: 'stop', gapMs, nodes: victims(prng, nodeCount, nodeCount), forMs };
    }
    case 'net':
      return drawLinkFault(prng, gapMs, nodeCount);
    default:
      return {
        kind: 'full-disk',
        gapMs,
        node: prng.below(nodeCount),
        isKilledMeanwhile: prng.chance(0.4),
      };
  }
}

function drawKill(prng: Prng, gapMs: number, nodeCount: number, killsLeft: number): ChaosFault {
  const nodes = victims(prng, nodeCount, killsLeft);
  const downMs = prng.chance(0.3) ? 0 : prng.between(20, 1500);
  const isTwice = prng.chance(0.25) && nodes.length * 2 <= killsLeft;
  const againAfterMs = isTwice ? prng.between(0, 600) : undefined;
  return { kind: 'kill', gapMs, nodes, downMs, againAfterMs };
}

/** Half of the time one; else two, or all at once, which shows what no other node can give back. */
function victims(prng: Prng, nodeCount: number, countMax: number): readonly number[] {
  const all = prng.shuffle(Array.from({ length: nodeCount }, (_, node) => node));
  const count = prng.pick([1, 1, 1, 1, 2, 2, nodeCount, nodeCount]);
  return all.slice(0, Math.min(count, countMax)).toSorted((left, right) => left - right);
}

function drawLinkFault(prng: Prng, gapMs: number, nodeCount: number): ChaosFault {
  const forMs = prng.chance(0.5) ? prng.between(100, 900) : prng.between(1200, 4000);
  const [node, ...others] = prng.shuffle(Array.from({ length: nodeCount }, (_, index) => index));
  const other = others[0];
  const draw = prng.unit();
  if (other === undefined || draw < 0.2) return { kind: 'isolate', gapMs, node: node!, forMs };
  if (draw < 0.5) {
    const slowness = {
      delayMs: prng.pick([5, 40, 250]),
      lossPercent: prng.pick([0, 1, 10]),
      kilobitsPerSecond: prng.pick([128, 512, 2000]),
    };
    return { kind: 'slow', gapMs, node: node!, forMs, slowness };
  }
  const there = { from: node!, to: other };
  const back = { from: other, to: node! };
  const fromAll = others.flatMap((peer) => [
    { from: node!, to: peer },
    { from: peer, to: node! },
  ]);
  const directions = prng.pick([[there], [there, back], fromAll]);
  return { kind: prng.chance(0.7) ? 'cut' : 'refuse', gapMs, directions, forMs };
}

/** A line for people. */
export function faultText(fault: ChaosFault): string {
  const names = (nodes: readonly number[]): string => nodes.map((node) => `n${node + 1}`).join(' ');
  switch (fault.kind) {
    case 'kill': {
      const { againAfterMs } = fault;
      const again = againAfterMs === undefined ? '' : `, again ${againAfterMs} ms into the start`;
      return `kill ${names(fault.nodes)}, down for ${fault.downMs} ms${again}`;
    }
    case 'stop':
      return `stop ${names(fault.nodes)} for ${fault.forMs} ms`;
    case 'cut':
    case 'refuse': {
      const ways = fault.directions.map(({ from, to }) => `n${from + 1}>n${to + 1}`).join(' ');
      return `${fault.kind} ${ways} for ${fault.forMs} ms`;
    }
    case 'isolate':
      return `isolate n${fault.node + 1} for ${fault.forMs} ms`;
    case 'slow': {
      const { delayMs, lossPercent, kilobitsPerSecond } = fault.slowness;
      const what = `${delayMs} ms and ${lossPercent} % lost, or ${kilobitsPerSecond} kbit/s`;
      return `slow n${fault.node + 1} (${what}) for ${fault.forMs} ms`;
    }
    default: {
      const killed = fault.isKilledMeanwhile ? ', killed while it is full' : '';
      return `full-disk n${fault.node + 1}${killed}`;
    }
  }
}
