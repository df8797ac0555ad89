import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { FRAME, REPLY_KIND } from '@clockwise/protocol/frame';
import {
  collectFrame,
  sampleReplicaReplies,
  sampleReplicaRequests,
  sampleRequests,
  sampleResponses,
} from '@clockwise/protocol/frame-corpus';
import { controlArrival } from '@clockwise/protocol/step-world';
import { CoordinatorWorld, helloOf, requestIdOf, statusOf } from './coordinator-world.ts';
import { get, put, record } from './requests/sample-requests.ts';

const CLIENT = 1;
const VALUE = record({ dots: [[9, 1]] });
const ALONE = { nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } } as const;

function hangUps(world: CoordinatorWorld): number[] {
  return world
    .takeEffects()
    .flatMap((effect) => (effect.kind === 'hang-up' ? [effect.connection] : []));
}

function says(world: CoordinatorWorld, connection: number, ...frames: Int32Array[]): void {
  const source = CONNECTION_TARGET + connection;
  world.step(
    [],
    frames.map((frame) => ({ source, frame })),
  );
}

test('[C1] before the greeting no frame of operations is taken, whatever it holds', () => {
  const frames = [
    sampleRequests(),
    sampleResponses(),
    sampleReplicaRequests(),
    sampleReplicaReplies(),
  ];
  for (const frame of frames) {
    for (const peer of [-1, 1]) {
      const world = CoordinatorWorld.linked();
      world.step([{ kind: 'connected', connection: 5, peer }]);
      says(world, 5, frame);
      assert.equal(hangUps(world), [5]);
      assert.equal(world.sentToShard(), []);
      assert.equal(world.sentTo(5), []);
    }
  }
});

test('[C1] whoever has been greeted may send only what is theirs to send', () => {
  const kinds = { sampleRequests, sampleResponses, sampleReplicaRequests, sampleReplicaReplies };
  const rows: readonly (readonly [who: string, allowed: readonly string[]])[] = [
    ['client', ['sampleRequests']],
    ['peer', ['sampleRequests', 'sampleReplicaRequests']],
    ['link', ['sampleResponses', 'sampleReplicaReplies']],
  ];
  for (const [who, allowed] of rows) {
    for (const [name, sample] of Object.entries(kinds)) {
      const world = CoordinatorWorld.linked();
      const connection =
        who === 'client' ? CLIENT : who === 'peer' ? world.peer(2) : world.linkOf(1);
      says(world, connection, sample());
      const expected = allowed.includes(name) ? [] : [connection];
      assert.equal(hangUps(world), expected, `${name} from a ${who}`);
    }
  }
});

test('[C1] a frame that is not valid does nothing, and closes its connection only', () => {
  const world = CoordinatorWorld.linked();
  world.greet(2, 'client', '');
  const bad = collectFrame(put(1, 'k', 'v'));
  bad[FRAME.operationCount] = 2;
  const source = CONNECTION_TARGET;
  world.step(
    [],
    [
      { source: source + 1, frame: bad },
      { source: source + 2, frame: collectFrame(put(2, 'k', 'v')) },
    ],
  );
  assert.equal(hangUps(world), [1]);
  assert.is(world.sentToShard().length, 1);
  assert.is(world.figures()['framesRejected'], 1);
});

test('[C1] what follows on a connection that is being closed does nothing, in the same step or later', () => {
  const world = CoordinatorWorld.linked();
  const bad = collectFrame(put(1, 'k', 'v'));
  bad[FRAME.due] = 1;
  says(world, CLIENT, bad, collectFrame(put(2, 'k', 'v')));
  says(world, CLIENT, collectFrame(put(3, 'k', 'v')), bad);
  world.step([{ kind: 'malformed', connection: CLIENT, reason: 'text' }]);
  assert.equal(hangUps(world), [CLIENT]);
  assert.equal(world.sentToShard(), []);
  world.step([{ kind: 'disconnected', connection: CLIENT, reason: 'closed' }]);
  says(world, CLIENT, collectFrame(put(4, 'k', 'v')));
  assert.equal(world.sentToShard(), []);
});

test('[C1] a peer of another cluster or ring is not greeted', () => {
  const wrongs = [
    { ...helloOf('peer', 'node-1'), clusterId: 'other' },
    { ...helloOf('peer', 'node-1'), ringHash: 'other' },
    helloOf('peer', 'stranger'),
    helloOf('peer', 'node-0'),
  ];
  for (const hello of wrongs) {
    const world = CoordinatorWorld.linked();
    world.step([{ kind: 'connected', connection: 5, peer: -1 }]);
    world.step([], [controlArrival(5, hello)]);
    assert.equal(hangUps(world), [5]);
  }
});

test('[C2] every request of a mixed frame is answered in the end', () => {
  const world = CoordinatorWorld.linked(ALONE);
  says(world, CLIENT, sampleRequests());
  const refused = world.sentTo(CLIENT).length;
  assert.is(refused, 7);
  world.ask(CLIENT, (writer) => {
    for (let id = 1; id <= 100; id += 1)
      (id % 2 ? get(id, `k${id}`) : put(id, `k${id}`, 'v'))(writer);
  });
  const sent = world.sentToShard();
  const half = sent.filter((_, index) => index % 4 < 2);
  world.shardReplies(
    half.map((one, index) => {
      const kind = index % 2 === 0 ? REPLY_KIND.read : REPLY_KIND.written;
      const id = Number(one.words[one.offset + 9]! > 0);
      return [one, { kind: id === 1 ? REPLY_KIND.written : kind, record: VALUE }] as const;
    }),
  );
  world.passes(5000);
  const ids = world.sentTo(CLIENT).map(requestIdOf);
  assert.is(new Set(ids).size, 100);
  assert.is(ids.length, 100);
  assert.is(world.figures()['inFlight'], 0);
});

