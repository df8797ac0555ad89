import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  DURABILITY,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  REQUEST_FLAG,
} from '@clockwise/protocol/frame';
import {
  readContext,
  responseDurability,
  responseReplicas,
} from '@clockwise/protocol/response-reader';
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
const { forward, written, stored } = REPLY_KIND;
const TIMEOUT = ERRORS.TIMEOUT.code;

/** A put under way: the write at the own shard, and the stores at others once it was forwarded. */
interface Put {
  readonly world: CoordinatorWorld;
  readonly write: Sent;
  readonly stores: Map<number, Sent>;
}

function started(options: WorldOptions = {}, level = 0, flags = 0): Put {
  const world = CoordinatorWorld.linked(options);
  world.ask(CLIENT, put(1, 'k', 'value', { level, flags }));
  const sent = world.sentToShard();
  assert.is(sent.length, 1);
  return { world, write: sent[0]!, stores: new Map() };
}

function takeStores({ world, stores }: Put): void {
  for (let node = 1; node < world.ring.nodes.length; node += 1) {
    for (const sent of world.sentToNode(node)) {
      assert.is(opcodeOf(sent), REPLICA_OPCODE.store);
      stores.set(node, sent);
    }
  }
}

/**
 * f: forwarded; w: acknowledged by the own replica; 1, 2: by that node; R, S: those nodes refuse;
 * W: the own replica refuses; x, y: the link of node 1, 2 is cut; d: the shard goes down; t: time.
 */
function run(underWay: Put, schedule: string): void {
  const { world, write, stores } = underWay;
  const { DISK_FULL, TOO_MANY_SIBLINGS } = ERRORS;
  const acts: Readonly<Record<string, () => void>> = {
    f: () => world.shardReplies([[write, { kind: forward, record: MERGED }]]),
    w: () => world.shardReplies([[write, { kind: written, record: MERGED }]]),
    W: () => world.shardReplies([[write, { kind: written, status: TOO_MANY_SIBLINGS.code }]]),
    1: () => world.nodeReplies(1, stores.get(1)!, { kind: stored }),
    2: () => world.nodeReplies(2, stores.get(2)!, { kind: stored }),
    R: () => world.nodeReplies(1, stores.get(1)!, { kind: stored, status: DISK_FULL.code }),
    S: () => world.nodeReplies(2, stores.get(2)!, { kind: stored, status: DISK_FULL.code }),
    x: () => world.linkDown(1),
    y: () => world.linkDown(2),
    d: () => world.step([{ kind: 'channel-down', target: 0 }]),
    t: () => world.passes(5000),
  };
  for (const act of schedule) {
    acts[act]!();
    takeStores(underWay);
  }
}

interface Row {
  readonly schedule: string;
  readonly level?: number;
  /** The status answered, or undefined where nothing is yet. */
  readonly status: number | undefined;
  readonly inFlight: number;
}

function check(rows: readonly Row[]): void {
  for (const { schedule, level, status, inFlight } of rows) {
    const underWay = started({}, level);
    run(underWay, schedule);
    const answers = underWay.world.sentTo(CLIENT).map(statusOf);
    const why = `${schedule} at level ${level ?? 0}`;
    assert.equal(answers, status === undefined ? [] : [status], why);
    assert.is(underWay.world.figures()['inFlight'], inFlight, why);
  }
}

test('[P1] success is answered at the W-th acknowledgement, and late ones are still collected', () => {
  check([
    { schedule: 'f', status: undefined, inFlight: 1 },
    { schedule: 'fw', status: undefined, inFlight: 1 },
    { schedule: 'f1', status: undefined, inFlight: 1 },
    { schedule: 'fw1', status: STATUS_OK, inFlight: 1 },
    { schedule: 'f12', status: STATUS_OK, inFlight: 1 },
    { schedule: 'f2w1', status: STATUS_OK, inFlight: 0 },
    { schedule: 'fw', level: 1, status: STATUS_OK, inFlight: 1 },
    { schedule: 'f1', level: 1, status: STATUS_OK, inFlight: 1 },
    { schedule: 'fw1', level: 3, status: undefined, inFlight: 1 },
    { schedule: 'fw12', level: 3, status: STATUS_OK, inFlight: 0 },
    { schedule: 'fw1R', status: STATUS_OK, inFlight: 1 },
    { schedule: 'fw1t', status: STATUS_OK, inFlight: 0 },
  ]);
});

