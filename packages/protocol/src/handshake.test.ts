import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONTROL_MESSAGES } from './control-messages.ts';
import type { ControlKind, Hello, Welcome } from './control-messages.ts';
import { TAG } from './frame.ts';
import {
  CONNECTION,
  admitsControl,
  admitsTag,
  judgeHello,
  judgeWelcome,
  stateAfterHello,
  stateAfterWelcome,
} from './handshake.ts';
import type { HandshakeVerdict, Self } from './handshake.ts';

const SELF: Self = {
  endpoint: 'coordinator',
  protocolVersionMin: 2,
  protocolVersionMax: 4,
  clusterId: 'east',
  nodeId: 'n1',
  session: { high: 1, low: 2 },
  epoch: 5,
  ringHash: 'abc',
  members: ['n1', 'n2', 'n3'],
};

const PEER: Hello = {
  kind: 'hello',
  protocolVersionMin: 1,
  protocolVersionMax: 3,
  role: 'peer',
  clusterId: 'east',
  session: { high: 9, low: 9 },
  nodeId: 'n2',
  epoch: 5,
  ringHash: 'abc',
  featureBits: 0,
};
const CLIENT: Hello = {
  ...PEER,
  role: 'client',
  clusterId: '',
  nodeId: '',
  epoch: 0,
  ringHash: '',
};

const WELCOME: Welcome = {
  kind: 'welcome',
  protocolVersion: 3,
  clusterId: 'east',
  nodeId: 'n2',
  bootId: { high: 9, low: 9 },
  epoch: 5,
  ringHash: 'abc',
  featureBits: 0,
  partitionCount: 256,
  keyBytesMax: 1024,
  valueBytesMax: 10240,
  contextEntriesMax: 64,
  frameBytesMax: 4_194_304,
  frameOperationsMax: 4096,
  inFlightMax: 1024,
  buckets: [],
  addresses: [],
};

function outcome(verdict: HandshakeVerdict): string | number {
  return verdict.accept ? verdict.version : verdict.error;
}

test('[HS2] a hello is judged by cluster, version, ring and node', () => {
  const table: readonly (readonly [Partial<Hello>, string | number])[] = [
    [{}, 3],
    [{ protocolVersionMin: 4, protocolVersionMax: 9 }, 4],
    [{ protocolVersionMin: 5, protocolVersionMax: 9 }, 'WRONG_VERSION'],
    [{ protocolVersionMin: 0, protocolVersionMax: 1 }, 'WRONG_VERSION'],
    [{ protocolVersionMin: 4, protocolVersionMax: 2 }, 'BAD_REQUEST'],
    [{ clusterId: 'west' }, 'WRONG_CLUSTER'],
    [{ clusterId: '' }, 'WRONG_CLUSTER'],
    [{ ringHash: 'abd' }, 'WRONG_RING'],
    [{ ringHash: 'abd', epoch: 6 }, 'STALE_EPOCH'],
    [{ epoch: 4 }, 'STALE_EPOCH'],
    [{ nodeId: 'n9' }, 'WRONG_RING'],
    [{ nodeId: 'n9', epoch: 6 }, 'STALE_EPOCH'],
    [{ nodeId: '' }, 'BAD_REQUEST'],
    [{ nodeId: 'n1' }, 'BAD_REQUEST'],
    [{ nodeId: 'n1', session: SELF.session }, 'BAD_REQUEST'],
  ];
  for (const [change, expected] of table) {
    assert.is(outcome(judgeHello({ ...PEER, ...change }, SELF)), expected, JSON.stringify(change));
  }
});

test('[HS2] gossipers of two epochs talk, and say which is the newest', () => {
  const gossiper: Self = { ...SELF, endpoint: 'gossiper' };
  for (const other of [{ epoch: 4 }, { epoch: 6, ringHash: 'abd' }, { epoch: 6, nodeId: 'n9' }]) {
    assert.is(outcome(judgeHello({ ...PEER, ...other }, gossiper)), 3);
    assert.is(outcome(judgeWelcome({ ...WELCOME, ...other }, gossiper, '')), 3);
  }
});

test('[HS2] a client need not know the cluster, but must not expect another', () => {
  assert.is(outcome(judgeHello(CLIENT, SELF)), 3);
  assert.is(outcome(judgeHello({ ...CLIENT, clusterId: 'east' }, SELF)), 3);
  assert.is(outcome(judgeHello({ ...CLIENT, clusterId: 'west' }, SELF)), 'WRONG_CLUSTER');
  assert.is(outcome(judgeHello(CLIENT, { ...SELF, endpoint: 'gossiper' })), 'BAD_REQUEST');
});

