/** What a coordinator says of itself and its cluster to whoever greets it. */
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import { clientContextEntriesMax } from '@clockwise/protocol/validate-request';
import type { Welcome } from '@clockwise/protocol/control-messages';
import type { CoordinatorOptions } from '../coordinator-context.ts';

const DURABILITY_NAMES = ['sync', 'interval', 'none'] as const;

export function welcomeOf(options: CoordinatorOptions): Welcome {
  const { ring, limits } = options;
  return {
    kind: 'welcome',
    protocolVersion: PROTOCOL_VERSION,
    clusterId: ring.clusterId,
    nodeId: ring.nodes[ring.ownNode]!.nodeId,
    bootId: options.bootId,
    epoch: ring.epoch,
    ringHash: ring.ringHash,
    featureBits: 0,
    partitionCount: 1 << ring.partitionBits,
    keyBytesMax: limits.keyBytesMax,
    valueBytesMax: limits.valueBytesMax,
    contextEntriesMax: clientContextEntriesMax(limits),
    frameBytesMax: limits.frameBytesMax,
    frameOperationsMax: limits.frameOperationsMax,
    inFlightMax: limits.requestsInFlightMax,
    buckets: [...ring.buckets.values()].map((bucket) => ({
      id: bucket.id,
      name: bucket.name,
      mode: 'eventual',
      conflictPolicy: bucket.lww ? 'lww' : 'siblings',
      durability: DURABILITY_NAMES[bucket.durability]!,
      replicas: ring.tables[bucket.replicationClass]!.stride,
      readLevel: bucket.readLevel,
      writeLevel: bucket.writeLevel,
      contextRequired: bucket.requireContext,
    })),
    addresses: ring.nodes.map((node) => ({
      nodeId: node.nodeId,
      address: node.address,
      dataCentre: node.dataCentre,
      rack: node.rack,
    })),
  };
}
