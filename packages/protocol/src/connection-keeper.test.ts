import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import {
  CLOSE,
  ConnectionKeeper,
  type KeeperEffect,
  type KeeperResult,
} from './connection-keeper.ts';
import { CONNECTION_STATE } from './connection-table.ts';
import type { ControlMessage, Hello, Welcome } from './control-messages.ts';
import { PROTOCOL_VERSION } from './frame.ts';
import { controlArrival, StepWorld } from './step-world.ts';

const NODES = ['a', 'b', 'c'];
const IDENTITY = { clusterId: 'cluster', epoch: 1, ringHash: 'ring' };
const RANGE = { protocolVersionMin: PROTOCOL_VERSION, protocolVersionMax: PROTOCOL_VERSION };
const WELCOME: Welcome = {
  kind: 'welcome',
  ...IDENTITY,
  protocolVersion: PROTOCOL_VERSION,
  nodeId: 'a',
  bootId: { low: 1, high: 1 },
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

function welcomeFrom(nodeId: string): Welcome {
  return { ...WELCOME, nodeId, bootId: { low: 2, high: 2 } };
}
function helloFrom(role: 'client' | 'peer', nodeId: string): Hello {
  const session = { low: 3, high: 3 };
  return { kind: 'hello', ...RANGE, ...IDENTITY, role, session, nodeId, featureBits: 0 };
}

type Act = (keeper: ConnectionKeeper, world: World) => void;

class World extends StepWorld<Act, KeeperEffect> {
  readonly keeper: ConnectionKeeper;

  constructor() {
    const keeper = new ConnectionKeeper({
      self: {
        endpoint: 'coordinator',
        ...RANGE,
        ...IDENTITY,
        nodeId: 'a',
        session: { low: 1, high: 1 },
        members: NODES,
      },
      welcome: WELCOME,
      addresses: NODES.map((node) => `${node}:1`),
      nodeIds: NODES,
      ownNode: 0,
      limits: DEFAULT_LIMITS,
      prng: new Prng('keeper'),
      timer: 9,
    });
    super({
      step: (batch, out) => batch.events.forEach((act) => act(keeper, out as World)),
      hash: () => 0,
    });
    this.keeper = keeper;
  }

  connected(connection: number, peer: number): void {
    this.step([(keeper, out) => keeper.onConnected(connection, peer, this.now, out)]);
  }

  disconnected(connection: number): number {
    let node = -2;
    this.step([(keeper, out) => (node = keeper.onDisconnected(connection, this.now, out))]);
    return node;
  }

  says(connection: number, message: ControlMessage): KeeperResult {
    let result: KeeperResult = { kind: 'nothing' };
    const { frame } = controlArrival(connection, message);
    this.step([
      (keeper, out) => (result = keeper.takeControl(connection, frame, 0, frame.length, out)),
    ]);
    return result;
  }

  passes(milliseconds: number): void {
    this.now += milliseconds;
    if (this.takeDueTimers().length === 0) return;
    this.step([(keeper, out) => keeper.onTimer(this.now, out)]);
  }

  effectsOf<Kind extends KeeperEffect['kind']>(
    kind: Kind,
  ): Extract<KeeperEffect, { kind: Kind }>[] {
    const is = (effect: KeeperEffect): effect is Extract<KeeperEffect, { kind: Kind }> =>
      effect.kind === kind;
    return this.takeEffects().filter(is);
  }
}

function linked(): World {
  const world = new World();
  world.connected(4, 1);
  world.takeControl(4);
  assert.equal(world.says(4, welcomeFrom('b')), { kind: 'link-up', node: 1 });
  return world;
}

test('every other node is dialled at the start', () => {
  const world = new World();
  world.step([(keeper, out) => keeper.start(out)]);
  assert.equal(
    world.effectsOf('dial').map(({ peer, address }) => [peer, address]),
    [
      [1, 'b:1'],
      [2, 'c:1'],
    ],
  );
});

test('[CK1] a link is named only between its welcome and its end', () => {
  const world = new World();
  const { linkOfNode } = world.keeper;
  world.connected(4, 1);
  assert.is(world.takeControl(4)[0]!.kind, 'hello');
  assert.equal([...linkOfNode], [-1, -1, -1]);
  world.says(4, welcomeFrom('b'));
  assert.equal([...linkOfNode], [-1, 4, -1]);
  assert.is(world.disconnected(4), 1);
  assert.equal([...linkOfNode], [-1, -1, -1]);
});

test('[CK1] a link that we close is named no more, and its end is still told', () => {
  const wrongs: ControlMessage[] = [welcomeFrom('b'), { kind: 'goodbye', reason: 0, text: '' }];
  for (const wrong of wrongs) {
    const world = linked();
    world.says(4, wrong);
    assert.is(world.effectsOf('hang-up').length, 1);
    assert.is(world.keeper.linkOfNode[1], -1);
    assert.is(world.disconnected(4), 1);
  }
});

test('[CK1] the welcome of another node, cluster or version makes no link', () => {
  const wrongs: Welcome[] = [
    welcomeFrom('c'),
    { ...welcomeFrom('b'), clusterId: 'other' },
    { ...welcomeFrom('b'), ringHash: 'other' },
    { ...welcomeFrom('b'), protocolVersion: PROTOCOL_VERSION + 1 },
  ];
  for (const wrong of wrongs) {
    const world = new World();
    world.connected(4, 1);
    assert.equal(world.says(4, wrong), { kind: 'nothing' });
    assert.is(world.keeper.linkOfNode[1], -1);
    assert.is(world.effectsOf('hang-up')[0]!.connection, 4);
    assert.is(world.disconnected(4), -1);
  }
});

test('[CK2] a connection that is not greeted within the limit is closed, dialled or accepted', () => {
  for (const peer of [-1, 1]) {
    const world = new World();
    world.connected(4, peer);
    world.passes(DEFAULT_LIMITS.handshakeTimeoutMs - 1);
    assert.is(world.effectsOf('hang-up').length, 0);
    world.passes(1);
    assert.equal(
      world.effectsOf('hang-up').map(({ connection, code }) => [connection, code]),
      [[4, CLOSE.protocolError]],
    );
  }
});

test('[CK2] one that was greeted in time stays', () => {
  const world = linked();
  world.connected(5, -1);
  world.says(5, helloFrom('client', ''));
  world.passes(DEFAULT_LIMITS.handshakeTimeoutMs * 2);
  assert.is(world.effectsOf('hang-up').length, 0);
});

test('a hello makes a client or a peer, whose node is known', () => {
  const world = new World();
  world.connected(5, -1);
  world.connected(6, -1);
  world.says(5, helloFrom('client', ''));
  world.says(6, helloFrom('peer', 'c'));
  const { state, node } = world.keeper.table;
  assert.equal([state[5], node[5]], [CONNECTION_STATE.client, -1]);
  assert.equal([state[6], node[6]], [CONNECTION_STATE.peer, 2]);
  assert.is(world.takeControl(5)[0]!.kind, 'welcome');
});

test('[CK3] a wrong step closes its connection only, counted, with the reason said first', () => {
  const statusRequest: ControlMessage = { kind: 'statusRequest', requestId: 1 };
  const world = linked();
  world.connected(5, -1);
  world.connected(6, -1);
  world.says(6, helloFrom('client', ''));
  world.says(5, statusRequest);
  const goodbye = world.takeControl(5)[0]!;
  assert.ok(goodbye.kind === 'goodbye' && goodbye.text.includes('unexpected statusRequest'));
  assert.equal(
    world.effectsOf('hang-up').map(({ connection }) => connection),
    [5],
  );
  assert.is(world.keeper.rejections, 1);
  assert.is(world.says(6, statusRequest).kind, 'message');
  assert.is(world.says(4, statusRequest).kind, 'message');
});

test('[CK3] what a connection says after it was closed counts for nothing: no greeting, no second end', () => {
  const world = new World();
  world.connected(5, -1);
  world.says(5, welcomeFrom('b'));
  world.says(5, helloFrom('client', ''));
  world.step([(keeper, out) => keeper.reject(5, 'again', out)]);
  assert.is(world.keeper.table.state[5], CONNECTION_STATE.fresh);
  assert.is(world.effectsOf('hang-up').length, 1);
  assert.is(world.keeper.rejections, 1);
  world.passes(DEFAULT_LIMITS.handshakeTimeoutMs);
  assert.is(world.effectsOf('hang-up').length, 0);
});

test('[CK3] a reason that the other side chose fits the close frame', () => {
  const world = new World();
  world.connected(5, -1);
  world.says(5, { ...helloFrom('client', ''), clusterId: 'é'.repeat(32) });
  world.connected(6, -1);
  world.says(6, { ...helloFrom('peer', 'ü'.repeat(32)) });
  for (const { reason } of world.effectsOf('hang-up')) {
    assert.ok(Buffer.byteLength(reason) <= 123, reason);
  }
});

test('an end is dialled again after a pause that grows to its limit and is reset by a welcome', () => {
  const world = new World();
  const pauses: number[] = [];
  for (let failure = 0; failure < 12; failure += 1) {
    world.step([(keeper, out) => keeper.onDialFailed(1, world.now, out)]);
    pauses.push(world.timers.get(9)! - world.now);
    world.passes(pauses.at(-1)!);
    assert.is(world.effectsOf('dial').length, 1);
  }
  assert.ok(pauses[0]! <= 100 && pauses.at(-1)! >= 1000);
  assert.ok(pauses.every((pause) => pause <= 2000));
  world.connected(4, 1);
  world.says(4, welcomeFrom('b'));
  world.disconnected(4);
  assert.ok(world.timers.get(9)! - world.now <= 100);
});

test.run();
