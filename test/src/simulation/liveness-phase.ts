/**
 * The liveness phase at the end of every run (after TigerBeetle's): faults within a core of nodes that
 * must suffice end for good, and outside of it they stay as they are for good; then clients of the core
 * must get on. It finds what safety does not: a node that is half there and holds the others up.
 *
 * Invariants:
 *   LV1 the core holds a quorum of every partition
 *   LV2 what is outside does not come back before the phase ends
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { Violation } from '../checkers/history.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/**
 * How a node is kept out: down; paused; its frames to the core lost, or those of the core to it; its
 * disks stuck.
 */
const OUTAGES = ['down', 'paused', 'mute', 'deaf', 'stuck'] as const;
type Outage = (typeof OUTAGES)[number];

/** Longer than any phase: what is shut until the cluster is healed. */
const FOR_EVER_MS = 1e9;

export class LivenessPhase {
  /** Places of nodes in the cluster. */
  readonly core: readonly number[];
  readonly #cluster: SimulatedCluster;
  readonly #outside: readonly { readonly node: number; readonly outage: Outage }[];

  /** `copies`: of every partition. */
  constructor(cluster: SimulatedCluster, prng: Prng, copies: number) {
    this.#cluster = cluster;
    const nodes = prng.shuffle([...cluster.nodes.keys()]);
    const quorum = (copies >> 1) + 1;
    // A damaged replica may be one that does not answer: it is as good as outside.
    const spareCount = Math.max(0, copies - quorum - cluster.atlas.damagedCount);
    const outsideCount = prng.between(0, Math.min(spareCount, nodes.length - 1));
    this.#outside = nodes
      .slice(0, outsideCount)
      .map((node) => ({ node, outage: prng.pick(OUTAGES) }));
    this.core = nodes.slice(outsideCount).toSorted((left, right) => left - right);
  }

  begin(): void {
    const { simulation } = this.#cluster;
    const names = this.#outside.map(({ node, outage }) => `n${node + 1} ${outage}`);
    simulation.note(`the core is healed; outside of it: ${names.join(', ') || 'nobody'}`);
    simulation.trace.value(names);
    this.#cluster.heal();
    for (const { node, outage } of this.#outside) this.#putOut(node, outage);
  }

  /** [O11] Who of the core's clients did not get on. */
  judge(
    clients: readonly { readonly site: string; readonly progressCount: number }[],
  ): Violation[] {
    const outside = this.#outside.map(({ node, outage }) => `n${node + 1} is ${outage}`).join(', ');
    return clients
      .filter(({ progressCount }) => progressCount === 0)
      .map(({ site }) => ({
        oracle: 'O11',
        text: `${site} got nothing done at quorum although ${outside || 'all nodes are up'}`,
      }));
  }

  /** [LV2] */
  #putOut(index: number, outage: Outage): void {
    const { nodes, network } = this.#cluster;
    const node = nodes[index]!;
    const others = nodes.filter((other) => other !== node);
    switch (outage) {
      case 'down':
        node.crash('keep-all');
        node.isHeldDown = true;
        return;
      case 'paused':
        node.pause(FOR_EVER_MS);
        return;
      case 'mute':
        for (const other of others) network.cut(node.nodeId, other.nodeId);
        return;
      case 'deaf':
        for (const other of others) network.cut(other.nodeId, node.nodeId);
        return;
      case 'stuck':
        for (const tempo of node.tempos) tempo.stick('all', FOR_EVER_MS);
        return;
      default:
        unreachable(outage);
    }
  }
}
