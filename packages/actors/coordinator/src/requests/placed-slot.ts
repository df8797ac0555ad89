/**
 * A coordinator's context with one slot in it, for tests of what is decided by positions alone: node 0
 * of a ring whose partitions all have one list and one walk. Nothing in a running node imports it.
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { ConnectionKeeper } from '@clockwise/protocol/connection-keeper';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import { CoordinatorContext } from '../coordinator-context.ts';
import { ringOf } from '../coordinator-world.ts';
import { SLOT_STATE } from './request-slots.ts';
import { welcomeOf } from './welcome-of.ts';

export interface SlotShape {
  readonly replicas: readonly number[];
  readonly walk: readonly number[];
  readonly dataCentres: readonly string[];
  /** By node; of node 0, the own one: whether its shard is up. */
  readonly linked: readonly boolean[];
  readonly suspected: readonly boolean[];
}

export interface PlacedSlot {
  readonly context: CoordinatorContext;
  readonly slot: number;
}

/** A slot of partition 0 at node 0, whose peers are linked and suspected as the shape says. */
export function placedSlot(shape: SlotShape): PlacedSlot {
  const ring = ringOf({
    nodeCount: shape.walk.length,
    replicas: shape.replicas,
    walk: shape.walk,
    dataCentres: shape.dataCentres,
  });
  const limits = { ...DEFAULT_LIMITS, requestsInFlightMax: 1 };
  const prng = new Prng('placed');
  const bootId = { low: 1, high: 1 };
  const options = { ring, limits, prng, shards: [{ chunks: [] }], bootId };
  const keeper = new ConnectionKeeper({
    self: {
      endpoint: 'coordinator',
      protocolVersionMin: PROTOCOL_VERSION,
      protocolVersionMax: PROTOCOL_VERSION,
      clusterId: ring.clusterId,
      nodeId: ring.nodes[ring.ownNode]!.nodeId,
      session: bootId,
      epoch: ring.epoch,
      ringHash: ring.ringHash,
      members: ring.nodes.map((node) => node.nodeId),
    },
    welcome: welcomeOf(options),
    addresses: ring.nodes.map((node) => node.address),
    nodeIds: ring.nodes.map((node) => node.nodeId),
    ownNode: ring.ownNode,
    limits,
    prng,
    timer: 2,
  });
  const context = new CoordinatorContext(options, keeper);
  shape.linked.forEach((isLinked, node) => {
    context.linkOfNode[node] = isLinked && node > 0 ? node : -1;
    context.suspected[node] = shape.suspected[node] === true ? 1 : 0;
  });
  context.shardIsUp[0] = shape.linked[0] === true ? 1 : 0;
  return { context, slot: context.slots.take(SLOT_STATE.put, 10) };
}
