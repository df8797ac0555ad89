/**
 * A coordinator in a world of its own, for its tests: node 0 of three (or as many as asked), one
 * shard or more played by the test, clients, peers and links that have been greeted. Nothing in a
 * running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import type { PlacementTable } from '@clockwise/placement/placement-table';
import type { ControlMessage, Hello } from '@clockwise/protocol/control-messages';
import {
  FRAME_HEADER_WORDS,
  OPERATION,
  PROTOCOL_VERSION,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST,
  RESPONSE,
  TAG,
} from '@clockwise/protocol/frame';
import { collectFrame } from '@clockwise/protocol/frame-corpus';
import type { FrameWriter } from '@clockwise/protocol/frame-writer';
import { type Arrival, controlArrival, StepWorld } from '@clockwise/protocol/step-world';
import { frameTag } from '@clockwise/protocol/validate-frame';
import type { CoordinatorEffect } from './coordinator-context.ts';
import { CoordinatorCore, type CoordinatorEvent } from './coordinator-core.ts';
import { type BucketView, dataCentresOf, type RingView } from './ring-view.ts';

export interface WorldOptions {
  readonly nodeCount?: number;
  /** Replica list of every partition; by default all nodes. */
  readonly replicas?: readonly number[];
  /** The order in which every partition meets the nodes; by default ascending. */
  readonly walk?: readonly number[];
  readonly shardCount?: number;
  readonly limits?: Partial<Limits>;
  readonly bucket?: Partial<BucketView>;
  readonly dataCentres?: readonly string[];
}

/** One operation of a frame that the coordinator sent. */
export interface Sent {
  readonly tag: number;
  readonly words: Int32Array;
  readonly offset: number;
}

/** What a replica answers. */
export interface ReplyFields {
  readonly kind: number;
  readonly status?: number;
  readonly flags?: number;
  readonly durability?: number;
  /** Of a store that was passed on: PASSED_ON. */
  readonly passedOn?: number;
  readonly record?: Int32Array;
  readonly records?: readonly Int32Array[];
}

export const BUCKET: BucketView = {
  id: 1,
  name: 'default',
  lww: false,
  policy: 0,
  durability: 0,
  readLevel: 2,
  writeLevel: 2,
  replicationClass: 0,
  requireContext: false,
};

const CHUNK_WORDS = 64 * 1024;
const IDENTITY = { clusterId: 'cluster', epoch: 1, ringHash: 'ring' };
const PARTITION_BITS = 3;
/** The link to node n is connection LINK + n; peer n's link to us is PEER + n. */
const LINK = 10;
const PEER = 20;

export class CoordinatorWorld extends StepWorld<CoordinatorEvent, CoordinatorEffect> {
  readonly limits: Limits;
  readonly ring: RingView;
  /** By shard: one chunk, in which records that replies name are put one after the other. */
  readonly chunks: readonly Int32Array[];
  #chunkWordsUsed = 0;

  constructor(options: WorldOptions = {}) {
    // Hand-off scans on its own account: worlds that are about it switch it on.
    const limits = { ...DEFAULT_LIMITS, handOffTargetsMax: 0, ...options.limits };
    const ring = ringOf(options);
    const chunks = Array.from(
      { length: options.shardCount ?? 1 },
      () => new Int32Array(CHUNK_WORDS),
    );
    super(
      new CoordinatorCore({
        ring,
        limits,
        prng: new Prng('coordinator'),
        shards: chunks.map((words) => ({ chunks: [words] })),
        bootId: { low: 1, high: 1 },
      }),
    );
    this.limits = limits;
    this.ring = ring;
    this.chunks = chunks;
    const ups = chunks.map((_, target): CoordinatorEvent => ({ kind: 'channel-up', target }));
    this.step(ups);
  }

  /** A world with all links up and one client, on connection 1. */
  static linked(options: WorldOptions = {}): CoordinatorWorld {
    const world = new CoordinatorWorld(options);
    for (let node = 1; node < world.ring.nodes.length; node += 1) world.linkUp(node);
    world.greet(1, 'client', '');
    world.takeEffects();
    return world;
  }

  linkOf(node: number): number {
    return LINK + node;
  }

  linkUp(node: number): void {
    const connection = LINK + node;
    this.step([{ kind: 'connected', connection, peer: node }]);
    this.takeControl(connection);
    this.step([], [controlArrival(connection, this.welcomeOf(node))]);
  }