test('[C2] requests outlive a client that has gone, and end', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'k', 'v'));
  world.step([{ kind: 'disconnected', connection: CLIENT, reason: 'gone' }]);
  const [write] = world.sentToShard();
  world.shardReplies([[write!, { kind: REPLY_KIND.forward, record: VALUE }]]);
  const stores = [1, 2].map((node) => world.sentToNode(node)[0]!);
  world.shardReplies([[write!, { kind: REPLY_KIND.written, record: VALUE }]]);
  stores.forEach((store, index) =>
    world.nodeReplies(index + 1, store, { kind: REPLY_KIND.stored }),
  );
  assert.is(world.figures()['inFlight'], 0);
});

test('[PQ1] questions of status and ring go to their actors, and their answers back to who asked', () => {
  const world = CoordinatorWorld.linked();
  world.greet(2, 'client', '');
  world.step(
    [],
    [
      controlArrival(1, { kind: 'statusRequest', requestId: 40 }),
      controlArrival(2, { kind: 'statusRequest', requestId: 40 }),
      controlArrival(2, { kind: 'ringRequest', requestId: 41 }),
    ],
  );
  const asked = world.takeEffects().flatMap((effect) => (effect.kind === 'tell' ? [effect] : []));
  assert.equal(
    asked.map(({ to }) => to),
    ['main', 'main', 'ring-manager'],
  );
  const [first, second, third] = asked.map(({ message }) =>
    'request' in message ? message.request : -1,
  );
  const bytes = Uint8Array.of(1, 2, 3);
  world.step([
    { kind: 'told', from: 'main', message: { kind: 'status', request: second!, json: '{"b":1}' } },
    { kind: 'told', from: 'ring-manager', message: { kind: 'ring', request: third!, bytes } },
    { kind: 'told', from: 'main', message: { kind: 'status', request: first!, json: '{"a":1}' } },
    { kind: 'told', from: 'main', message: { kind: 'status', request: first!, json: '{"a":1}' } },
  ]);
  assert.equal(world.takeControl(1), [{ kind: 'status', requestId: 40, json: '{"a":1}' }]);
  assert.equal(world.takeControl(2), [
    { kind: 'status', requestId: 40, json: '{"b":1}' },
    { kind: 'ring', requestId: 41, bytes },
  ]);
});

test('[PQ1] a command of an operator goes to main as it is, and its answer back to who asked', () => {
  const world = CoordinatorWorld.linked();
  world.greet(2, 'client', '');
  const command = 'snapshot-create';
  const argument = '{"nodeId":"n1","name":"monday"}';
  world.step([], [controlArrival(2, { kind: 'adminRequest', requestId: 5, command, argument })]);
  const [asked] = world.takeEffects().filter((effect) => effect.kind === 'tell');
  assert.equal(asked, {
    kind: 'tell',
    to: 'main',
    message: { kind: 'admin-wanted', request: 1, command, argument },
  });
  const json = '{"ok":true}';
  world.step([{ kind: 'told', from: 'main', message: { kind: 'admin', request: 1, json } }]);
  assert.equal(world.takeControl(1), []);
  assert.equal(world.takeControl(2), [{ kind: 'adminReply', requestId: 5, json }]);
});

test('[PQ2] one client that asks without end does not take the others their answers', () => {
  const world = CoordinatorWorld.linked();
  world.greet(2, 'client', '');
  const flood = Array.from({ length: 250 }, (_, requestId) =>
    controlArrival(2, { kind: 'statusRequest', requestId }),
  );
  world.step([], [...flood, controlArrival(1, { kind: 'statusRequest', requestId: 7 })]);
  const requests = world
    .takeEffects()
    .flatMap((effect) =>
      effect.kind === 'tell' && 'request' in effect.message ? [effect.message.request] : [],
    );
  const request = requests.at(-1)!;
  world.step([], flood.slice(0, 100));
  world.step([{ kind: 'told', from: 'main', message: { kind: 'status', request, json: '{}' } }]);
  assert.equal(world.takeControl(1), [{ kind: 'status', requestId: 7, json: '{}' }]);
});

test('links are dialled at the start, and again after their end', () => {
  const world = new CoordinatorWorld();
  const dials = (): number[] =>
    world.takeEffects().flatMap((effect) => (effect.kind === 'dial' ? [effect.peer] : []));
  assert.equal(dials(), [1, 2]);
  world.linkUp(1);
  world.linkDown(1);
  world.passes(3000);
  assert.equal(dials(), [1]);
});

test('equal steps give equal hashes, and work shows in them', () => {
  const hashes = [1, 2].map(() => {
    const world = CoordinatorWorld.linked();
    const before = world.hash();
    world.ask(CLIENT, put(1, 'k', 'v'));
    return [before, world.hash()] as const;
  });
  assert.equal(hashes[0], hashes[1]);
  assert.is.not(hashes[0]![0], hashes[0]![1]);
});

test('a put that meets its quorum is answered with success, end to end', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'k', 'v'));
  const [write] = world.sentToShard();
  world.shardReplies([
    [write!, { kind: REPLY_KIND.forward, record: VALUE }],
    [write!, { kind: REPLY_KIND.written, record: VALUE }],
  ]);
  world.nodeReplies(2, world.sentToNode(2)[0]!, { kind: REPLY_KIND.stored });
  assert.equal(world.sentTo(CLIENT).map(statusOf), [STATUS_OK]);
  assert.is(ERRORS.UNAVAILABLE.outcome, 'not-applied');
});

test.run();
