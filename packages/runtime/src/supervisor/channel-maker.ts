/**
 * ChannelMaker: the rings between coordinators and shards. A pair has three: requests, replies
 * `now`, replies `durable`. When one end is replaced, all three are.
 *
 * Invariants:
 *   CH1 a ring serves one pair of lives; the next pair gets a new one of a higher generation
 *   CH2 a log writer knows of a durable ring before the replica can name it
 */
import { assert } from '@clockwise/kernel/assert';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { closeRing, createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle, RingOptions } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RuntimeLimits } from '../runtime-limits.ts';
import type { ToThread } from '../thread-messages.ts';

export interface CoordinatorEnd {
  readonly coordinator: number;
  readonly actor: string;
  readonly doorbell: DoorbellHandle;
  readonly post: (message: ToThread) => void;
}

export interface ShardEnd {
  readonly shard: number;
  readonly actor: string;
  readonly doorbell: DoorbellHandle;
  readonly chunks: readonly SharedArrayBuffer[];
  readonly post: (message: ToThread) => void;
  /** Tells the log writer which ring it publishes for this coordinator. */
  readonly nameLane: (coordinator: number, ring: RingHandle) => void;
}

interface Channel {
  readonly coordinator: CoordinatorEnd;
  readonly shard: ShardEnd;
  readonly requests: RingHandle;
  readonly replies: readonly [RingHandle, RingHandle];
}

export class ChannelMaker {
  readonly #limits: RuntimeLimits;
  readonly #coordinators = new Map<number, CoordinatorEnd>();
  readonly #shards = new Map<number, ShardEnd>();
  #channels: Channel[] = [];
  #generation = 0;

  constructor(limits: RuntimeLimits) {
    this.#limits = limits;
  }

  coordinatorUp(end: CoordinatorEnd): void {
    assert(!this.#coordinators.has(end.coordinator), 'the life before has gone down');
    this.#coordinators.set(end.coordinator, end);
    for (const shard of this.#shards.values()) this.#connect(end, shard);
  }

  shardUp(end: ShardEnd): void {
    assert(!this.#shards.has(end.shard), 'the life before has gone down');
    this.#shards.set(end.shard, end);
    for (const coordinator of this.#coordinators.values()) this.#connect(coordinator, end);
  }

  coordinatorDown(index: number): void {
    this.#coordinators.delete(index);
    this.#disconnect((channel) => channel.coordinator.coordinator === index);
  }

  shardDown(index: number): void {
    this.#shards.delete(index);
    this.#disconnect((channel) => channel.shard.shard === index);
  }

  #connect(coordinator: CoordinatorEnd, shard: ShardEnd): void {
    this.#generation += 1;
    const { requestRingWords, replyRingWords } = this.#limits;
    const generation = this.#generation;
    const reply: RingOptions = {
      capacityWords: replyRingWords,
      generation,
      doorbell: coordinator.doorbell,
      producerDoorbell: shard.doorbell,
    };
    const requests = createRing({
      capacityWords: requestRingWords,
      generation,
      doorbell: shard.doorbell,
      producerDoorbell: coordinator.doorbell,
    });
    const now = createRing(reply);
    const durable = createRing({ ...reply, publishedBy: 'publisher' });
    this.#channels.push({ coordinator, shard, requests, replies: [now, durable] });
    shard.nameLane(coordinator.coordinator, durable);
    shard.post({
      kind: 'attach',
      actor: shard.actor,
      ends: {
        target: coordinator.coordinator,
        sends: [now, durable],
        receives: [requests],
        chunks: [],
      },
    });
    coordinator.post({
      kind: 'attach',
      actor: coordinator.actor,
      ends: {
        target: shard.shard,
        sends: [requests],
        receives: [now, durable],
        chunks: shard.chunks,
      },
    });
  }

  /** Both ends are told: posting to the one that is gone does nothing. */
  #disconnect(isGone: (channel: Channel) => boolean): void {
    const kept: Channel[] = [];
    for (const channel of this.#channels) {
      if (!isGone(channel)) {
        kept.push(channel);
        continue;
      }
      const { coordinator, shard, requests, replies } = channel;
      for (const ring of [requests, ...replies]) {
        closeRing(ring, 'producer');
        closeRing(ring, 'consumer');
      }
      coordinator.post({ kind: 'detach', actor: coordinator.actor, target: shard.shard });
      shard.post({ kind: 'detach', actor: shard.actor, target: coordinator.coordinator });
    }
    this.#channels = kept;
  }
}
