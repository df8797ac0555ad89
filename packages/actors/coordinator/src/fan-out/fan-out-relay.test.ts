// A node that another data centre's coordinator has chosen for its relay: whom it passes a store on to,
// what it passes back, and what it does where it cannot.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  FRAME,
  PASSED_ON,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  TAG,
} from '@clockwise/protocol/frame';
import { collectFrame } from '@clockwise/protocol/frame-corpus';
import { HEADER } from '@clockwise/record/layout';
import { OWED } from '@clockwise/record/hidden';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  type Sent,
  type WorldOptions,
} from '../coordinator-world.ts';
import { record } from '../requests/sample-requests.ts';

const RECORD = record({ dots: [[9, 1_700_000_000_000]] });
const { stored } = REPLY_KIND;
const { UNAVAILABLE, NOT_READY, DISK_FULL, HINTS_FULL } = ERRORS;
const REMAINING_MS = 300;
/** Slot and generation of the put at the node that asks. */
const ASKER = [77, 1234] as const;
const PASSED = 0b110;

interface Asked {
  readonly one: CoordinatorWorld;
  readonly peer: number;
}

/** Nodes 0 to 2 hold positions 0 to 2 here, node 3 may stand in; nodes 4 and 5 are far away. */
function world(options: WorldOptions = {}): Asked {
  const one = CoordinatorWorld.linked({
    nodeCount: 6,
    replicas: [0, 1, 2, 4, 5],
    dataCentres: ['here', 'here', 'here', 'here', 'far', 'far'],
    limits: { lateAcksMs: 100 },
    ...options,
  });
  return { one, peer: one.peer(4) };
}

