import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type {
  ControlMessage,
  ControlMessageOf,
  Welcome,
} from '@clockwise/protocol/control-messages';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import { sampleRequests } from '@clockwise/protocol/frame-corpus';
import { type Arrival, controlArrival, StepWorld } from '@clockwise/protocol/step-world';
import { GossiperCore, type GossiperEffect, type GossiperEvent } from './gossiper-core.ts';

const NODES = ['a', 'b', 'c'];
const IDENTITY = { clusterId: 'cluster', epoch: 1, ringHash: 'ring' };
const RANGE = { protocolVersionMin: PROTOCOL_VERSION, protocolVersionMax: PROTOCOL_VERSION };
const HEARTBEAT_MS = 1000;
const SILENCE_MS = 3000;
const DATA_PATH_MS = 4000;
/** The link to node n is connection n; node n's link to us is PEER + n. */
const PEER = 10;

function welcomeOf(node: number): Welcome {
  return {
    kind: 'welcome',
    ...IDENTITY,
    protocolVersion: PROTOCOL_VERSION,
    nodeId: NODES[node]!,
    bootId: { low: node, high: 9 },
    featureBits: 0,
    partitionCount: 8,
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

function beatOf(
  kind: 'heartbeat' | 'heartbeatAck',
  node: number,
  dataPathAgeMs = 0,
): ControlMessage {
  const incarnation = { low: node, high: 9 };
  const nodeId = NODES[node]!;
  return { kind, nodeId, incarnation, sequence: 1, sentMs: 5, dataPathAgeMs, knownEpoch: 1 };
}

class World extends StepWorld<GossiperEvent, GossiperEffect> {
  constructor() {
    super(
      new GossiperCore({
        connections: {
          self: {
            endpoint: 'gossiper',
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
          prng: new Prng('gossiper'),
        },
        epoch: 1,
        bootId: { low: 1, high: 1 },
        listeners: ['coordinator-0', 'main'],
        heartbeatMs: HEARTBEAT_MS,
        silenceMs: SILENCE_MS,
        dataPathMs: DATA_PATH_MS,
      }),
    );
    this.step([]);
    for (const node of [1, 2]) {
      this.step([{ kind: 'connected', connection: node, peer: node }]);
      this.step([], [controlArrival(node, welcomeOf(node))]);
      this.takeControl(node);
    }
    this.takeEffects();
  }

  /** Milliseconds pass; whatever timers are due fire, with frames that came meanwhile. */
  passes(milliseconds: number, arrivals: readonly Arrival[] = []): void {
    this.now += milliseconds;
    this.step(
      this.takeDueTimers().map((timer) => ({ kind: 'timer', timer })),
      arrivals,
    );
  }

  acks(node: number, dataPathAgeMs = 0): void {
    this.step([], [controlArrival(node, beatOf('heartbeatAck', node, dataPathAgeMs))]);
  }

  /** What listeners were told since, as 'b up'; each listener is told the same. */
  reports(): string[] {
    const told = (to: string): string[] =>
      this.effects.flatMap((effect) =>
        effect.kind === 'tell' && effect.to === to && effect.message.kind === 'peer-state'
          ? [`${effect.message.nodeId} ${effect.message.state}`]
          : [],
      );
    const reports = told('main');
    assert.equal(told('coordinator-0'), reports);
    this.takeEffects();
    return reports;
  }
}

function heartbeats(messages: readonly ControlMessage[]): ControlMessageOf<'heartbeat'>[] {
  return messages.flatMap((message) => (message.kind === 'heartbeat' ? [message] : []));
}

test('a heartbeat goes to every linked peer each time, and a probe through the own data path', () => {
  const world = new World();
  world.passes(0);
  for (const node of [1, 2]) assert.is(heartbeats(world.takeControl(node)).length, 1);
  const probes = world
    .takeEffects()
    .flatMap((effect) =>
      effect.kind === 'tell' && effect.message.kind === 'probe' ? [effect.message.probe] : [],
    );
  assert.is(probes.length, 1);
  world.step([{ kind: 'disconnected', connection: 2, reason: 'cut' }]);
  world.passes(HEARTBEAT_MS);
  assert.is(heartbeats(world.takeControl(1)).length, 1);
  assert.equal(world.takeControl(2), []);
});

test('[GO1] a peer that has not answered yet is not reported, until its silence is', () => {
  const world = new World();
  world.passes(0);
  world.passes(HEARTBEAT_MS);
  assert.equal(world.reports(), []);
  world.acks(1);
  assert.equal(world.reports(), ['b up']);
  world.passes(SILENCE_MS);
  assert.equal(world.reports(), ['c down']);
});

test('[GO1] a change is reported once, to all who listen', () => {
  const world = new World();
  const seen: string[] = [];
  for (let second = 0; second < 12; second += 1) {
    world.passes(HEARTBEAT_MS);
    if (second < 3 || second > 8) world.acks(1);
    if (second < 9) world.acks(2);
    seen.push(...world.reports().map((report) => `${second} ${report}`));
  }
  assert.equal(seen, ['0 b up', '0 c up', '6 b down', '9 b up']);
});

test('[GO2] a peer that answers without a data path is down', () => {
  const world = new World();
  world.acks(1, DATA_PATH_MS);
  assert.equal(world.reports(), ['b up']);
  world.acks(1, DATA_PATH_MS + 1);
  assert.equal(world.reports(), ['b down']);
  world.acks(1, 0);
  assert.equal(world.reports(), ['b up']);
});

test('[GO2] the own data path is as old as its last answer, slow or not, and peers are told', () => {
  const world = new World();
  world.passes(0);
  const probed = (probe: number): void =>
    world.step([{ kind: 'told', from: 'coordinator-0', message: { kind: 'probe-answer', probe } }]);
  const ageTold = (): number => {
    world.takeControl(1);
    world.passes(HEARTBEAT_MS);
    return heartbeats(world.takeControl(1))[0]!.dataPathAgeMs;
  };
  probed(1);
  assert.is(ageTold(), HEARTBEAT_MS);
  assert.is(ageTold(), HEARTBEAT_MS * 2);
  probed(2);
  assert.is(ageTold(), HEARTBEAT_MS);
  probed(9999);
  assert.is(ageTold(), HEARTBEAT_MS * 2);
});

test('[GO2] answers that waited while this thread was late are heard before anyone is judged', () => {
  const world = new World();
  world.acks(1);
  world.acks(2);
  assert.equal(world.reports(), ['b up', 'c up']);
  world.passes(SILENCE_MS * 3, [controlArrival(1, beatOf('heartbeatAck', 1))]);
  assert.equal(world.reports(), ['c down']);
});

test('heartbeats of peers are answered on their connection, each in a frame of its own', () => {
  const world = new World();
  world.step([{ kind: 'connected', connection: PEER + 1, peer: -1 }]);
  const session = { low: 4, high: 4 };
  const hello = {
    kind: 'hello',
    ...RANGE,
    ...IDENTITY,
    role: 'peer',
    session,
    featureBits: 0,
  } as const;
  world.step([], [controlArrival(PEER + 1, { ...hello, nodeId: 'b' })]);
  world.takeControl(PEER + 1);
  const beat = controlArrival(PEER + 1, beatOf('heartbeat', 1));
  world.step([], [beat, beat]);
  const acks = world.takeControl(PEER + 1);
  assert.equal(
    acks.map((message) => message.kind === 'heartbeatAck' && [message.nodeId, message.sentMs]),
    [
      ['a', 5],
      ['a', 5],
    ],
  );
});

test('what is not served here closes its connection only', () => {
  const wrongs: Arrival[] = [
    controlArrival(1, { kind: 'ringRequest', requestId: 1 }),
    controlArrival(1, { kind: 'statusRequest', requestId: 1 }),
    { source: CONNECTION_TARGET + 1, frame: sampleRequests() },
  ];
  for (const wrong of wrongs) {
    const world = new World();
    world.step([], [wrong, controlArrival(1, beatOf('heartbeatAck', 1))]);
    const hangUps = world.effects.flatMap((effect) =>
      effect.kind === 'hang-up' ? [effect.connection] : [],
    );
    assert.equal(hangUps, [1]);
    assert.equal(world.reports(), []);
    world.acks(2);
    assert.equal(world.reports(), ['c up']);
  }
});

test('figures tell each peer', () => {
  const world = new World();
  world.acks(1);
  world.takeEffects();
  world.step([{ kind: 'told', from: 'main', message: { kind: 'figures-wanted', request: 2 } }]);
  const [effect] = world.takeEffects();
  assert.ok(effect?.kind === 'tell' && effect.message.kind === 'figures');
  assert.is(effect.message.figures['peer b'], 'up');
  assert.is(effect.message.figures['peer c'], 'unknown');
});

test.run();
