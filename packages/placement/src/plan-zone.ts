/**
 * Places the copies of one zone: all nodes, or those of one data centre where copies are counted per
 * data centre.
 *
 *   keep     every copy of the previous assignment that the rule and the bounds allow
 *   walk     fill lists clockwise: bounded loads, unused data centres and racks first
 *   repair   let the cheapest flow move what the walk's last partitions could not place
 *
 * Keeping comes first and is made as large as it can be, so that the walk may add freely: at every
 * point the lists move the fewest copies for their total length, which is what the flow needs to end
 * with the fewest of all.
 *
 * Invariants
 *  Z1 every list is full and obeys the spread rule.
 *  Z2 every load is within the bounds.
 *  Z3 no assignment with Z1 and Z2 moves fewer copies.
 */
import { assert } from '@clockwise/kernel/assert';
import { PlacementFlow } from './placement-flow.ts';
import type { PlacementTable } from './placement-table.ts';
import { RowSpread } from './row-spread.ts';
import type { LoadBounds } from './shares.ts';
import type { SpreadRule } from './spread.ts';

export interface ZoneInput {
  readonly rule: SpreadRule;
  readonly bounds: LoadBounds;
  readonly partitionCount: number;
  /** 1 at partition x nodeCount + node where the node holds the partition already. */
  readonly previous: Uint8Array;
  /** For each partition the zone's nodes as they are met clockwise. */
  readonly walk: PlacementTable;
}

/** Returns 1 at partition x nodeCount + node for each copy. */
export function planZone(input: ZoneInput): Uint8Array {
  const { rule, partitionCount } = input;
  const flow = new PlacementFlow(input);
  const draft = new Draft(input);
  draft.keepPrevious();
  draft.forEachHeld((partition, node) => flow.assign(partition, node));
  flow.augment(0);
  draft.takeFrom(flow);
  draft.fillClockwise((partition, node) => flow.assign(partition, node));
  flow.augment(Infinity);
  draft.takeFrom(flow);
  assert(draft.copyCount === partitionCount * rule.copies, 'Z1 every list is full');
  return draft.held;
}

type Placed = (partition: number, node: number) => void;

/** The lists while they grow, and the loads that they make. */
class Draft {
  readonly held: Uint8Array;
  readonly #input: ZoneInput;
  readonly #loads: Int32Array;
  readonly #row: RowSpread;
  readonly #aboveLeastMost: number;
  #aboveLeast = 0;
  #copyCount = 0;

  constructor(input: ZoneInput) {
    const { rule, bounds, partitionCount } = input;
    this.#input = input;
    this.held = new Uint8Array(partitionCount * rule.nodeCount);
    this.#loads = new Int32Array(rule.nodeCount);
    this.#row = new RowSpread(rule);
    const leastSum = bounds.least.reduce((sum, least) => sum + least, 0);
    this.#aboveLeastMost = partitionCount * rule.copies - leastSum;
  }

  get copyCount(): number {
    return this.#copyCount;
  }

  forEachHeld(visit: Placed): void {
    const { nodeCount } = this.#input.rule;
    for (let at = 0; at < this.held.length; at += 1) {
      if (this.held[at] === 1) visit(Math.floor(at / nodeCount), at % nodeCount);
    }
  }

  takeFrom(flow: PlacementFlow): void {
    const { rule, partitionCount } = this.#input;
    this.held.fill(0);
    this.#loads.fill(0);
    this.#aboveLeast = 0;
    this.#copyCount = 0;
    for (let partition = 0; partition < partitionCount; partition += 1) {
      for (let node = 0; node < rule.nodeCount; node += 1) {
        if (flow.holds(partition, node)) this.#hold(partition, node);
      }
    }
  }

