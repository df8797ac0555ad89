/**
 * Replica lists as a flow: the network whose full flows are exactly the assignments that keep the
 * spread (spread.ts) and the load bounds (shares.ts), and whose cost is the number of copies that move.
 *
 *             (1 each)            (subgroupMost)   (1, costs 1 if new)
 *   source -> partition -> group -> subgroup ------> node -> sink         (least)
 *      (k)        \-> pool -^                          \-> load pool -> sink
 *            (poolMost)                        (most - least)   (what the least loads leave over)
 *
 * Least amounts (a copy in each group, `least` on each node) need no bounds from below: a full flow
 * fills the direct edges, for the pools are too small to take their part.
 *
 * Invariants
 *  F1 a full flow is an assignment that obeys the rule and the bounds.
 *  F2 among those it moves the fewest copies.
 */
import { assert } from '@clockwise/kernel/assert';
import { MinCostFlow } from './min-cost-flow.ts';
import type { LoadBounds } from './shares.ts';
import type { SpreadRule } from './spread.ts';

export interface PlacementFlowInput {
  readonly rule: SpreadRule;
  readonly bounds: LoadBounds;
  readonly partitionCount: number;
  /** 1 at partition x nodeCount + node where the node holds the partition already. */
  readonly previous: Uint8Array;
}

const sourceVertex = 0;
const sinkVertex = 1;
const loadPoolVertex = 2;
const firstNodeVertex = 3;

export class PlacementFlow {
  readonly #input: PlacementFlowInput;
  readonly #flow: MinCostFlow;
  readonly #edgesPerPartition: number;
  readonly #firstLoadEdge: number;

  constructor(input: PlacementFlowInput) {
    const { rule, partitionCount } = input;
    this.#input = input;
    this.#edgesPerPartition = 2 + 2 * rule.groupCount + rule.subgroupCount + rule.nodeCount;
    this.#firstLoadEdge = this.#edgesPerPartition * partitionCount;
    this.#flow = new MinCostFlow({
      vertexCount:
        firstNodeVertex +
        rule.nodeCount +
        partitionCount * (2 + rule.groupCount + rule.subgroupCount),
      edgesMost: this.#firstLoadEdge + 2 * rule.nodeCount + 1,
    });
    for (let partition = 0; partition < partitionCount; partition += 1) {
      this.#addPartition(partition);
    }
    this.#addLoads();
  }

  /** Puts a node on a partition's list. REQUIRES: the rule and the bounds leave room for it. */
  assign(partition: number, node: number): void {
    const { rule } = this.#input;
    const first = partition * this.#edgesPerPartition;
    const group = rule.groupOf[node]!;
    const subgroup = rule.subgroupOf[node]!;
    const direct = first + 2 + group;
    this.#flow.push(first);
    if (this.#flow.roomOn(direct) > 0) this.#flow.push(direct);
    else {
      this.#flow.push(first + 1);
      this.#flow.push(direct + rule.groupCount);
    }
    this.#flow.push(first + 2 + 2 * rule.groupCount + subgroup);
    this.#flow.push(this.#nodeEdge(partition, node));
    const load = this.#firstLoadEdge + node;
    if (this.#flow.roomOn(load) > 0) this.#flow.push(load);
    else {
      this.#flow.push(load + rule.nodeCount);
      this.#flow.push(this.#firstLoadEdge + 2 * rule.nodeCount);
    }
  }

  /** Lengthens lists along paths that move at most `costMost` copies; returns by how much. */
  augment(costMost: number): number {
    return this.#flow.augment({ source: sourceVertex, sink: sinkVertex, costMost });
  }

  /** Whether a node is on a partition's list. */
  holds(partition: number, node: number): boolean {
    return this.#flow.flowOn(this.#nodeEdge(partition, node)) === 1;
  }

  #nodeEdge(partition: number, node: number): number {
    const { rule } = this.#input;
    const before = partition * this.#edgesPerPartition;
    return before + 2 + 2 * rule.groupCount + rule.subgroupCount + node;
  }

  #addPartition(partition: number): void {
    const { rule, partitionCount, previous } = this.#input;
    assert(partition < partitionCount, 'a partition is one of Q');
    const { groupCount, subgroupCount, nodeCount } = rule;
    const self = firstNodeVertex + nodeCount + partition * (2 + groupCount + subgroupCount);
    const pool = self + 1;
    const firstGroup = pool + 1;
    const firstSubgroup = firstGroup + groupCount;
    this.#flow.addEdge(sourceVertex, self, rule.copies, 0);
    this.#flow.addEdge(self, pool, rule.poolMost, 0);
    for (let group = 0; group < groupCount; group += 1) {
      this.#flow.addEdge(self, firstGroup + group, 1, 0);
    }
    for (let group = 0; group < groupCount; group += 1) {
      this.#flow.addEdge(pool, firstGroup + group, rule.poolMost, 0);
    }
    const groupOfSubgroup = new Int32Array(subgroupCount);
    for (let node = 0; node < nodeCount; node += 1) {
      groupOfSubgroup[rule.subgroupOf[node]!] = rule.groupOf[node]!;
    }
    for (let subgroup = 0; subgroup < subgroupCount; subgroup += 1) {
      const group = firstGroup + groupOfSubgroup[subgroup]!;
      this.#flow.addEdge(group, firstSubgroup + subgroup, rule.subgroupMost, 0);
    }
    for (let node = 0; node < nodeCount; node += 1) {
      const cost = previous[partition * nodeCount + node] === 1 ? 0 : 1;
      this.#flow.addEdge(firstSubgroup + rule.subgroupOf[node]!, firstNodeVertex + node, 1, cost);
    }
  }

  #addLoads(): void {
    const { rule, bounds, partitionCount } = this.#input;
    for (let node = 0; node < rule.nodeCount; node += 1) {
      this.#flow.addEdge(firstNodeVertex + node, sinkVertex, bounds.least[node]!, 0);
    }
    for (let node = 0; node < rule.nodeCount; node += 1) {
      const above = bounds.most[node]! - bounds.least[node]!;
      this.#flow.addEdge(firstNodeVertex + node, loadPoolVertex, above, 0);
    }
    const leastSum = bounds.least.reduce((sum, least) => sum + least, 0);
    const leftOver = partitionCount * rule.copies - leastSum;
    assert(leftOver >= 0, 'B2 the least loads leave nothing or something over');
    this.#flow.addEdge(loadPoolVertex, sinkVertex, leftOver, 0);
  }
}
