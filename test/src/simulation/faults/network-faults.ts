/**
 * Faults of the links between machines: what a run may have of them, and how each is carried out. What
 * links do to single frames all the time (loss, delay, doubling, capacity) is in `LinkFaults`.
 *
 * Invariants:
 *   NF1 a fault that lasts ends after its `forMs` and takes away only its own effect
 *   NF2 after the network has healed, no step of a fault that began before acts
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { Network } from '@clockwise/simulator/network';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { drawFaultTimes, drawMeanMs, type FaultPlan } from './fault-times.ts';
import {
  type DirectedLink,
  drawCuts,
  drawLinkSubset,
  PARTITION_SHAPES,
  type PartitionShape,
} from './partitions.ts';

/** In place of a site: all that are no nodes. */
export const CLIENTS = 'clients';

export type NetworkFault =
  /** Directed cuts. */
  | {
      readonly kind: 'partition';
      readonly atMs: number;
      readonly shape: PartitionShape;
      readonly cuts: readonly DirectedLink[];
      readonly forMs: number;
    }
  /** Directed links stop; what comes waits, and then comes at once. */
  | {
      readonly kind: 'clog';
      readonly atMs: number;
      readonly links: readonly DirectedLink[];
      readonly forMs: number;
    }
  /** All links of some sites are clogged one after the other, and opened in another order. */
  | {
      readonly kind: 'swizzle-clog';
      readonly atMs: number;
      readonly clogs: readonly SiteClog[];
      readonly forMs: number;
    }
  | { readonly kind: 'reset'; readonly atMs: number; readonly count: number }
  /** Connections of which one end is reset and the other is not told. */
  | { readonly kind: 'half-open'; readonly atMs: number; readonly count: number };