test('[P1] an acknowledgement that is seen before its forward forwards the record itself', () => {
  check([
    { schedule: 'w', status: undefined, inFlight: 1 },
    { schedule: 'wf', status: undefined, inFlight: 1 },
    { schedule: 'w1', status: STATUS_OK, inFlight: 1 },
    { schedule: 'w1f2', status: STATUS_OK, inFlight: 0 },
    { schedule: 'w', level: 1, status: STATUS_OK, inFlight: 1 },
  ]);
  const underWay = started();
  run(underWay, 'w');
  assert.equal([...underWay.stores.keys()], [1, 2]);
  underWay.stores.clear();
  run(underWay, 'f');
  assert.is(underWay.stores.size, 0);
});

test('[P1] what goes to the other replicas is the merged record, whole', () => {
  const underWay = started();
  run(underWay, 'f');
  for (const sent of underWay.stores.values()) {
    const start = sent.offset + REPLICA_STORE_HEADER_WORDS;
    assert.equal(sent.words.slice(start, start + MERGED.length), MERGED);
  }
  assert.is(field(underWay.write, REPLICA_REQUEST.opcode) & 0xff, REPLICA_OPCODE.write);
  const flags = (field(underWay.write, REPLICA_REQUEST.opcode) >>> 8) & 0xff;
  assert.is(flags, REPLICA_REQUEST_FLAG.forward);
});

test('[P1] the answer carries the weakest durability, and the new context where it was wanted', () => {
  for (const wantContext of [false, true]) {
    const { world, write, stores } = ((): Put => {
      const underWay = started({}, 0, wantContext ? REQUEST_FLAG.wantContext : 0);
      run(underWay, 'f');
      return underWay;
    })();
    const { interval } = DURABILITY;
    world.nodeReplies(1, stores.get(1)!, { kind: stored, durability: interval });
    world.shardReplies([[write, { kind: written, record: MERGED }]]);
    const [answer] = world.sentTo(CLIENT);
    assert.is(responseDurability(answer!.words, answer!.offset), interval);
    assert.is(responseReplicas(answer!.words, answer!.offset), 2);
    const expected = wantContext ? [9, 0, 1, 0] : [];
    assert.equal([...readContext(answer!.words, answer!.offset)], expected);
  }
});

test('[P2] duplicate acknowledgements count once', () => {
  check([
    { schedule: 'f11', status: undefined, inFlight: 1 },
    { schedule: 'fww', status: undefined, inFlight: 1 },
    { schedule: 'f111111', status: undefined, inFlight: 1 },
    { schedule: 'f112', status: STATUS_OK, inFlight: 1 },
    { schedule: 'fw11', level: 3, status: undefined, inFlight: 1 },
  ]);
});

test('[P2] an acknowledgement from a node that was not asked yet, or is no replica, counts for nothing', () => {
  const early = started();
  early.world.nodeReplies(1, early.write, { kind: stored });
  early.world.nodeReplies(2, early.write, { kind: stored });
  assert.equal(early.world.sentTo(CLIENT), []);
  run(early, 'f');
  assert.equal(early.world.sentTo(CLIENT), []);
  const foreign = started({ nodeCount: 4, replicas: [0, 1, 2] });
  run(foreign, 'f1');
  assert.equal(foreign.world.sentTo(CLIENT), []);
  foreign.world.nodeReplies(3, foreign.write, { kind: stored });
  assert.equal(foreign.world.sentTo(CLIENT), []);
});