  linkDown(node: number): void {
    this.step([{ kind: 'disconnected', connection: LINK + node, reason: 'cut' }]);
  }

  /** Opens the connection on which peer `node` asks us. */
  peer(node: number): number {
    this.greet(PEER + node, 'peer', this.ring.nodes[node]!.nodeId);
    return PEER + node;
  }

  greet(connection: number, role: 'client' | 'peer', nodeId: string): void {
    this.step([{ kind: 'connected', connection, peer: -1 }]);
    this.step([], [controlArrival(connection, helloOf(role, nodeId))]);
    this.takeControl(connection);
  }

  welcomeOf(node: number): ControlMessage {
    return {
      kind: 'welcome',
      ...IDENTITY,
      protocolVersion: PROTOCOL_VERSION,
      nodeId: this.ring.nodes[node]!.nodeId,
      bootId: { low: node + 1, high: 0 },
      featureBits: 0,
      partitionCount: 1 << PARTITION_BITS,
      keyBytesMax: this.limits.keyBytesMax,
      valueBytesMax: this.limits.valueBytesMax,
      contextEntriesMax: this.limits.contextEntriesMax,
      frameBytesMax: this.limits.frameBytesMax,
      frameOperationsMax: this.limits.frameOperationsMax,
      inFlightMax: this.limits.requestsInFlightMax,
      buckets: [],
      addresses: [],
    };
  }

  /** Requests from a connection, as one frame. */
  ask(connection: number, fill: (writer: FrameWriter) => void): void {
    this.step([], [{ source: CONNECTION_TARGET + connection, frame: collectFrame(fill) }]);
  }

  passes(milliseconds: number): void {
    this.now += milliseconds;
    this.wallTimeMs += milliseconds;
    const events = this.takeDueTimers().map((timer): CoordinatorEvent => ({
      kind: 'timer',
      timer,
    }));
    if (events.length > 0) this.step(events);
  }

  /** Operations sent to a connection since they were last taken; control frames stay out. */
  sentTo(connection: number): Sent[] {
    this.takeControl(connection);
    return this.take(CONNECTION_TARGET + connection).flatMap(operations);
  }

  sentToNode(node: number): Sent[] {
    return this.sentTo(LINK + node);
  }

  sentToShard(shard = 0): Sent[] {
    return this.take(shard).flatMap(operations);
  }

  /** A shard's answers to operations that it was sent, as one frame; records go to its memory. */
  shardReplies(replies: readonly (readonly [Sent, ReplyFields])[], shard = 0): void {
    this.step([], [this.shardFrame(replies, shard)]);
  }

  shardFrame(replies: readonly (readonly [Sent, ReplyFields])[], shard = 0): Arrival {
    const frame = collectFrame((writer) => {
      for (const [sent, reply] of replies) this.#writeReply(writer, sent, reply, shard);
    });
    return { source: shard, frame };
  }

  /** A peer's answer, over our link to it. */
  nodeReplies(node: number, sent: Sent, reply: ReplyFields): void {
    this.step([], [this.nodeFrame(node, sent, reply)]);
  }

