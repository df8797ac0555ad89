/**
 * Cheapest flow in a network with whole capacities and small whole costs.
 *
 * The caller may push a first flow by hand (it must be a cheapest one for its size); `augment` then
 * sends more from source to sink, cheapest paths first, many at a time: distances by cost and then by
 * hops make the edges of cheapest paths acyclic, and a blocking flow fills them all. Everything is
 * iterative and visits edges in the order in which they were added, so equal inputs give equal flows.
 *
 * Invariants
 *  M1 the flow is a cheapest one for its size after every `augment`.
 *  M2 equal calls give equal flows.
 */
import { assert } from '@clockwise/kernel/assert';

export interface AugmentRequest {
  readonly source: number;
  readonly sink: number;
  /** Paths that cost more are left alone. */
  readonly costMost: number;
}

/** More hops than any path has: distances are cost x this + hops. */
const hopScale = 2 ** 26;

export class MinCostFlow {
  readonly #vertexCount: number;
  readonly #firstEdge: Int32Array;
  readonly #lastEdge: Int32Array;
  readonly #nextEdge: Int32Array;
  readonly #target: Int32Array;
  readonly #residual: Int32Array;
  readonly #cost: Int8Array;
  readonly #distance: Float64Array;
  readonly #cursor: Int32Array;
  #edgeEnd = 0;

  constructor(size: { readonly vertexCount: number; readonly edgesMost: number }) {
    assert(size.vertexCount < hopScale, 'a path has fewer hops than the scale of costs');
    this.#vertexCount = size.vertexCount;
    this.#firstEdge = new Int32Array(size.vertexCount).fill(-1);
    this.#lastEdge = new Int32Array(size.vertexCount).fill(-1);
    this.#nextEdge = new Int32Array(size.edgesMost * 2).fill(-1);
    this.#target = new Int32Array(size.edgesMost * 2);
    this.#residual = new Int32Array(size.edgesMost * 2);
    this.#cost = new Int8Array(size.edgesMost * 2);
    this.#distance = new Float64Array(size.vertexCount);
    this.#cursor = new Int32Array(size.vertexCount);
  }

  /** Adds an edge; edges are numbered 0, 1, 2 in the order of these calls. */
  addEdge(from: number, to: number, capacity: number, cost: number): void {
    assert(this.#edgeEnd < this.#target.length, 'no more edges than announced');
    this.#link(from, to, capacity, cost);
    this.#link(to, from, 0, -cost);
  }

  /** What can still be sent along an edge. */
  roomOn(edge: number): number {
    return this.#residual[edge * 2]!;
  }

  /** What is sent along an edge. */
  flowOn(edge: number): number {
    return this.#residual[edge * 2 + 1]!;
  }

  /** Sends one unit along one edge; the caller keeps what enters and leaves a vertex equal. */
  push(edge: number): void {
    assert(this.roomOn(edge) > 0, 'an edge carries no more than its capacity');
    this.#residual[edge * 2]! -= 1;
    this.#residual[edge * 2 + 1]! += 1;
  }

  /** Sends all that can be sent along paths that cost at most `costMost`; returns how much. */
  augment(request: AugmentRequest): number {
    let sent = 0;
    for (;;) {
      this.#measureDistances(request.source);
      const distance = this.#distance[request.sink]!;
      if (distance === Infinity || Math.floor(distance / hopScale) > request.costMost) return sent;
      const blocked = this.#sendBlockingFlow(request);
      assert(blocked > 0, 'a sink within reach receives something');
      sent += blocked;
    }
  }

  #link(from: number, to: number, capacity: number, cost: number): void {
    const edge = this.#edgeEnd;
    this.#edgeEnd += 1;
    this.#target[edge] = to;
    this.#residual[edge] = capacity;
    this.#cost[edge] = cost;
    const last = this.#lastEdge[from]!;
    if (last === -1) this.#firstEdge[from] = edge;
    else this.#nextEdge[last] = edge;
    this.#lastEdge[from] = edge;
  }

  /** Bellman and Ford with a queue: costs may be negative, cycles of negative cost do not exist (M1). */
  #measureDistances(source: number): void {
    const distance = this.#distance.fill(Infinity);
    const queued = new Uint8Array(this.#vertexCount);
    const queue = new Int32Array(this.#vertexCount);
    let read = 0;
    let waiting = 1;
    distance[source] = 0;
    queue[0] = source;
    while (waiting > 0) {
      const from = queue[read]!;
      read = (read + 1) % this.#vertexCount;
      waiting -= 1;
      queued[from] = 0;
      for (let edge = this.#firstEdge[from]!; edge !== -1; edge = this.#nextEdge[edge]!) {
        if (this.#residual[edge] === 0) continue;
        const to = this.#target[edge]!;
        const through = distance[from]! + this.#cost[edge]! * hopScale + 1;
        if (through >= distance[to]!) continue;
        distance[to] = through;
        if (queued[to] === 1) continue;
        queued[to] = 1;
        queue[(read + waiting) % this.#vertexCount] = to;
        waiting += 1;
      }
    }
  }

  /** Walks edges of cheapest paths depth first, sends at the sink, and steps back from dead ends. */
  #sendBlockingFlow(request: AugmentRequest): number {
    this.#cursor.set(this.#firstEdge);
    const path: number[] = [];
    let vertex = request.source;
    let sent = 0;
    for (;;) {
      if (vertex === request.sink) {
        sent += this.#sendAlong(path);
        vertex = this.#retreatToRoom(path, request.source);
        continue;
      }
      const edge = this.#nextCheapest(vertex);
      if (edge !== -1) {
        path.push(edge);
        vertex = this.#target[edge]!;
        continue;
      }
      const entered = path.pop();
      if (entered === undefined) return sent;
      vertex = this.#target[entered ^ 1]!;
      this.#cursor[vertex] = this.#nextEdge[this.#cursor[vertex]!]!;
    }
  }

  /** The edge at the vertex's cursor, moved on to one that lies on a cheapest path, or -1. */
  #nextCheapest(vertex: number): number {
    let edge = this.#cursor[vertex]!;
    const distance = this.#distance[vertex]!;
    while (edge !== -1) {
      const step = this.#cost[edge]! * hopScale + 1;
      const cheapest = this.#distance[this.#target[edge]!] === distance + step;
      if (cheapest && this.#residual[edge]! > 0) break;
      edge = this.#nextEdge[edge]!;
    }
    this.#cursor[vertex] = edge;
    return edge;
  }

  #sendAlong(path: readonly number[]): number {
    let amount = Infinity;
    for (const edge of path) amount = Math.min(amount, this.#residual[edge]!);
    for (const edge of path) {
      this.#residual[edge]! -= amount;
      this.#residual[edge ^ 1]! += amount;
    }
    return amount;
  }

  /** Steps back behind the first edge that is full now; returns the vertex to go on from. */
  #retreatToRoom(path: number[], source: number): number {
    const full = path.findIndex((edge) => this.#residual[edge] === 0);
    assert(full !== -1, 'sending fills at least one edge');
    path.length = full;
    const last = path.at(-1);
    return last === undefined ? source : this.#target[last]!;
  }
}