test('[P3] a missed quorum is TIMEOUT, whose outcome is unknown', () => {
  assert.is(ERRORS.TIMEOUT.outcome, 'unknown');
  assert.is(ERRORS.UNKNOWN_OUTCOME.outcome, 'unknown');
  check([
    { schedule: 'ft', status: TIMEOUT, inFlight: 0 },
    { schedule: 'fwt', status: TIMEOUT, inFlight: 0 },
    { schedule: 't', status: TIMEOUT, inFlight: 0 },
    { schedule: 'fwRS', status: TIMEOUT, inFlight: 0 },
    { schedule: 'fRS', status: TIMEOUT, inFlight: 1 },
    { schedule: 'fRSw', status: TIMEOUT, inFlight: 0 },
    { schedule: 'fwR', level: 3, status: TIMEOUT, inFlight: 1 },
    { schedule: 'fwRt', level: 3, status: TIMEOUT, inFlight: 0 },
  ]);
});

test('[P3] a link that is lost under a put takes its acknowledgement with it', () => {
  check([
    { schedule: 'fx', status: undefined, inFlight: 1 },
    { schedule: 'fxw', status: undefined, inFlight: 1 },
    { schedule: 'fxw2', status: STATUS_OK, inFlight: 0 },
    { schedule: 'fxyw', status: TIMEOUT, inFlight: 0 },
    { schedule: 'x', status: undefined, inFlight: 1 },
    { schedule: 'xyf', status: TIMEOUT, inFlight: 1 },
    { schedule: 'xyfw', status: TIMEOUT, inFlight: 0 },
  ]);
});

test('[P3] a shard that goes down under a put leaves the outcome unknown, unless others acknowledge', () => {
  check([
    { schedule: 'd', status: ERRORS.UNKNOWN_OUTCOME.code, inFlight: 0 },
    { schedule: 'fd', status: undefined, inFlight: 1 },
    { schedule: 'fd12', status: STATUS_OK, inFlight: 0 },
    { schedule: 'fd1t', status: TIMEOUT, inFlight: 0 },
    { schedule: 'fd12', level: 3, status: TIMEOUT, inFlight: 0 },
    { schedule: 'dw', status: ERRORS.UNKNOWN_OUTCOME.code, inFlight: 0 },
  ]);
});

test("[P3] the own replica's refusal is what became of the write, with its status", () => {
  const { TOO_MANY_SIBLINGS } = ERRORS;
  assert.is(TOO_MANY_SIBLINGS.outcome, 'not-applied');
  check([
    { schedule: 'W', status: TOO_MANY_SIBLINGS.code, inFlight: 0 },
    { schedule: 'W', level: 1, status: TOO_MANY_SIBLINGS.code, inFlight: 0 },
  ]);
});

test('[P3] after the forward, even a refusal by the own replica is no proof that nothing happened', () => {
  check([
    { schedule: 'fW', status: undefined, inFlight: 1 },
    { schedule: 'fW12', status: STATUS_OK, inFlight: 0 },
    { schedule: 'fW1S', status: TIMEOUT, inFlight: 0 },
  ]);
});

test('[P3] an acknowledgement with the status "not found" is none', () => {
  const underWay = started();
  run(underWay, 'fw');
  const { world, stores } = underWay;
  world.nodeReplies(1, stores.get(1)!, { kind: stored, status: 1 });
  assert.equal(world.sentTo(CLIENT), []);
  run(underWay, '2');
  assert.equal(world.sentTo(CLIENT).map(statusOf), [STATUS_OK]);
});

test('[P1] with one replica its acknowledgement is the only message, and carries the context', () => {
  const options: WorldOptions = { nodeCount: 1, bucket: { writeLevel: 1 } };
  const underWay = started(options, 0, REQUEST_FLAG.wantContext);
  const flags = (field(underWay.write, REPLICA_REQUEST.opcode) >>> 8) & 0xff;
  assert.is(flags & REPLICA_REQUEST_FLAG.forward, 0);
  run(underWay, 'w');
  const [answer] = underWay.world.sentTo(CLIENT);
  assert.is(statusOf(answer!), STATUS_OK);
  assert.equal([...readContext(answer!.words, answer!.offset)], [9, 0, 1, 0]);
  assert.is(underWay.world.figures()['inFlight'], 0);
});

test.run();
