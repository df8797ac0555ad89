// A put's copies to other data centres, one to each: which node is the relay, what counts of what it
// passes back, and what follows where it cannot account for those behind it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  LEVEL,
  PASSED_ON,
  REPLICA_NOTE,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLY_KIND,
  REQUEST_FLAG,
  TAG,
} from '@clockwise/protocol/frame';
import { bodyExplanation } from '@clockwise/protocol/response-body';
import { responsePrimaries, responseReplicas } from '@clockwise/protocol/response-reader';
import { OWED } from '@clockwise/record/hidden';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  type Sent,
  statusOf,
  type WorldOptions,
} from '../coordinator-world.ts';
import { put, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
const MERGED = record({ dots: [[9, 1]] });
const { forward, written, stored, read } = REPLY_KIND;
const { eachQuorum, localQuorum, all } = LEVEL;
const LATE_MS = 100;
/** Positions of the other data centre. */
const ELSEWHERE = [3, 4, 5];

/** Two data centres of three nodes, which all hold everything; node 0 is the one that is asked. */
function world(options: WorldOptions = {}): CoordinatorWorld {
  return CoordinatorWorld.linked({
    nodeCount: 6,
    dataCentres: ['one', 'one', 'one', 'two', 'two', 'two'],
    limits: { lateAcksMs: LATE_MS },
    ...options,
  });
}

/** A put that has been forwarded, and the copies that went out, by node. */
interface Forwarded {
  readonly one: CoordinatorWorld;
  readonly write: Sent;
  readonly copies: Map<number, Sent>;
  /** In the other data centre: who was sent one, and the others. */
  readonly relay: number;
  readonly behind: readonly number[];
}

function copiesOf(one: CoordinatorWorld): Map<number, Sent> {
  const found = new Map<number, Sent>();
  for (let node = 1; node < one.ring.nodes.length; node += 1) {
    const sent = one.sentToNode(node).filter(({ tag }) => tag === TAG.replicaRequest);
    if (sent.length > 0) found.set(node, sent.at(-1)!);
  }
  return found;
}

function forwarded(one: CoordinatorWorld, level: number, flags = 0): Forwarded {
  one.ask(CLIENT, put(1, 'k', 'value', { level, flags }));
  const [write] = one.sentToShard();
  assert.is(opcodeOf(write!), REPLICA_OPCODE.write);
  one.shardReplies([[write!, { kind: forward, record: MERGED }]]);
  const copies = copiesOf(one);
  const relays = ELSEWHERE.filter((node) => copies.has(node));
  assert.is(relays.length, 1, 'one copy crosses');
  const relay = relays[0]!;
  const behind = ELSEWHERE.filter((node) => node !== relay);
  return { one, write: write!, copies, relay, behind };
}

function fanOutOf(sent: Sent): number {
  return field(sent, REPLICA_STORE.fanOut);
}

function bits(positions: readonly number[]): number {
  return positions.reduce((sum, position) => sum | (1 << position), 0);
}

interface Word {
  readonly status?: number;
  readonly standIn?: boolean;
}

/** The relay says what has become of a position. */
function passBack(
  { one, copies, relay }: Forwarded,
  position: number,
  { status = STATUS_OK, standIn = false }: Word = {},
): void {
  const passedOn = (position + 1) | (standIn ? PASSED_ON.standIn : 0);
  one.nodeReplies(relay, copies.get(relay)!, { kind: stored, status, passedOn });
}

function acknowledge(one: CoordinatorWorld, node: number, sent: Sent): void {
  one.nodeReplies(node, sent, { kind: stored });
}

function ownWritten({ one, write }: Forwarded): void {
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
}

function suspect(one: CoordinatorWorld, node: number): void {
  const message = { kind: 'peer-state', nodeId: `node-${node}`, state: 'down' } as const;
  one.step([{ kind: 'told', from: 'gossiper', message }]);
}

/** Of each answer: status, positions and primaries. */
function answers(one: CoordinatorWorld): (readonly [number, number, number])[] {
  return one
    .sentTo(CLIENT)
    .map(({ words, offset, tag }) => [
      statusOf({ words, offset, tag }),
      responseReplicas(words, offset),
      responsePrimaries(words, offset),
    ]);
}

/** The own shard reads again what it was asked for; the copies that go out then. */
function readAgain(one: CoordinatorWorld): Map<number, Sent> {
  const asked = one.sentToShard().filter((sent) => opcodeOf(sent) === REPLICA_OPCODE.read);
  assert.is(asked.length, 1, 'the own shard is asked once');
  one.shardReplies([[asked[0]!, { kind: read, record: MERGED }]]);
  return copiesOf(one);
}

function notes(one: CoordinatorWorld): number[] {
  return one
    .sentToShard()
    .filter((sent) => opcodeOf(sent) === REPLICA_OPCODE.note)
    .map((sent) => field(sent, REPLICA_NOTE.owed) & OWED.positionMask);
}

test('[FO1] one copy crosses to the other data centre, with the positions that it is for besides', () => {
  const underWay = forwarded(world(), localQuorum);
  const { copies, relay, behind } = underWay;
  assert.equal([...copies.keys()], [1, 2, relay]);
  assert.equal(
    [1, 2].map((node) => fanOutOf(copies.get(node)!)),
    [0, 0],
  );
  assert.is(fanOutOf(copies.get(relay)!), bits(behind));
  assert.is(underWay.one.figures()['copiesAcross'], 1);
});

test('[FO1] the primaries there are the relay in turn; none that cannot be used is', () => {
  const healthy = world();
  const relays = [1, 2, 3].map(() => forwarded(healthy, localQuorum).relay);
  assert.is(new Set(relays).size, 3);
  const one = world();
  one.linkDown(3);
  suspect(one, 4);
  assert.equal(
    [1, 2, 3].map(() => forwarded(one, localQuorum).relay),
    [5, 5, 5],
  );
  assert.is(
    fanOutOf(forwarded(one, localQuorum).copies.get(5)!),
    bits([3, 4]),
    'it decides itself',
  );
});

test('[FO1] [FO7] where all there are suspected, a copy crosses only if the level needs it, and else a mark is made', () => {
  for (const level of [eachQuorum, localQuorum]) {
    const one = world();
    one.ask(CLIENT, put(1, 'k', 'value', { level }));
    const [write] = one.sentToShard();
    for (const node of ELSEWHERE) suspect(one, node);
    one.shardReplies([[write!, { kind: forward, record: MERGED }]]);
    const copies = copiesOf(one);
    const crossed = ELSEWHERE.filter((node) => copies.has(node));
    assert.is(crossed.length, level === eachQuorum ? 1 : 0);
    one.shardReplies([[write!, { kind: written, record: MERGED }]]);
    for (const node of [1, 2]) acknowledge(one, node, copies.get(node)!);
    if (level === eachQuorum) continue;
    assert.equal(answers(one), [[STATUS_OK, 2, 2]]);
    assert.equal(notes(one), [bits(ELSEWHERE)]);
    assert.is(one.figures()['inFlight'], 0, 'nothing is waited for');
  }
});

test('[FO1] three data centres are sent a copy each; a single position needs no relay', () => {
  const one = world({ dataCentres: ['one', 'one', 'two', 'two', 'two', 'three'] });
  one.ask(CLIENT, put(1, 'k', 'value', { level: localQuorum }));
  const [write] = one.sentToShard();
  one.shardReplies([[write!, { kind: forward, record: MERGED }]]);
  const copies = copiesOf(one);
  assert.is(copies.size, 3);
  assert.is(fanOutOf(copies.get(5)!), 0);
  const [relay] = [2, 3, 4].filter((node) => copies.has(node));
  assert.is(fanOutOf(copies.get(relay!)!), bits([2, 3, 4].filter((node) => node !== relay)));
});

test('[FO2] each-quorum is answered by what a relay says for itself and passes back, and not before', () => {
  const underWay = forwarded(world(), eachQuorum);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  acknowledge(one, 1, copies.get(1)!);
  acknowledge(one, relay, copies.get(relay)!);
  acknowledge(one, relay, copies.get(relay)!);
  assert.equal(answers(one), [], 'it has counted for itself alone');
  passBack(underWay, behind[0]!);
  assert.equal(answers(one), [[STATUS_OK, 4, 4]]);
  passBack(underWay, behind[0]!);
  passBack(underWay, behind[1]!);
  acknowledge(one, 2, copies.get(2)!);
  one.passes(LATE_MS + 50);
  assert.equal(notes(one), [], 'nobody is owed anything');
  assert.is(one.figures()['inFlight'], 0);
});

test('[FO2] what another node, or of another position, is passed back counts for nothing', () => {
  const underWay = forwarded(world(), all);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  for (const node of [1, 2, relay]) acknowledge(one, node, copies.get(node)!);
  passBack(underWay, behind[0]!);
  // A node that was asked nothing, one that is asked for itself, and positions that no relay has.
  const passedOn = behind[1]! + 1;
  one.nodeReplies(behind[0]!, copies.get(relay)!, { kind: stored, passedOn });
  one.nodeReplies(1, copies.get(1)!, { kind: stored, passedOn });
  acknowledge(one, behind[1]!, copies.get(relay)!);
  for (const position of [0, 1, 2, relay, 15]) passBack(underWay, position);
  assert.equal(answers(one), []);
  passBack(underWay, behind[1]!);
  assert.equal(answers(one), [[STATUS_OK, 6, 6]]);
});

test('[FO2] [P4] a stand-in behind a relay counts, and never towards a strict level', () => {
  for (const flags of [0, REQUEST_FLAG.strict]) {
    const underWay = forwarded(world(), eachQuorum, flags);
    const { one, copies, relay, behind } = underWay;
    ownWritten(underWay);
    acknowledge(one, 1, copies.get(1)!);
    acknowledge(one, relay, copies.get(relay)!);
    passBack(underWay, behind[0]!, { standIn: true });
    assert.equal(answers(one), flags === 0 ? [[STATUS_OK, 4, 3]] : []);
    if (flags !== 0) {
      passBack(underWay, behind[1]!);
      assert.equal(answers(one), [[STATUS_OK, 4, 4]]);
    }
  }
});

test('[FO3] a relay that is lost forgets nobody: those behind it are sent the record, itself is owed it', () => {
  const underWay = forwarded(world(), eachQuorum);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  acknowledge(one, 1, copies.get(1)!);
  acknowledge(one, 2, copies.get(2)!);
  one.linkDown(relay);
  const again = readAgain(one);
  assert.equal([...again.keys()], behind);
  for (const node of behind) {
    assert.is(fanOutOf(again.get(node)!), 0);
    acknowledge(one, node, again.get(node)!);
  }
  assert.equal(answers(one), [[STATUS_OK, 5, 5]]);
  assert.equal(notes(one), [1 << relay]);
});

test('[FO3] what was passed back before the relay was lost stays counted', () => {
  const underWay = forwarded(world(), eachQuorum);
  const { one, relay, behind } = underWay;
  passBack(underWay, behind[0]!);
  one.linkDown(relay);
  assert.equal([...readAgain(one).keys()], [behind[1]!]);
});

test('[FO3] a node that only its own link to this one has lost is left to the relay', () => {
  const underWay = forwarded(world(), all);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  for (const node of [1, 2, relay]) acknowledge(one, node, copies.get(node)!);
  one.linkDown(behind[0]!);
  assert.equal(one.sentToShard(), []);
  passBack(underWay, behind[0]!);
  passBack(underWay, behind[1]!);
  assert.equal(answers(one), [[STATUS_OK, 6, 6]]);
});

test('[FO3] what a relay cannot pass on is sent directly; what the node itself refuses it is owed', () => {
  const underWay = forwarded(world(), eachQuorum);
  const { one, copies, relay, behind } = underWay;
  const [first, second] = behind as [number, number];
  ownWritten(underWay);
  for (const node of [1, 2, relay]) acknowledge(one, node, copies.get(node)!);
  passBack(underWay, first, { status: ERRORS.DISK_FULL.code });
  assert.equal(one.sentToShard(), []);
  passBack(underWay, second, { status: ERRORS.UNAVAILABLE.code });
  const again = readAgain(one);
  assert.equal([...again.keys()], [second]);
  passBack(underWay, second);
  assert.equal(answers(one), [], 'its relay has said that it is not there');
  acknowledge(one, second, again.get(second)!);
  assert.equal(answers(one), [[STATUS_OK, 5, 5]]);
  one.passes(LATE_MS + 50);
  assert.equal(notes(one), [1 << first]);
});

test('[FO3] a node whose shard is down is replaced, as without a relay', () => {
  const one = world({
    nodeCount: 7,
    replicas: [0, 1, 2, 3, 4, 5],
    dataCentres: ['one', 'one', 'one', 'two', 'two', 'two', 'two'],
  });
  const underWay = forwarded(one, eachQuorum);
  passBack(underWay, underWay.behind[0]!, { status: ERRORS.NOT_READY.code });
  const again = readAgain(one);
  assert.equal([...again.keys()], [6]);
  const flags = (field(again.get(6)!, REPLICA_REQUEST.opcode) >>> 8) & 0xff;
  assert.is(flags, REPLICA_REQUEST_FLAG.hint);
});

test('[FO3] a relay is not waited for until the deadline where the answer needs it', () => {
  for (const level of [eachQuorum, localQuorum]) {
    const underWay = forwarded(world(), level);
    const { one, copies, behind } = underWay;
    acknowledge(one, 1, copies.get(1)!);
    one.passes(600);
    if (level === localQuorum) {
      assert.equal(one.sentToShard(), []);
      continue;
    }
    const again = readAgain(one);
    assert.equal([...again.keys()], behind);
    // Both may answer: it counts once.
    passBack(underWay, behind[0]!);
    acknowledge(one, behind[0]!, again.get(behind[0]!)!);
    ownWritten(underWay);
    assert.equal(answers(one), []);
    acknowledge(one, behind[1]!, again.get(behind[1]!)!);
    assert.equal(answers(one), [[STATUS_OK, 4, 4]]);
  }
});

test('[FO3] where the own shard cannot be asked again, what the relay says is heard, and then it is', () => {
  const limits = { lateAcksMs: LATE_MS, replicaOperationsInFlightMax: 1 };
  const it = forwarded(world({ limits }), eachQuorum);
  const { one, copies, relay, behind } = it;
  one.passes(600);
  assert.equal(one.sentToShard(), [], 'its credit is spent on the write');
  ownWritten(it);
  acknowledge(one, 1, copies.get(1)!);
  acknowledge(one, relay, copies.get(relay)!);
  for (const position of behind) passBack(it, position, { status: ERRORS.UNAVAILABLE.code });
  const again = readAgain(one);
  assert.equal([...again.keys()], behind);
  assert.equal(answers(one), []);
  acknowledge(one, behind[0]!, again.get(behind[0]!)!);
  assert.equal(answers(one), [[STATUS_OK, 4, 4]]);
});

test('[FO3] a relay that is suspected may still pass back, beside those that are sent the record', () => {
  const underWay = forwarded(world(), all);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  for (const node of [1, 2]) acknowledge(one, node, copies.get(node)!);
  suspect(one, relay);
  const again = readAgain(one);
  assert.equal([...again.keys()], behind);
  acknowledge(one, relay, copies.get(relay)!);
  passBack(underWay, behind[0]!);
  acknowledge(one, behind[1]!, again.get(behind[1]!)!);
  assert.equal(answers(one), [[STATUS_OK, 6, 6]]);
});

test('[P5] a data centre of which nobody can be reached gets one mark for all of its positions', () => {
  const one = world();
  for (const node of ELSEWHERE) one.linkDown(node);
  one.ask(CLIENT, put(1, 'k', 'value', { level: localQuorum }));
  const [write] = one.sentToShard();
  one.shardReplies([[write!, { kind: forward, record: MERGED }]]);
  const copies = copiesOf(one);
  assert.equal([...copies.keys()], [1, 2]);
  one.shardReplies([[write!, { kind: written, record: MERGED }]]);
  for (const node of [1, 2]) acknowledge(one, node, copies.get(node)!);
  assert.equal(answers(one), [[STATUS_OK, 2, 2]]);
  assert.equal(notes(one), [bits(ELSEWHERE)]);
  assert.is(one.figures()['inFlight'], 0);
  one.ask(CLIENT, put(2, 'k', 'value', { level: eachQuorum }));
  assert.equal(answers(one), [[ERRORS.UNAVAILABLE.code, 0, 0]]);
  assert.equal(one.sentToShard(), [], 'nothing was made');
});

test('an explained put shows who was asked by way of a relay', () => {
  const underWay = forwarded(world(), eachQuorum, REQUEST_FLAG.explain);
  const { one, copies, relay, behind } = underWay;
  ownWritten(underWay);
  acknowledge(one, 1, copies.get(1)!);
  passBack(underWay, behind[0]!);
  acknowledge(one, relay, copies.get(relay)!);
  const [answer] = one.sentTo(CLIENT);
  const json = String.fromCharCode(...bodyExplanation(answer!.words, answer!.offset)!);
  const told = JSON.parse(json) as {
    replicas: readonly { node: string; outcome: string }[];
  };
  const outcomes = new Map(told.replicas.map(({ node, outcome }) => [node, outcome]));
  assert.is(outcomes.get(`node-${relay}`), 'ok');
  assert.is(outcomes.get(`node-${behind[0]}`), 'ok');
  assert.is(outcomes.get(`node-${behind[1]}`), 'silent');
});

test.run();