function ask({ one, peer }: Asked, fanOut = PASSED, bucketId = 1): void {
  const frame = collectFrame((writer) => {
    const wordCount = REPLICA_STORE_HEADER_WORDS + RECORD.length;
    const start = writer.begin(TAG.replicaRequest, wordCount);
    const { words } = writer;
    words.fill(0, start, start + REPLICA_STORE_HEADER_WORDS);
    words[start + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.store;
    words[start + REPLICA_REQUEST.slot] = ASKER[0];
    words[start + REPLICA_REQUEST.slotGeneration] = ASKER[1];
    words[start + REPLICA_STORE.fanOut] = fanOut;
    words.set(RECORD, start + REPLICA_STORE_HEADER_WORDS);
    words[start + REPLICA_STORE_HEADER_WORDS + HEADER.bucketId] = bucketId;
    writer.end(wordCount);
  });
  frame[FRAME.remainingMs] = REMAINING_MS;
  one.step([], [{ source: CONNECTION_TARGET + peer, frame }]);
}

/** Of the stores that each node was sent: the last one. */
function passed({ one }: Asked): Map<number, Sent> {
  const found = new Map<number, Sent>();
  for (let node = 1; node < one.ring.nodes.length; node += 1) {
    for (const sent of one.sentToNode(node)) {
      assert.is(opcodeOf(sent), REPLICA_OPCODE.store);
      assert.is(field(sent, REPLICA_STORE.fanOut), 0, 'nobody passes on what was passed on');
      const at = sent.offset + REPLICA_STORE_HEADER_WORDS;
      assert.equal(sent.words.slice(at, at + RECORD.length), RECORD);
      found.set(node, sent);
    }
  }
  return found;
}

/** What was passed back: status, and position or, of the relay itself, -1; with `s` of a stand-in. */
function told({ one, peer }: Asked): string[] {
  return one.sentTo(peer).map((sent) => {
    assert.is(field(sent, REPLICA_REPLY.kind) & 0xff, stored);
    assert.is(field(sent, REPLICA_REPLY.slot), ASKER[0]);
    assert.is(field(sent, REPLICA_REPLY.slotGeneration), ASKER[1]);
    const word = field(sent, REPLICA_REPLY.recordCount);
    const position = (word & PASSED_ON.positionMask) - 1;
    const standIn = (word & PASSED_ON.standIn) === 0 ? '' : 's';
    return `${(field(sent, REPLICA_REPLY.kind) >>> 8) & 0xffff} ${position}${standIn}`;
  });
}

function inFlight({ one }: Asked): number {
  return Number(one.figures()['inFlight']);
}

test('[FO4] a relay stores, passes on, and passes back what each says when it says it', () => {
  const asked = world();
  const { one } = asked;
  ask(asked);
  const [own] = one.sentToShard();
  const sent = passed(asked);
  assert.equal([...sent.keys()], [1, 2]);
  assert.equal(told(asked), []);
  one.nodeReplies(2, sent.get(2)!, { kind: stored, durability: 1 });
  const [answer] = one.sentTo(asked.peer);
  assert.is(field(answer!, REPLICA_REPLY.durability), 1);
  assert.is(field(answer!, REPLICA_REPLY.recordCount), 3);
  one.nodeReplies(2, sent.get(2)!, { kind: stored });
  assert.equal(told(asked), [], 'once');
  one.shardReplies([[own!, { kind: stored, record: RECORD }]]);
  assert.equal(told(asked), ['0 -1']);
  one.nodeReplies(1, sent.get(1)!, { kind: stored, status: DISK_FULL.code });
  assert.equal(told(asked), [`${DISK_FULL.code} 1`]);
  assert.is(inFlight(asked), 0);
  assert.is(one.figures()['passedOn'], 2);
});

test('[FO4] what is passed on waits as long as whoever asked, and no longer', () => {
  const asked = world();
  const { one } = asked;
  ask(asked);
  const sent = passed(asked);
  const { words } = sent.get(1)!;
  assert.is(words[FRAME.remainingMs], REMAINING_MS);
  one.passes(REMAINING_MS + 50);
  assert.is(inFlight(asked), 0);
  one.nodeReplies(1, sent.get(1)!, { kind: stored });
  assert.equal(told(asked), []);
});

test('[FO5] where a primary cannot be used a stand-in of its data centre is passed a copy for it', () => {
  const asked = world();
  const { one } = asked;
  one.linkDown(2);
  ask(asked);
  const sent = passed(asked);
  assert.equal([...sent.keys()], [1, 3]);
  const copy = sent.get(3)!;
  assert.is((field(copy, REPLICA_REQUEST.opcode) >>> 8) & 0xff, REPLICA_REQUEST_FLAG.hint);
  assert.is(field(copy, REPLICA_STORE.owed) & OWED.positionMask, 0b100);
  one.nodeReplies(3, copy, { kind: stored });
  assert.equal(told(asked), ['0 2s']);
});

test('[FO5] a stand-in that refuses, and a node that is lost, are told of as not passed on', () => {
  const asked = world();
  const { one } = asked;
  one.linkDown(2);
  ask(asked);
  const sent = passed(asked);
  one.nodeReplies(3, sent.get(3)!, { kind: stored, status: HINTS_FULL.code });
  assert.equal(told(asked), [`${UNAVAILABLE.code} 2`]);
  one.linkDown(1);
  assert.equal(told(asked), [`${UNAVAILABLE.code} 1`]);
  assert.is(inFlight(asked), 0);
});

test('[FO5] what cannot be passed on at all is told at once, and the own shard is not asked for it', () => {
  const asked = world();
  const { one } = asked;
  for (const node of [1, 2, 3]) one.linkDown(node);
  ask(asked);
  assert.equal(told(asked), [`${UNAVAILABLE.code} 1`, `${UNAVAILABLE.code} 2`]);
  assert.is(one.sentToShard().length, 1);
  assert.is(inFlight(asked), 0);
});

test('[FO5] a relay whose own shard is down passes on all the same', () => {
  const asked = world();
  const { one } = asked;
  one.step([{ kind: 'channel-down', target: 0 }]);
  ask(asked);
  assert.equal([...passed(asked).keys()], [1, 2]);
  assert.equal(told(asked), [`${NOT_READY.code} -1`]);
  one.step([{ kind: 'channel-up', target: 0 }]);
  ask(asked);
  passed(asked);
  one.step([{ kind: 'channel-down', target: 0 }]);
  assert.is(inFlight(asked), 2, 'a shard that goes down takes nothing along that it was not asked');
});

test('[FO5] positions of other data centres, its own, and such as there are none are refused', () => {
  const asked = world();
  ask(asked, 0xffff);
  assert.equal([...passed(asked).keys()], [1, 2]);
  const refused = told(asked);
  const others = Array.from({ length: 16 }, (_, position) => position).filter(
    (position) => position !== 1 && position !== 2,
  );
  assert.equal(
    refused,
    others.map((position) => `${UNAVAILABLE.code} ${position}`),
  );
});

test('[FO5] who is on no list, knows no such bucket, or has one data centre passes nothing on', () => {
  const everyone: WorldOptions[] = [
    { replicas: [1, 2, 4, 5] },
    { dataCentres: ['here', 'here', 'here', 'here', 'here', 'here'] },
  ];
  for (const options of everyone) {
    const asked = world(options);
    ask(asked);
    assert.equal([...passed(asked).keys()], []);
    assert.equal(told(asked), [`${UNAVAILABLE.code} 1`, `${UNAVAILABLE.code} 2`]);
    assert.is(asked.one.figures()['fanOutsRefused'], 1);
  }
  const asked = world();
  ask(asked, PASSED, 99);
  assert.equal(told(asked), [`${UNAVAILABLE.code} 1`, `${UNAVAILABLE.code} 2`]);
});

test('[FO6] H1 stores that are passed on have a quarter of the slots; beyond, the asker hears of it', () => {
  const asked = world({ limits: { requestsInFlightMax: 8, lateAcksMs: 100 } });
  const { one } = asked;
  for (let count = 0; count < 4; count += 1) ask(asked);
  assert.is(inFlight(asked), 2);
  const refusals = Array.from({ length: 2 }, () => [
    `${UNAVAILABLE.code} 1`,
    `${UNAVAILABLE.code} 2`,
  ]);
  assert.equal(told(asked), refusals.flat());
  assert.is(one.sentToShard().length, 4, 'each is stored here');
  one.passes(REMAINING_MS + 50);
  ask(asked);
  assert.is(inFlight(asked), 1, 'and takes them again');
});

test('[FO6] where half of them are in use, nodes that hang are waited for no longer than after an answer', () => {
  const asked = world({ limits: { requestsInFlightMax: 16, lateAcksMs: 100 } });
  const { one } = asked;
  for (let count = 0; count < 4; count += 1) ask(asked);
  assert.is(inFlight(asked), 4);
  one.passes(150);
  assert.is(inFlight(asked), 2);
  one.passes(REMAINING_MS);
  assert.is(inFlight(asked), 0);
});

test('[FO5] nobody is told of a position whose asker has gone', () => {
  const asked = world();
  const { one, peer } = asked;
  ask(asked);
  const sent = passed(asked);
  one.step([{ kind: 'disconnected', connection: peer, reason: 'cut' }]);
  one.greet(peer, 'client', '');
  for (const node of [1, 2]) one.nodeReplies(node, sent.get(node)!, { kind: stored });
  assert.equal(one.sentTo(peer), []);
  assert.is(inFlight(asked), 0);
});

test.run();