  /** Keeps the previous copies that can be kept; of those above a node's bound, it spreads the loss. */
  keepPrevious(): void {
    const { rule, partitionCount, previous } = this.#input;
    const kept = new Uint8Array(previous.length);
    const keptLoads = new Int32Array(rule.nodeCount);
    const rowSizes = new Int32Array(partitionCount);
    for (let partition = 0; partition < partitionCount; partition += 1) {
      this.#row.clear();
      for (let node = 0; node < rule.nodeCount; node += 1) {
        const at = partition * rule.nodeCount + node;
        if (previous[at] === 0 || !this.#row.completes(node)) continue;
        this.#row.add(node);
        kept[at] = 1;
        keptLoads[node]! += 1;
      }
      rowSizes[partition] = this.#row.size;
    }
    const excess = this.#excessOf(keptLoads);
    this.#dropExcess(kept, excess, rowSizes);
    for (let at = 0; at < kept.length; at += 1) {
      if (kept[at] === 1) this.#hold(Math.floor(at / rule.nodeCount), at % rule.nodeCount);
    }
  }

  /** Walks clockwise from each partition; what no node may take yet is left to the repair. */
  fillClockwise(placed: Placed): void {
    const { partitionCount } = this.#input;
    for (let partition = 0; partition < partitionCount; partition += 1) {
      this.#readRow(partition);
      while (!this.#row.isFull && this.#turn(partition, placed));
    }
  }

  /** One turn of the ring; whether it placed anything. */
  #turn(partition: number, placed: Placed): boolean {
    const { walk, rule } = this.#input;
    const sizeBefore = this.#row.size;
    for (let step = 0; step < rule.nodeCount; step += 1) {
      const node = walk.table[partition * walk.stride + step]!;
      if (!this.#row.followsWalk(node) || !this.#hasRoom(node)) continue;
      this.#row.add(node);
      this.#hold(partition, node);
      placed(partition, node);
    }
    return this.#row.size > sizeBefore;
  }

  /** How many copies each node must give up so that the kept ones fit the bounds. */
  #excessOf(loads: Int32Array): Int32Array {
    const { rule, bounds } = this.#input;
    const excess = new Int32Array(rule.nodeCount);
    let aboveLeast = 0;
    for (let node = 0; node < rule.nodeCount; node += 1) {
      excess[node] = Math.max(0, loads[node]! - bounds.most[node]!);
      aboveLeast += Math.max(0, loads[node]! - excess[node]! - bounds.least[node]!);
    }
    for (let node = 0; node < rule.nodeCount && aboveLeast > this.#aboveLeastMost; node += 1) {
      if (loads[node]! - excess[node]! <= bounds.least[node]!) continue;
      excess[node]! += 1;
      aboveLeast -= 1;
    }
    assert(aboveLeast <= this.#aboveLeastMost, 'B1 one copy less brings a node to its least load');
    return excess;
  }

  /** Takes the excess from partitions all over the ring, first from those that still lack nothing. */
  #dropExcess(kept: Uint8Array, excess: Int32Array, rowSizes: Int32Array): void {
    const { rule, partitionCount } = this.#input;
    for (let lackMost = 1; lackMost <= rule.copies; lackMost += 1) {
      for (let turn = 0; turn < partitionCount; turn += 1) {
        const partition = reversedBits(turn, partitionCount);
        for (let node = 0; node < rule.nodeCount; node += 1) {
          const at = partition * rule.nodeCount + node;
          if (rowSizes[partition]! <= rule.copies - lackMost) break;
          if (excess[node] === 0 || kept[at] === 0) continue;
          kept[at] = 0;
          excess[node]! -= 1;
          rowSizes[partition]! -= 1;
        }
      }
    }
    assert(
      excess.every((left) => left === 0),
      'a node with excess copies has as many to give up',
    );
  }

  #readRow(partition: number): void {
    const { nodeCount } = this.#input.rule;
    this.#row.clear();
    for (let node = 0; node < nodeCount; node += 1) {
      if (this.held[partition * nodeCount + node] === 1) this.#row.add(node);
    }
  }

  #hasRoom(node: number): boolean {
    const { bounds } = this.#input;
    if (this.#loads[node]! < bounds.least[node]!) return true;
    const pooled = this.#aboveLeast < this.#aboveLeastMost;
    return pooled && this.#loads[node]! < bounds.most[node]!;
  }

  #hold(partition: number, node: number): void {
    const { rule, bounds } = this.#input;
    if (this.#loads[node]! >= bounds.least[node]!) this.#aboveLeast += 1;
    this.#loads[node]! += 1;
    this.#copyCount += 1;
    this.held[partition * rule.nodeCount + node] = 1;
    assert(this.#loads[node]! <= bounds.most[node]!, 'Z2 every load is within the bounds');
  }
}

/** Visits 0 to count - 1 so that every prefix is spread evenly: the bits of the index reversed. */
function reversedBits(index: number, count: number): number {
  let reversed = 0;
  for (let bit = 1; bit < count; bit *= 2) reversed = reversed * 2 + (index & bit ? 1 : 0);
  return reversed;
}
