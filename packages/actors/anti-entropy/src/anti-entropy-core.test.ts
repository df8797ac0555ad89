import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type {
  ControlMessage,
  ControlMessageOf,
  Welcome,
} from '@clockwise/protocol/control-messages';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import { sampleRequests } from '@clockwise/protocol/frame-corpus';
import { controlArrival, StepWorld } from '@clockwise/protocol/step-world';
import {
  AntiEntropyCore,
  type AntiEntropyEffect,
  type AntiEntropyEvent,
} from './anti-entropy-core.ts';

const NODES = ['a', 'b', 'c'];
const IDENTITY = { clusterId: 'cluster', epoch: 1, ringHash: 'ring' };
const RANGE = { protocolVersionMin: PROTOCOL_VERSION, protocolVersionMax: PROTOCOL_VERSION };
const ROUND_MS = 1000;
const ANSWER_MS = 2500;
/** Two replicas of four partitions: a holds 0, 1 and 3, shared with b, c and b. */
const PLACEMENT = { stride: 2, table: Int32Array.of(0, 1, 0, 2, 1, 2, 1, 0) };
const PEER = 10;

function welcomeOf(node: number): Welcome {
  return {
    kind: 'welcome',
    ...IDENTITY,
    protocolVersion: PROTOCOL_VERSION,
    nodeId: NODES[node]!,
    bootId: { low: node, high: 9 },
    featureBits: 0,
    partitionCount: 4,
    keyBytesMax: 1,
    valueBytesMax: 1,
    contextEntriesMax: 1,
    frameBytesMax: 1,
    frameOperationsMax: 1,
    inFlightMax: 1,
    buckets: [],
    addresses: [],
  };
}

type RootsRequest = ControlMessageOf<'rootsRequest'>;

class World extends StepWorld<AntiEntropyEvent, AntiEntropyEffect> {
  constructor(linked: readonly number[]) {
    super(
      new AntiEntropyCore({
        connections: {
          self: {
            endpoint: 'control',
            ...RANGE,
            ...IDENTITY,
            nodeId: 'a',
            session: { low: 1, high: 1 },
            members: NODES,
          },
          welcome: welcomeOf(0),
          addresses: NODES.map((node) => `${node}:1`),
          nodeIds: NODES,
          ownNode: 0,
          limits: DEFAULT_LIMITS,
          prng: new Prng('anti-entropy'),
        },
        epoch: 1,
        placement: PLACEMENT,
        shardOfPartition: new Int32Array(4),
        roundMs: ROUND_MS,
        answerMs: ANSWER_MS,
      }),
    );
    this.step([]);
    for (const node of linked) {
      this.step([{ kind: 'connected', connection: node, peer: node }]);
      this.step([], [controlArrival(node, welcomeOf(node))]);
      this.takeControl(node);
    }
    this.takeEffects();
  }

  passes(milliseconds: number): void {
    this.now += milliseconds;
    this.step(this.takeDueTimers().map((timer) => ({ kind: 'timer', timer })));
  }

  says(connection: number, message: ControlMessage): void {
    this.step([], [controlArrival(connection, message)]);
  }

  tells(from: string, message: ActorMessage): void {
    this.step([{ kind: 'told', from, message }]);
  }

  /** The request that a peer was sent since, if it was. */
  requestTo(node: number): RootsRequest | undefined {
    return this.takeControl(node).find((one): one is RootsRequest => one.kind === 'rootsRequest');
  }

  /** The own shard answers what it was asked since: every root is (partition, 0). */
  shardAnswers(): void {
    for (const effect of this.takeEffects()) {
      if (effect.kind !== 'tell' || effect.message.kind !== 'roots-wanted') continue;
      const { request, partitions } = effect.message;
      const words = partitions.flatMap((partition) => [partition, 0]);
      this.tells('replica-0', { kind: 'roots', request, sequence: 1, partitions, words });
    }
  }

  /** A peer answers a request; the named partitions differ. */
  peerAnswers(node: number, request: RootsRequest, differing: readonly number[]): void {
    const roots = request.partitions.map(({ partition }) => ({
      partition,
      replicationClass: 0,
      low: differing.includes(partition) ? 99 : partition,
      high: 0,
    }));
    this.says(node, { kind: 'roots', requestId: request.requestId, epoch: 1, roots });
  }

  /** One round with node 1, in which these partitions differ; what was reported of it. */
  round(differing: readonly number[]): string[] {
    this.passes(ROUND_MS);
    const request = this.requestTo(1)!;
    this.shardAnswers();
    this.peerAnswers(1, request, differing);
    return this.reports();
  }

  reports(): string[] {
    return this.takeEffects().flatMap((effect) =>
      effect.kind === 'tell' && effect.message.kind === 'differences'
        ? [
            `${effect.message.nodeId}: ${effect.message.partitionsDiffering} of ${effect.message.partitionsCompared}`,
          ]
        : [],
    );
  }
}

function partitionsOf(request: RootsRequest | undefined): number[] {
  return request === undefined ? [] : request.partitions.map(({ partition }) => partition);
}

