/**
 * How many partitions each node should hold: the floor or the ceiling of its weighted share.
 *
 * The share is Q x k x weight / sum of weights. Where some assignment that keeps the spread gives every
 * node the floor or the ceiling of that, these are the bounds. Where none does (a rack with a lone node
 * must hold a copy of everything), spread wins: the bounds are then the floor and the ceiling of the
 * *attainable* share, which is as even by weight as the spread allows (the loads that minimise the sum
 * of load^2 / weight). These loads have one water level per set whose bound binds, so they are found by
 * bisection of the level, from the whole ring down to the racks.
 *
 * Invariants
 *  B1 `least` and `most` differ by at most one for every node.
 *  B2 some assignment that obeys the spread rule meets the bounds.
 *  B3 the bounds are those of the plain weighted share whenever that leaves B2 true.
 */
import { assert } from '@clockwise/kernel/assert';
import type { SpreadRule } from './spread.ts';

export interface LoadBounds {
  readonly least: Int32Array;
  readonly most: Int32Array;
  /** Whether these are the bounds of the plain weighted share (B3). */
  readonly plain: boolean;
}

/** The bounds for Q partitions under a rule; `weights` has one positive integer per node. */
export function loadBounds(
  rule: SpreadRule,
  weights: Int32Array,
  partitionCount: number,
): LoadBounds {
  assert(weights.length === rule.nodeCount, 'every node has a weight');
  const plain = plainBounds(rule, weights, partitionCount);
  if (isReachable(rule, plain, partitionCount)) return plain;
  const attainable = boundsAround(attainableShares(rule, weights, partitionCount));
  assert(isReachable(rule, attainable, partitionCount), 'B2 the spread can meet the bounds');
  return attainable;
}

/** The ceiling of each node's plain weighted share: what a load above is measured against. */
export function plainCeilings(
  rule: SpreadRule,
  weights: Int32Array,
  partitionCount: number,
): Int32Array {
  return plainBounds(rule, weights, partitionCount).most;
}

function plainBounds(rule: SpreadRule, weights: Int32Array, partitionCount: number): LoadBounds {
  const least = new Int32Array(rule.nodeCount);
  const most = new Int32Array(rule.nodeCount);
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  for (let node = 0; node < rule.nodeCount; node += 1) {
    const product = partitionCount * rule.copies * weights[node]!;
    const remainder = product % weightSum;
    least[node] = (product - remainder) / weightSum;
    most[node] = least[node]! + (remainder === 0 ? 0 : 1);
  }
  return { least, most, plain: true };
}

/** Nested bounds can be met when, from the nodes up, no set must hold more than it may. */
function isReachable(rule: SpreadRule, bounds: LoadBounds, partitionCount: number): boolean {
  const subgroupLeast = new Int32Array(rule.subgroupCount);
  const subgroupMost = new Int32Array(rule.subgroupCount);
  const subgroupGroup = new Int32Array(rule.subgroupCount);
  for (let node = 0; node < rule.nodeCount; node += 1) {
    if (bounds.least[node]! > partitionCount) return false;
    const subgroup = rule.subgroupOf[node]!;
    subgroupGroup[subgroup] = rule.groupOf[node]!;
    subgroupLeast[subgroup]! += bounds.least[node]!;
    subgroupMost[subgroup]! += Math.min(bounds.most[node]!, partitionCount);
  }
  const groupLeast = new Int32Array(rule.groupCount);
  const groupMost = new Int32Array(rule.groupCount);
  for (let subgroup = 0; subgroup < rule.subgroupCount; subgroup += 1) {
    const most = Math.min(subgroupMost[subgroup]!, partitionCount * rule.subgroupMost);
    if (subgroupLeast[subgroup]! > most) return false;
    groupLeast[subgroupGroup[subgroup]!]! += subgroupLeast[subgroup]!;
    groupMost[subgroupGroup[subgroup]!]! += most;
  }
  let leastSum = 0;
  let mostSum = 0;
  for (let group = 0; group < rule.groupCount; group += 1) {
    const least = Math.max(groupLeast[group]!, partitionCount * rule.groupLeast);
    const most = Math.min(groupMost[group]!, partitionCount * (1 + rule.poolMost));
    if (least > most) return false;
    leastSum += least;
    mostSum += most;
  }
  const total = partitionCount * rule.copies;
  return leastSum <= total && total <= mostSum;
}

/** A set of nodes and the least and most that it may hold; sets are nested, leaves are nodes. */
interface ShareSet {
  readonly children: ShareSet[];
  readonly weight: number;
  readonly node: number;
  readonly least: number;
  readonly most: number;
}

function attainableShares(
  rule: SpreadRule,
  weights: Int32Array,
  partitionCount: number,
): Float64Array {
  const total = partitionCount * rule.copies;
  const root = shareSet(total, total);
  const groups = Array.from({ length: rule.groupCount }, () =>
    shareSet(partitionCount * rule.groupLeast, partitionCount * (1 + rule.poolMost)),
  );
  const subgroups = Array.from({ length: rule.subgroupCount }, () =>
    shareSet(0, partitionCount * rule.subgroupMost),
  );
  root.children.push(...groups);
  for (let node = 0; node < rule.nodeCount; node += 1) {
    const subgroup = subgroups[rule.subgroupOf[node]!]!;
    const group = groups[rule.groupOf[node]!]!;
    if (subgroup.children.length === 0) group.children.push(subgroup);
    const leaf = { children: [], weight: weights[node]!, node, least: 0, most: partitionCount };
    subgroup.children.push(leaf);
  }
  const shares = new Float64Array(rule.nodeCount);
  settle(root, total, partitionCount, shares);
  return shares;
}

function shareSet(least: number, most: number): ShareSet {
  return { children: [], weight: 0, node: -1, least, most };
}

/** What a set holds when water stands at `level` (partitions per unit of weight). */
function heldAt(set: ShareSet, level: number): number {
  const held =
    set.children.length === 0
      ? level * set.weight
      : set.children.reduce((sum, child) => sum + heldAt(child, level), 0);
  return Math.min(set.most, Math.max(set.least, held));
}

/** Shares `amount` out within a set: the depth is that of data centre, rack and node. */
function settle(set: ShareSet, amount: number, levelMost: number, shares: Float64Array): void {
  if (set.children.length === 0) {
    shares[set.node] = amount;
    return;
  }
  let low = 0;
  let high = levelMost;
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    const held = set.children.reduce((sum, child) => sum + heldAt(child, middle), 0);
    if (held < amount) low = middle;
    else high = middle;
  }
  for (const child of set.children) settle(child, heldAt(child, high), levelMost, shares);
}

/**
 * Floor and ceiling of computed shares. A share is a fraction whose denominator is at most the sum of
 * weights (256,000): one that is nearer than this to a whole number is that number.
 */
const wholeWithin = 1e-6;

function boundsAround(shares: Float64Array): LoadBounds {
  const least = new Int32Array(shares.length);
  const most = new Int32Array(shares.length);
  for (const [node, share] of shares.entries()) {
    const nearest = Math.round(share);
    const whole = Math.abs(share - nearest) < wholeWithin;
    least[node] = whole ? nearest : Math.floor(share);
    most[node] = whole ? nearest : Math.ceil(share);
  }
  return { least, most, plain: false };
}
