/** Control messages as tests and the loopback server send them: one small cluster, described once. */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import type { Welcome } from '@clockwise/protocol/control-messages';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import type { Self } from '@clockwise/protocol/handshake';

export function welcomeOf(clusterId: string, changes: Partial<Welcome> = {}): Welcome {
  return {
    kind: 'welcome',
    protocolVersion: PROTOCOL_VERSION,
    clusterId,
    nodeId: 'n1',
    bootId: { high: 1, low: 2 },
    epoch: 1,
    ringHash: 'ring',
    featureBits: 0,
    partitionCount: 8,
    keyBytesMax: DEFAULT_LIMITS.keyBytesMax,
    valueBytesMax: DEFAULT_LIMITS.valueBytesMax,
    contextEntriesMax: DEFAULT_LIMITS.contextEntriesMax,
    frameBytesMax: DEFAULT_LIMITS.frameBytesMax,
    frameOperationsMax: DEFAULT_LIMITS.frameOperationsMax,
    inFlightMax: DEFAULT_LIMITS.requestsInFlightMax,
    buckets: [
      {
        id: 1,
        name: 'default',
        mode: 'eventual',
        conflictPolicy: 'siblings',
        durability: 'sync',
        replicas: 3,
        readLevel: 2,
        writeLevel: 2,
        contextRequired: false,
      },
    ],
    addresses: [],
    ...changes,
  };
}

export function selfOf(clusterId: string): Self {
  return {
    endpoint: 'client',
    protocolVersionMin: PROTOCOL_VERSION,
    protocolVersionMax: PROTOCOL_VERSION,
    clusterId,
    nodeId: '',
    session: { high: 7, low: 7 },
    epoch: 0,
    ringHash: '',
    members: [],
  };
}