test('[HS2] a welcome is judged as strictly as a hello', () => {
  const table: readonly (readonly [Partial<Welcome>, string | number])[] = [
    [{}, 3],
    [{ protocolVersion: 5 }, 'WRONG_VERSION'],
    [{ protocolVersion: 1 }, 'WRONG_VERSION'],
    [{ clusterId: 'west' }, 'WRONG_CLUSTER'],
    [{ nodeId: 'n3' }, 'WRONG_RING'],
    [{ ringHash: 'abd' }, 'WRONG_RING'],
    [{ ringHash: 'abd', epoch: 4 }, 'STALE_EPOCH'],
  ];
  for (const [change, expected] of table) {
    const verdict = judgeWelcome({ ...WELCOME, ...change }, SELF, 'n2');
    assert.is(outcome(verdict), expected, JSON.stringify(change));
  }
  assert.is(outcome(judgeWelcome({ ...WELCOME, nodeId: 'n1' }, SELF, '')), 'BAD_REQUEST');
  const client: Self = { ...SELF, endpoint: 'client', clusterId: '', nodeId: '' };
  assert.is(outcome(judgeWelcome(WELCOME, client, '')), 3);
  assert.is(outcome(judgeWelcome(WELCOME, { ...client, clusterId: 'west' }, '')), 'WRONG_CLUSTER');
});

test('[HS1] I7 before the handshake only the handshake is heard', () => {
  for (const tag of Object.values(TAG)) {
    assert.is(admitsTag(CONNECTION.awaitingHello, tag), tag === TAG.control);
    assert.is(admitsTag(CONNECTION.awaitingWelcome, tag), tag === TAG.control);
    assert.not.ok(admitsTag(CONNECTION.closed, tag));
  }
  for (const kind of Object.keys(CONTROL_MESSAGES) as ControlKind[]) {
    const isHello = kind === 'hello' || kind === 'goodbye';
    const isWelcome = kind === 'welcome' || kind === 'goodbye';
    assert.is(admitsControl(CONNECTION.awaitingHello, 'coordinator', kind), isHello, kind);
    assert.is(admitsControl(CONNECTION.awaitingWelcome, 'client', kind), isWelcome, kind);
    assert.not.ok(admitsControl(CONNECTION.closed, 'coordinator', kind));
  }
});

test('[HS3] I7 answers come only from who is asked, and nobody greets twice', () => {
  assert.is(stateAfterHello(CLIENT), CONNECTION.client);
  assert.is(stateAfterHello(PEER), CONNECTION.peer);
  assert.is(stateAfterWelcome(SELF), CONNECTION.peer);
  assert.is(stateAfterWelcome({ ...SELF, endpoint: 'client' }), CONNECTION.server);
  const tagsOf = (state: 2 | 3 | 4): number[] =>
    Object.values(TAG).filter((tag) => admitsTag(state, tag));
  assert.equal(tagsOf(CONNECTION.client), [TAG.request, TAG.control]);
  assert.equal(tagsOf(CONNECTION.server), [TAG.response, TAG.control]);
  assert.equal(tagsOf(CONNECTION.peer), Object.values(TAG));
  for (const state of [CONNECTION.client, CONNECTION.server, CONNECTION.peer] as const) {
    assert.not.ok(admitsControl(state, 'coordinator', 'hello'));
    assert.not.ok(admitsControl(state, 'coordinator', 'welcome'));
  }
  assert.not.ok(admitsControl(CONNECTION.client, 'coordinator', 'status'));
  assert.not.ok(admitsControl(CONNECTION.client, 'coordinator', 'heartbeat'));
  assert.ok(admitsControl(CONNECTION.client, 'coordinator', 'adminRequest'));
  assert.ok(admitsControl(CONNECTION.server, 'client', 'adminReply'));
  assert.not.ok(admitsControl(CONNECTION.peer, 'coordinator', 'adminRequest'));
  assert.ok(admitsControl(CONNECTION.peer, 'gossiper', 'heartbeat'));
  assert.not.ok(admitsControl(CONNECTION.peer, 'control', 'heartbeat'));
  assert.ok(admitsControl(CONNECTION.peer, 'control', 'roots'));
});

test('[HS1] I7 tags and states beyond the known ones admit nothing', () => {
  for (const tag of [0, 6, 31, 32, 33, 255]) {
    assert.not.ok(admitsTag(CONNECTION.peer, tag), String(tag));
  }
});

test.run();