export interface SiteClog {
  readonly site: string;
  /** Milliseconds from the fault's beginning. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface NetworkFaultRates {
  readonly partitionMs: number;
  readonly clogMs: number;
  readonly swizzleClogMs: number;
  readonly resetMs: number;
  readonly halfOpenMs: number;
}

export const NO_NETWORK_FAULTS: NetworkFaultRates = {
  partitionMs: Infinity,
  clogMs: Infinity,
  swizzleClogMs: Infinity,
  resetMs: Infinity,
  halfOpenMs: Infinity,
};

const FOR_MS_MAX = 4000;
const SHAPE_LEFT_OUT_PROBABILITY = 0.35;
const CLIENTS_PROBABILITY = 0.3;

export function drawNetworkFaultRates(prng: Prng): NetworkFaultRates {
  return {
    partitionMs: drawMeanMs(prng, [400, 1200, 3000, 6000]),
    clogMs: drawMeanMs(prng, [300, 1200, 4000]),
    swizzleClogMs: drawMeanMs(prng, [2500, 6000]),
    resetMs: drawMeanMs(prng, [300, 2000]),
    halfOpenMs: drawMeanMs(prng, [300, 2000]),
  };
}

export function drawNetworkFaults(
  prng: Prng,
  rates: NetworkFaultRates,
  { nodeIds, workMs }: FaultPlan,
): NetworkFault[] {
  const partitions = prng.stream('partition');
  const shapes = drawShapes(partitions);
  const clogs = prng.stream('clog');
  const swizzles = prng.stream('swizzle-clog');
  const resets = prng.stream('reset');
  const halves = prng.stream('half-open');
  return [
    ...drawFaultTimes(partitions, rates.partitionMs, workMs).map((atMs): NetworkFault => {
      const shape = partitions.pick(shapes);
      const cuts = drawCuts(partitions, shape, drawSites(partitions, nodeIds));
      return { kind: 'partition', atMs, shape, cuts, forMs: drawForMs(partitions) };
    }),
    ...drawFaultTimes(clogs, rates.clogMs, workMs).map((atMs): NetworkFault => {
      const links = drawLinkSubset(clogs, drawSites(clogs, nodeIds));
      return { kind: 'clog', atMs, links, forMs: drawForMs(clogs) };
    }),
    ...drawFaultTimes(swizzles, rates.swizzleClogMs, workMs).map((atMs): NetworkFault => {
      const drawn = drawSiteClogs(swizzles, nodeIds);
      const forMs = Math.max(...drawn.map(({ untilMs }) => untilMs));
      return { kind: 'swizzle-clog', atMs, clogs: drawn, forMs };
    }),
    ...drawFaultTimes(resets, rates.resetMs, workMs).map((atMs): NetworkFault => ({
      kind: 'reset',
      atMs,
      count: resets.between(1, 4),
    })),
    ...drawFaultTimes(halves, rates.halfOpenMs, workMs).map((atMs): NetworkFault => ({
      kind: 'half-open',
      atMs,
      count: halves.between(1, 3),
    })),
  ];
}

export function injectNetworkFault(fault: NetworkFault, { network }: SimulatedCluster): void {
  switch (fault.kind) {
    case 'partition':
      lastFor(network, fault.forMs, linksOf(network, fault.cuts), (from, to) =>
        network.cut(from, to),
      );
      return;
    case 'clog':
      lastFor(network, fault.forMs, linksOf(network, fault.links), (from, to) =>
        network.clog(from, to),
      );
      return;
    case 'swizzle-clog':
      for (const clog of fault.clogs) swizzle(network, clog);
      return;
    case 'reset':
      network.resetSome(fault.count);
      return;
    case 'half-open':
      network.breakHalfOfSome(fault.count);
      return;
    default:
      unreachable(fault);
  }
}

/** [NF1] */
function lastFor(
  network: Network,
  forMs: number,
  links: readonly DirectedLink[],
  begin: (from: string, to: string) => () => void,
): void {
  const ends = links.map(([from, to]) => begin(from, to));
  network.simulation.after(forMs, () => {
    for (const end of ends) end();
  });
}

function swizzle(network: Network, { site, fromMs, untilMs }: SiteClog): void {
  const { healCount } = network;
  network.simulation.after(fromMs, () => {
    // [NF2]
    if (network.healCount !== healCount) return;
    const links = network.sites
      .filter((other) => other !== site)
      .flatMap((other): DirectedLink[] => [
        [site, other],
        [other, site],
      ]);
    lastFor(network, untilMs - fromMs, links, (from, to) => network.clog(from, to));
  });
}

/** The links that data names, with each client in place of `CLIENTS`. */
function linksOf(network: Network, named: readonly DirectedLink[]): DirectedLink[] {
  const clients = network.sites.filter((site) => site.startsWith('client-'));
  const sitesOf = (name: string): readonly string[] => (name === CLIENTS ? clients : [name]);
  return named.flatMap(([from, to]) =>
    sitesOf(from).flatMap((near) => sitesOf(to).map((far): DirectedLink => [near, far])),
  );
}

/** Nodes, and in some faults the clients with them. */
function drawSites(prng: Prng, nodeIds: readonly string[]): readonly string[] {
  const withClients = prng.chance(CLIENTS_PROBABILITY) || nodeIds.length === 1;
  return withClients ? [...nodeIds, CLIENTS] : nodeIds;
}

function drawShapes(prng: Prng): readonly PartitionShape[] {
  const shapes = PARTITION_SHAPES.filter(() => !prng.chance(SHAPE_LEFT_OUT_PROBABILITY));
  return shapes.length > 0 ? shapes : PARTITION_SHAPES;
}

/** Mostly short beside a request's time limit, now and then long. */
function drawForMs(prng: Prng): number {
  const forMs = prng.exponential(prng.pick([30, 300, 1200]));
  return Math.round(Math.min(10 + forMs, FOR_MS_MAX));
}

function drawSiteClogs(prng: Prng, nodeIds: readonly string[]): SiteClog[] {
  const sites = prng.shuffle([...nodeIds]).slice(0, prng.between(1, nodeIds.length));
  const stepMs = prng.pick([20, 150, 500]);
  const closed = sites.map((_, index) => Math.round(index * stepMs + prng.exponential(stepMs)));
  const allClosedMs = Math.max(...closed);
  const order = prng.shuffle(sites.map((_, index) => index));
  return sites.map((site, index) => ({
    site,
    fromMs: closed[index]!,
    untilMs: Math.round(allClosedMs + (order[index]! + 1) * stepMs + prng.exponential(stepMs)),
  }));
}
