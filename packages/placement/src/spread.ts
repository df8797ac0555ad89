/**
 * What one replica list must look like: distinct nodes, and as many data centres and racks as exist.
 *
 * With k copies, D data centres and R racks (a rack belongs to its data centre) a list of k distinct
 * nodes uses min(k, D) data centres and min(k, R) racks. Those two conditions are bounds on nested
 * sets, and so one shape serves all three cases:
 *
 *   case          group   a group gets           subgroup   a subgroup gets
 *   k <= D        dc      0 or 1                 dc         at most 1
 *   D < k <= R    dc      1, more from the pool  rack       at most 1
 *   R < k         rack    1, more from the pool  rack       any number
 *
 * where the pool holds the k - groups copies that are left when each group has one. Nested bounds
 * make the lists the bases of a matroid: any load of the nodes that respects the bounds, times Q, can
 * be reached by Q lists. That is why shares (shares.ts) and movement (plan-zone.ts) can be exact.
 *
 * Invariants
 *  S1 lists that obey the rule, and only those, use min(k, D) data centres and min(k, R) racks.
 */
import { assert } from '@clockwise/kernel/assert';

/** What placement needs to know about where a node stands. */
export interface NodeSite {
  readonly id: string;
  readonly dataCentre: string;
  readonly rack: string;
  readonly weight: number;
}

export interface SpreadRule {
  readonly nodeCount: number;
  /** k: the configured copies, or fewer where there are fewer nodes. */
  readonly copies: number;
  readonly dataCentreOf: Int32Array;
  readonly dataCentreCount: number;
  readonly rackOf: Int32Array;
  readonly rackCount: number;
  readonly groupOf: Int32Array;
  readonly groupCount: number;
  readonly subgroupOf: Int32Array;
  readonly subgroupCount: number;
  /** Copies of one partition in one subgroup. */
  readonly subgroupMost: number;
  /** Copies of one partition beyond the first of each group, over all groups. */
  readonly poolMost: number;
  /** Copies of one partition that each group must have: 1 where k reaches all groups, else 0. */
  readonly groupLeast: number;
}

/** The rule for `copies` copies over these nodes. */
export function spreadRule(nodes: readonly NodeSite[], copies: number): SpreadRule {
  assert(nodes.length > 0, 'a spread rule has at least one node');
  assert(copies > 0, 'a spread rule has at least one copy');
  const dataCentres = numbered(nodes.map((node) => node.dataCentre));
  const racks = numbered(nodes.map((node) => JSON.stringify([node.dataCentre, node.rack])));
  const reached = Math.min(copies, nodes.length);
  const groups = reached > racks.count ? racks : dataCentres;
  const subgroups = reached > dataCentres.count ? racks : dataCentres;
  return {
    nodeCount: nodes.length,
    copies: reached,
    dataCentreOf: dataCentres.of,
    dataCentreCount: dataCentres.count,
    rackOf: racks.of,
    rackCount: racks.count,
    groupOf: groups.of,
    groupCount: groups.count,
    subgroupOf: subgroups.of,
    subgroupCount: subgroups.count,
    subgroupMost: reached > racks.count ? reached : 1,
    poolMost: Math.max(0, reached - groups.count),
    groupLeast: reached >= groups.count ? 1 : 0,
  };
}

interface Numbering {
  readonly of: Int32Array;
  readonly count: number;
}

/** Numbers equal names alike, from 0 in order of first appearance. */
function numbered(names: readonly string[]): Numbering {
  const numberOf = new Map<string, number>();
  const of = new Int32Array(names.length);
  for (const [index, name] of names.entries()) {
    const known = numberOf.get(name) ?? numberOf.size;
    numberOf.set(name, known);
    of[index] = known;
  }
  return { of, count: numberOf.size };
}