test('[AE1] a peer is asked for the partitions that both hold, one peer after the other', () => {
  const world = new World([1, 2]);
  world.passes(ROUND_MS);
  const first = world.requestTo(1)!;
  assert.equal(partitionsOf(first), [0, 3]);
  assert.is(world.requestTo(2), undefined);
  world.shardAnswers();
  world.peerAnswers(1, first, []);
  world.passes(ROUND_MS);
  assert.equal(partitionsOf(world.requestTo(2)), [1]);
  assert.is(world.requestTo(1), undefined);
});

test('[AE1] a peer is answered for what this node holds, and for nothing else, each once', () => {
  const world = new World([]);
  world.step([{ kind: 'connected', connection: PEER, peer: -1 }]);
  const session = { low: 4, high: 4 };
  const hello = { kind: 'hello', ...RANGE, ...IDENTITY, role: 'peer', session } as const;
  world.says(PEER, { ...hello, nodeId: 'b', featureBits: 0 });
  world.takeControl(PEER);
  const asked = [0, 2, 3, 3, 4, 70_000].map((partition) => ({ partition, replicationClass: 0 }));
  const partitions = [...asked, { partition: 1, replicationClass: 1 }];
  world.says(PEER, { kind: 'rootsRequest', requestId: 8, epoch: 1, partitions });
  world.shardAnswers();
  const roots = [0, 3].map((partition) => ({
    partition,
    replicationClass: 0,
    high: 0,
    low: partition,
  }));
  assert.equal(world.takeControl(PEER), [{ kind: 'roots', requestId: 8, epoch: 1, roots }]);
});

test('[AE1] what a peer does not answer for is not compared', () => {
  const world = new World([1]);
  world.passes(ROUND_MS);
  const request = world.requestTo(1)!;
  world.shardAnswers();
  world.peerAnswers(1, { ...request, partitions: request.partitions.slice(0, 1) }, []);
  assert.equal(world.reports(), ['b: 0 of 1']);
});

test('[AE2] a difference is reported only when two rounds in a row saw it', () => {
  const rows: readonly (readonly [differing: number[], report: string])[] = [
    [[], 'b: 0 of 2'],
    [[3], 'b: 0 of 2'],
    [[3], 'b: 1 of 2'],
    [[0, 3], 'b: 1 of 2'],
    [[0, 3], 'b: 2 of 2'],
    [[0], 'b: 1 of 2'],
    [[3], 'b: 0 of 2'],
    [[], 'b: 0 of 2'],
    [[3], 'b: 0 of 2'],
  ];
  const world = new World([1]);
  for (const [differing, report] of rows) assert.equal(world.round(differing), [report]);
});

test('a round that nobody answers is given up after its time, and its late answer counts for nothing', () => {
  const world = new World([1]);
  world.passes(ROUND_MS);
  const first = world.requestTo(1)!;
  world.shardAnswers();
  world.passes(ROUND_MS);
  assert.is(world.requestTo(1), undefined);
  world.passes(ROUND_MS * 2);
  const second = world.requestTo(1)!;
  assert.is.not(second.requestId, first.requestId);
  world.peerAnswers(1, first, [0, 3]);
  assert.equal(world.reports(), []);
});

test('roots from anyone but the peer that was asked count for nothing', () => {
  const world = new World([1, 2]);
  world.passes(ROUND_MS);
  const request = world.requestTo(1)!;
  world.shardAnswers();
  world.peerAnswers(2, request, [0, 3]);
  assert.equal(world.reports(), []);
  world.peerAnswers(1, request, []);
  assert.equal(world.reports(), ['b: 0 of 2']);
});

test('a peer whose link is lost ends its round, and the next peer is asked', () => {
  const world = new World([1, 2]);
  world.passes(ROUND_MS);
  world.step([{ kind: 'disconnected', connection: 1, reason: 'cut' }]);
  world.passes(ROUND_MS);
  assert.equal(partitionsOf(world.requestTo(2)), [1]);
});

test('what is not served here closes its connection only', () => {
  const world = new World([1, 2]);
  world.says(1, { kind: 'ringRequest', requestId: 1 });
  world.step([], [{ source: CONNECTION_TARGET + 2, frame: sampleRequests() }]);
  world.step([], [{ source: CONNECTION_TARGET + 3, frame: sampleRequests() }]);
  const hangUps = world
    .takeEffects()
    .flatMap((effect) => (effect.kind === 'hang-up' ? [effect.connection] : []));
  assert.equal(hangUps, [1, 2]);
});

test('figures tell the rounds and what differs with all peers together', () => {
  const world = new World([1]);
  world.round([0, 3]);
  world.round([0, 3]);
  world.tells('main', { kind: 'figures-wanted', request: 5 });
  const figures = { rounds: 2, partitionsDiffering: 2 };
  assert.equal(world.takeEffects(), [
    { kind: 'tell', to: 'main', message: { kind: 'figures', request: 5, figures } },
  ]);
});

test.run();
