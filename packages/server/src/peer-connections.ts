/**
 * How gossiper and anti-entropy greet their like on other nodes: the keeper's options from what the
 * node knows of itself and its ring.
 */
import type { Prng } from '@clockwise/kernel/prng';
import type { Limits } from '@clockwise/kernel/limits';
import type { KeeperOptions } from '@clockwise/protocol/connection-keeper';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import type { NodeData } from './node-data.ts';

export interface PeerConnections {
  readonly data: Pick<NodeData, 'ring' | 'bootId'>;
  readonly endpoint: 'gossiper' | 'control';
  readonly addresses: readonly string[];
  readonly limits: Limits;
  readonly prng: Prng;
}

export function peerConnections(options: PeerConnections): Omit<KeeperOptions, 'timer'> {
  const { data, endpoint, addresses, limits, prng } = options;
  const { ring, bootId } = data;
  const { nodeId } = ring.nodes[ring.ownNode]!;
  const nodeIds = ring.nodes.map((node) => node.nodeId);
  return {
    self: {
      endpoint,
      protocolVersionMin: PROTOCOL_VERSION,
      protocolVersionMax: PROTOCOL_VERSION,
      clusterId: ring.clusterId,
      nodeId,
      session: bootId,
      epoch: ring.epoch,
      ringHash: ring.ringHash,
      members: nodeIds,
    },
    // Buckets and addresses are for clients, who connect elsewhere.
    welcome: {
      kind: 'welcome',
      protocolVersion: PROTOCOL_VERSION,
      clusterId: ring.clusterId,
      nodeId,
      bootId,
      epoch: ring.epoch,
      ringHash: ring.ringHash,
      featureBits: 0,
      partitionCount: 1 << ring.partitionBits,
      keyBytesMax: limits.keyBytesMax,
      valueBytesMax: limits.valueBytesMax,
      contextEntriesMax: limits.contextEntriesMax,
      frameBytesMax: limits.frameBytesMax,
      frameOperationsMax: limits.frameOperationsMax,
      inFlightMax: limits.requestsInFlightMax,
      buckets: [],
      addresses: [],
    },
    addresses,
    nodeIds,
    ownNode: ring.ownNode,
    limits,
    prng: prng.stream(endpoint),
  };
}
