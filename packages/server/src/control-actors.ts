/**
 * The small actors, each made from the node's data: alone in a thread or several in one.
 */
import { AntiEntropyCore } from '@clockwise/anti-entropy/anti-entropy-core';
import { CompactorCore } from '@clockwise/compactor/compactor-core';
import { GossiperCore } from '@clockwise/gossiper/gossiper-core';
import { unreachable } from '@clockwise/kernel/assert';
import { RingManagerCore } from '@clockwise/ring-manager/ring-manager-core';
import type { Hosting } from '@clockwise/runtime/shell/shell-types';
import type { ActorContext, CoreContext } from './actor-cores.ts';
import { peerConnections } from './peer-connections.ts';
import { recorderOf } from './record-actor.ts';

export type SmallActor = 'gossiper' | 'ring-manager' | 'compactor' | 'anti-entropy';

/** In heartbeats: without an answer for this long a peer is down, and so is a silent data path. */
const SILENCE = 3.5;
const DATA_PATH = 5;
/** Of the time between comparisons: how long one may take. */
const ANSWER = 0.8;
/** Flushes share the disks with the log: few at once. */
const FLUSHES_AT_ONCE_MAX = 2;

/** The actor as a worker hosts it: with a recording around it, if the node records. */
export function recordedSmallActor(name: SmallActor, context: ActorContext): Hosting {
  const recorded = recorderOf(name, context);
  return recorded(smallActor(name, context));
}

export function smallActor(name: SmallActor, context: CoreContext): Hosting {
  const { data, limits, prng } = context;
  const { ring, pace } = data;
  switch (name) {
    case 'gossiper': {
      const addresses = data.gossiperAddresses;
      const core = new GossiperCore({
        connections: peerConnections({ data, endpoint: 'gossiper', addresses, limits, prng }),
        epoch: ring.epoch,
        bootId: data.bootId,
        listeners: ['coordinator-0', 'main'],
        heartbeatMs: pace.heartbeatMs,
        silenceMs: SILENCE * pace.heartbeatMs,
        dataPathMs: DATA_PATH * pace.heartbeatMs,
      });
      return { name, core };
    }
    case 'ring-manager': {
      const core = new RingManagerCore({ ringBytes: data.ringBytes, epoch: ring.epoch });
      return { name, core };
    }
    case 'compactor': {
      const core = new CompactorCore({
        shardCount: data.shardCount,
        flushesAtOnceMax: FLUSHES_AT_ONCE_MAX,
        runsSlow: limits.runsSlow,
      });
      return { name, core };
    }
    case 'anti-entropy': {
      const addresses = data.controlAddresses;
      const core = new AntiEntropyCore({
        connections: peerConnections({ data, endpoint: 'control', addresses, limits, prng }),
        epoch: ring.epoch,
        placement: ring.tables[0]!,
        shardOfPartition: ring.shardOfPartition,
        roundMs: pace.compareMs,
        answerMs: ANSWER * pace.compareMs,
      });
      return { name, core };
    }
    default:
      return unreachable(name);
  }
}
