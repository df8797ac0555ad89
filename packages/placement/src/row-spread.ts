/**
 * The data centres, racks and groups that one replica list uses while it is being built.
 *
 * `completes` asks whether a list with this node can still become one that obeys the spread rule.
 * `followsWalk` is the stricter rule of the clockwise walk: a used data centre is skipped while another
 * is left, then a used rack while another is left.
 *
 * Invariants
 *  R1 a node that follows the walk completes the list, whatever the list holds already.
 */
import type { SpreadRule } from './spread.ts';

export class RowSpread {
  readonly #rule: SpreadRule;
  readonly #dataCentres: Int32Array;
  readonly #racks: Int32Array;
  readonly #groups: Int32Array;
  readonly #subgroups: Int32Array;
  readonly #nodes: Uint8Array;
  #dataCentresUsed = 0;
  #racksUsed = 0;
  #poolUsed = 0;
  #size = 0;

  constructor(rule: SpreadRule) {
    this.#rule = rule;
    this.#dataCentres = new Int32Array(rule.dataCentreCount);
    this.#racks = new Int32Array(rule.rackCount);
    this.#groups = new Int32Array(rule.groupCount);
    this.#subgroups = new Int32Array(rule.subgroupCount);
    this.#nodes = new Uint8Array(rule.nodeCount);
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.#rule.copies;
  }

  clear(): void {
    this.#dataCentres.fill(0);
    this.#racks.fill(0);
    this.#groups.fill(0);
    this.#subgroups.fill(0);
    this.#nodes.fill(0);
    this.#dataCentresUsed = 0;
    this.#racksUsed = 0;
    this.#poolUsed = 0;
    this.#size = 0;
  }

  add(node: number): void {
    const rule = this.#rule;
    if (this.#dataCentres[rule.dataCentreOf[node]!] === 0) this.#dataCentresUsed += 1;
    if (this.#racks[rule.rackOf[node]!] === 0) this.#racksUsed += 1;
    if (this.#groups[rule.groupOf[node]!]! > 0) this.#poolUsed += 1;
    this.#dataCentres[rule.dataCentreOf[node]!]! += 1;
    this.#racks[rule.rackOf[node]!]! += 1;
    this.#groups[rule.groupOf[node]!]! += 1;
    this.#subgroups[rule.subgroupOf[node]!]! += 1;
    this.#nodes[node] = 1;
    this.#size += 1;
  }

  completes(node: number): boolean {
    const rule = this.#rule;
    if (this.isFull || this.#nodes[node] === 1) return false;
    if (this.#subgroups[rule.subgroupOf[node]!]! >= rule.subgroupMost) return false;
    return this.#groups[rule.groupOf[node]!] === 0 || this.#poolUsed < rule.poolMost;
  }

  followsWalk(node: number): boolean {
    const rule = this.#rule;
    if (this.isFull || this.#nodes[node] === 1) return false;
    const dataCentreLeft = this.#dataCentresUsed < rule.dataCentreCount;
    if (dataCentreLeft && this.#dataCentres[rule.dataCentreOf[node]!]! > 0) return false;
    const rackLeft = this.#racksUsed < rule.rackCount;
    return !rackLeft || this.#racks[rule.rackOf[node]!] === 0;
  }
}
