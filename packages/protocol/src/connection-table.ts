/**
 * A node's connections on one port, in arrays by connection number. data plane.
 *
 * Invariants:
 *   CN1 no operation is taken from a connection that has not been greeted
 *   CN2 an answer goes to a connection only in the generation that asked
 *   CN3 once a connection is being closed from here, nothing more is taken from it or sent to it
 */

import { assert } from '@clockwise/kernel/assert';

export const CONNECTION_STATE = {
  absent: 0,
  /** Dialled us; has said nothing yet. */
  fresh: 1,
  client: 2,
  /** A peer's link: it asks, we answer. */
  peer: 3,
  /** Our link to a peer, before and after its welcome: we ask, it answers. */
  greeting: 4,
  link: 5,
} as const;

export class ConnectionTable {
  readonly state: Uint8Array;
  readonly generation: Int32Array;
  /** Of links and peers: the other node's index in the ring, else -1. */
  readonly node: Int32Array;
  /** When a fresh or greeting connection is given up. */
  readonly greetBy: Float64Array;
  /** 1 from our hang-up to the end. */
  readonly closing: Uint8Array;
  #count = 0;

  constructor(connectionsMax: number) {
    this.state = new Uint8Array(connectionsMax);
    this.generation = new Int32Array(connectionsMax);
    this.node = new Int32Array(connectionsMax).fill(-1);
    this.greetBy = new Float64Array(connectionsMax).fill(Infinity);
    this.closing = new Uint8Array(connectionsMax);
  }

  get count(): number {
    return this.#count;
  }

  open(connection: number, state: number, greetBy: number): void {
    assert(connection < this.state.length, 'the connection number is below its limit');
    assert(this.state[connection] === CONNECTION_STATE.absent, 'a connection opens once');
    this.state[connection] = state;
    this.generation[connection] = (this.generation[connection]! + 1) & 0x7fff;
    this.node[connection] = -1;
    this.greetBy[connection] = greetBy;
    this.closing[connection] = 0;
    this.#count += 1;
  }

  close(connection: number): void {
    assert(this.state[connection] !== CONNECTION_STATE.absent, 'an open connection closes');
    this.state[connection] = CONNECTION_STATE.absent;
    this.greetBy[connection] = Infinity;
    this.#count -= 1;
  }

  /** [CN3] There, and not being closed. */
  isLive(connection: number): boolean {
    return this.state[connection] !== CONNECTION_STATE.absent && this.closing[connection] === 0;
  }

  isOpen(connection: number, generation: number): boolean {
    return this.isLive(connection) && this.generation[connection] === generation;
  }
}

/** The `route` word of a peer's operation that is passed on to a shard; 0 means this coordinator. */
export function routeOf(connection: number, generation: number): number {
  return (connection + 1) | (generation << 16);
}
export function connectionOfRoute(route: number): number {
  return (route & 0xffff) - 1;
}
export function generationOfRoute(route: number): number {
  return (route >>> 16) & 0x7fff;
}