  nodeFrame(node: number, sent: Sent, reply: ReplyFields): Arrival {
    const frame = collectFrame((writer) => this.#writeReply(writer, sent, reply, -1));
    return { source: CONNECTION_TARGET + LINK + node, frame };
  }

  /** Requests and slots in flight, as the core reports them. */
  figures(): Readonly<Record<string, number | string>> {
    this.step([{ kind: 'told', from: 'main', message: { kind: 'figures-wanted', request: 1 } }]);
    for (const effect of this.takeEffects()) {
      if (effect.kind === 'tell' && effect.message.kind === 'figures')
        return effect.message.figures;
    }
    throw new Error('the core reports its figures');
  }

  #writeReply(writer: FrameWriter, sent: Sent, reply: ReplyFields, shard: number): void {
    const records = reply.records ?? (reply.record === undefined ? [] : [reply.record]);
    const recordWords = records.reduce((sum, record) => sum + record.length, 0);
    const isNamed = shard >= 0 && reply.kind !== REPLY_KIND.scanned && recordWords > 0;
    const wordCount = REPLICA_REPLY_HEADER_WORDS + (isNamed ? 0 : recordWords);
    const start = writer.begin(TAG.replicaReply, wordCount);
    const { words } = writer;
    words.fill(0, start, start + wordCount);
    const isInline = !isNamed && recordWords > 0;
    const flags = (reply.flags ?? 0) | (isInline ? REPLY_FLAG.inline : 0);
    words[start + REPLICA_REPLY.kind] = reply.kind | ((reply.status ?? 0) << 8) | (flags << 24);
    words[start + REPLICA_REPLY.route] =
      shard < 0 ? 0 : sent.words[sent.offset + REPLICA_REQUEST.route]!;
    words[start + REPLICA_REPLY.slot] = sent.words[sent.offset + REPLICA_REQUEST.slot]!;
    words[start + REPLICA_REPLY.slotGeneration] =
      sent.words[sent.offset + REPLICA_REQUEST.slotGeneration]!;
    words[start + REPLICA_REPLY.durability] = reply.durability ?? 0;
    words[start + REPLICA_REPLY.recordWords] = recordWords;
    words[start + REPLICA_REPLY.recordCount] = reply.passedOn ?? 0;
    if (reply.kind === REPLY_KIND.scanned) {
      words[start + REPLICA_REPLY.recordCount] = records.length;
    }
    if (isNamed) {
      words[start + REPLICA_REPLY.offset] = this.#putInMemory(shard, records[0]!);
    } else {
      let position = start + REPLICA_REPLY_HEADER_WORDS;
      for (const record of records) {
        words.set(record, position);
        position += record.length;
      }
    }
    writer.end(wordCount);
  }

  #putInMemory(shard: number, record: Int32Array): number {
    if (this.#chunkWordsUsed + record.length > CHUNK_WORDS) this.#chunkWordsUsed = 0;
    const offset = this.#chunkWordsUsed;
    this.chunks[shard]!.set(record, offset);
    this.#chunkWordsUsed = offset + record.length;
    return offset;
  }
}

export function helloOf(role: 'client' | 'peer', nodeId: string): Hello {
  return {
    kind: 'hello',
    ...IDENTITY,
    protocolVersionMin: PROTOCOL_VERSION,
    protocolVersionMax: PROTOCOL_VERSION,
    role,
    session: { low: 7, high: 7 },
    nodeId,
    featureBits: 0,
  };
}

export function operations(frame: Int32Array): Sent[] {
  const found: Sent[] = [];
  for (let offset = FRAME_HEADER_WORDS; offset < frame.length;) {
    found.push({ tag: frameTag(frame, 0), words: frame, offset });
    offset += frame[offset + OPERATION.wordCount]!;
  }
  return found;
}

export function field(sent: Sent, position: number): number {
  return sent.words[sent.offset + position]!;
}
export function opcodeOf(sent: Sent): number {
  return field(sent, OPERATION.opcode) & 0xff;
}
export function statusOf(sent: Sent): number {
  assert(sent.tag === TAG.response, 'it is a response');
  return field(sent, RESPONSE.status) & 0xffff;
}
export function requestIdOf(sent: Sent): number {
  return field(sent, sent.tag === TAG.response ? RESPONSE.requestId : REQUEST.requestId);
}

export function ringOf(options: WorldOptions): RingView {
  const nodeCount = options.nodeCount ?? 3;
  const nodes = Array.from({ length: nodeCount }, (_, node) => ({
    nodeId: `node-${node}`,
    dataCentre: options.dataCentres?.[node] ?? 'one',
    rack: 'r',
    address: `127.0.0.1:${4000 + node}`,
  }));
  const replicas = options.replicas ?? nodes.map((_, node) => node);
  const partitionCount = 1 << PARTITION_BITS;
  const walk = options.walk ?? nodes.map((_, node) => node);
  const shardCount = options.shardCount ?? 1;
  return {
    ...IDENTITY,
    partitionBits: PARTITION_BITS,
    nodes,
    ownNode: 0,
    buckets: new Map([[BUCKET.id, { ...BUCKET, ...options.bucket }]]),
    dataCentreOf: dataCentresOf(nodes),
    tables: [repeated(replicas, partitionCount)],
    walk: repeated(walk, partitionCount),
    shardOfPartition: Int32Array.from({ length: partitionCount }, (_, index) => index % shardCount),
  };
}

/** A table in which each partition has the same list. */
function repeated(list: readonly number[], partitionCount: number): PlacementTable {
  const table = Int32Array.from(
    { length: partitionCount * list.length },
    (_, index) => list[index % list.length]!,
  );
  return { stride: list.length, table };
}
