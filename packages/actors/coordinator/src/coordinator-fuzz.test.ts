// I7: valid frames in any order, on connections in any state, answers that nobody asked for, shards
// and links that come and go. The coordinator never throws, closes only who broke the rules, and in
// the end holds no slot and has all of its credit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { Prng } from '@clockwise/kernel/prng';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REQUEST,
  REPLY_KIND,
  RESPONSE,
  TAG,
} from '@clockwise/protocol/frame';
import { frameCorpus } from '@clockwise/protocol/frame-corpus';
import { type Arrival, controlArrival } from '@clockwise/protocol/step-world';
import { frameTag } from '@clockwise/protocol/validate-frame';
import {
  CoordinatorWorld,
  field,
  helloOf,
  opcodeOf,
  operations,
  type ReplyFields,
  type Sent,
} from './coordinator-world.ts';
import { proxyRequestId } from './peers/proxy-core.ts';
import { get, put, record, remove, scan } from './requests/sample-requests.ts';
import { collectFrame } from '@clockwise/protocol/frame-corpus';

const CORPUS = frameCorpus();
const SLOTS = 8;
const CREDIT = 5;
const LIMITS = { requestsInFlightMax: SLOTS, replicaOperationsInFlightMax: CREDIT };
const CONNECTIONS = [0, 1, 2, 3, 4, 5];
const KEYS = ['a', 'b', 'c', 'd', 'e'];
const RECORDS = KEYS.flatMap((key) => [
  record({ key, dots: [[1, 1]] }),
  record({ key, dots: [[1, 2]] }),
  record({ key, dots: [[2, 1]] }),
]);
const { read, written, forward, stored, scanned, probed } = REPLY_KIND;

class Fuzz {
  readonly world: CoordinatorWorld;
  readonly prng: Prng;
  /** What the shard has been asked and has not answered. */
  readonly outstanding: Sent[] = [];
  /** What other nodes have been asked: kept, to be answered any number of times. */
  readonly asked: (readonly [node: number, sent: Sent])[] = [];
  readonly open: Set<number> = new Set();
  readonly linked: Set<number> = new Set();
  /** Connections that may be closed: they said something since. */
  readonly spoke: Set<number> = new Set();
  shardIsUp = true;

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const outside = this.prng.chance(0.5);
    this.world = new CoordinatorWorld({
      nodeCount: 4,
      replicas: outside ? [1, 2, 3] : [0, 1, 2],
      limits: LIMITS,
    });
    this.world.takeEffects();
  }

  act(): void {
    const acts: readonly (() => void)[] = [
      () => this.connect(),
      () => this.disconnect(),
      () => this.speak(),
      () => this.speak(),
      () => this.request(),
      () => this.request(),
      () => this.request(),
      () => this.answerAsShard(),
      () => this.answerAsShard(),
      () => this.answerAsShard(),
      () => this.answerAsNode(),
      () => this.answerAsNode(),
      () => this.answerUnasked(),
      () => this.turnShard(),
      () => this.turnLink(),
      () => this.world.passes(this.prng.below(400)),
      () =>
        this.world.block(CONNECTION_TARGET + this.prng.pick(CONNECTIONS), this.prng.chance(0.3)),
      () => this.probe(),
    ];
    this.prng.pick(acts)();
    this.look();
  }

  connect(): void {
    const connection = this.prng.pick(CONNECTIONS);
    if (this.open.has(connection)) return;
    this.open.add(connection);
    this.world.step([{ kind: 'connected', connection, peer: -1 }]);
    const choice = this.prng.below(3);
    if (choice === 0) return;
    const hello = choice === 1 ? helloOf('client', '') : helloOf('peer', 'node-2');
    this.says(connection, controlArrival(connection, hello));
  }

  disconnect(): void {
    const connection = this.prng.pick(CONNECTIONS);
    if (!this.open.delete(connection)) return;
    this.world.step([{ kind: 'disconnected', connection, reason: 'gone' }]);
  }

  /** Any frame of the corpus, from anyone; a frame that is known to be of somebody's kind. */
  speak(): void {
    const connection = this.prng.chance(0.3)
      ? this.world.linkOf(this.prng.between(1, 3))
      : this.prng.pick(CONNECTIONS);
    const frame = this.prng.pick(CORPUS);
    this.says(connection, { source: CONNECTION_TARGET + connection, frame });
  }

  request(): void {
    const connection = this.prng.pick(CONNECTIONS);
    const level = this.prng.below(5);
    const frame = collectFrame((writer) => {
      for (let count = this.prng.between(1, 6); count > 0; count -= 1) {
        const id = this.prng.below(3);
        const key = this.prng.pick(KEYS);
        const fills = [
          get(id, key, { level }),
          put(id, key, 'v', { level }),
          remove(id, key),
          scan(id, 1),
        ];
        this.prng.pick(fills)(writer);
      }
      writer.remainingMs = this.prng.below(500);
    });
    this.says(connection, { source: CONNECTION_TARGET + connection, frame });
  }

  answerAsShard(): void {
    if (!this.shardIsUp || this.outstanding.length === 0) return;
    const replies: (readonly [Sent, ReplyFields])[] = [];
    for (
      let count = this.prng.between(1, 3);
      count > 0 && this.outstanding.length > 0;
      count -= 1
    ) {
      const index = this.prng.below(this.outstanding.length);
      const sent = this.outstanding[index]!;
      if (opcodeOf(sent) === REPLICA_OPCODE.write && this.prng.chance(0.4)) {
        replies.push([sent, { kind: forward, record: this.prng.pick(RECORDS) }]);
        continue;
      }
      this.outstanding.splice(index, 1);
      replies.push([sent, this.replyTo(sent)]);
    }
    this.world.shardReplies(replies);
  }

  /** An answer that fits what was asked; of a read, a record of the key that was asked for. */
  replyTo(sent: Sent): ReplyFields {
    const opcode = opcodeOf(sent);
    const kind = [read, read, written, stored, scanned, probed][opcode]!;
    if (this.prng.chance(0.2)) return { kind, status: ERRORS.OVERLOADED.code };
    if (kind === probed) return { kind };
    if (kind === scanned) return { kind, records: [], flags: this.prng.below(2) * 2 };
    if (kind === read && this.prng.chance(0.3)) return { kind, status: STATUS_NOT_FOUND };
    const key = sent.words[sent.offset + 10];
    const fitting = RECORDS.filter((one) => kind !== read || one[8] === key);
    return fitting.length === 0
      ? { kind, status: STATUS_NOT_FOUND }
      : { kind, record: this.prng.pick(fitting) };
  }

  answerAsNode(): void {
    if (this.asked.length === 0) return;
    const [node, sent] = this.prng.pick(this.asked);
    if (!this.linked.has(node)) return;
    if (sent.tag === TAG.replicaRequest) {
      const reply = this.prng.chance(0.8)
        ? this.replyTo(sent)
        : { kind: this.prng.between(read, probed), record: this.prng.pick(RECORDS) };
      const isBare = reply.kind === stored || reply.kind === probed;
      const fields = isBare ? { kind: reply.kind, status: reply.status ?? STATUS_OK } : reply;
      this.says(this.world.linkOf(node), this.world.nodeFrame(node, sent, fields));
    } else {
      this.respond(node, sent.words[sent.offset + 2]!);
    }
  }

  respond(node: number, requestId: number): void {
    const frame = Int32Array.from(this.prng.pick(CORPUS.filter((one) => frameTag(one, 0) === 2)));
    for (const { offset } of operations(frame)) frame[offset + RESPONSE.requestId] = requestId;
    const connection = this.world.linkOf(node);
    this.says(connection, { source: CONNECTION_TARGET + connection, frame });
  }

  /** Every kind of answer, under every slot and generation that may be in use. */
  answerUnasked(): void {
    const node = this.prng.between(1, 3);
    if (!this.linked.has(node)) return;
    const slot = this.prng.between(-1, SLOTS);
    const generation = this.prng.below(20);
    if (this.prng.chance(0.4)) {
      this.respond(node, proxyRequestId(slot, generation));
      return;
    }
    const replies = CORPUS.filter((one) => frameTag(one, 0) === TAG.replicaReply);
    const frame = Int32Array.from(this.prng.pick(replies));
    for (const { offset } of operations(frame)) {
      frame[offset + REPLICA_REPLY.slot] = slot;
      frame[offset + REPLICA_REPLY.slotGeneration] = generation;
      frame[offset + REPLICA_REPLY.route] = this.prng.below(3);
    }
    const connection = this.world.linkOf(node);
    this.says(connection, { source: CONNECTION_TARGET + connection, frame });
  }

  turnShard(): void {
    if (this.prng.chance(0.7)) return;
    this.shardIsUp = !this.shardIsUp;
    const kind = this.shardIsUp ? 'channel-up' : 'channel-down';
    const late = this.outstanding.splice(0).map((sent) => [sent, this.replyTo(sent)] as const);
    const frames = late.length > 0 && !this.shardIsUp ? [this.world.shardFrame(late)] : [];
    this.world.step([{ kind, target: 0 }], frames);
  }

  turnLink(): void {
    const node = this.prng.between(1, 3);
    if (this.linked.delete(node)) this.world.linkDown(node);
    else {
      this.linked.add(node);
      this.world.linkUp(node);
    }
  }

  probe(): void {
    const message = { kind: 'probe', probe: this.prng.below(100) } as const;
    this.world.step([{ kind: 'told', from: 'gossiper', message }]);
  }

  says(connection: number, arrival: Arrival): void {
    this.spoke.add(connection);
    this.world.step([], [arrival]);
  }

  /** What the step brought: credit kept, and nobody closed who had not spoken. */
  look(): void {
    // First, for the end of a connection makes the coordinator send more.
    for (let effects = this.world.takeEffects(); effects.length > 0;) {
      for (const effect of effects) {
        if (effect.kind !== 'hang-up') continue;
        assert.ok(this.spoke.has(effect.connection), 'only who spoke is closed');
        this.end(effect.connection);
      }
      effects = this.world.takeEffects();
    }
    this.spoke.clear();
    this.outstanding.push(...this.world.sentToShard());
    assert.ok(
      this.outstanding.length <= CREDIT + 1,
      'no more is sent than there is credit for, and a probe',
    );
    for (const node of [1, 2, 3]) {
      for (const sent of this.world.sentToNode(node)) this.asked.push([node, sent]);
    }
    for (const connection of CONNECTIONS) this.world.take(CONNECTION_TARGET + connection);
  }

  /** The world carries a hang-up out, now or later. */
  end(connection: number): void {
    if (this.prng.chance(0.3)) return;
    const node = [1, 2, 3].find((one) => this.world.linkOf(one) === connection);
    if (node === undefined) this.disconnectNow(connection);
    else if (this.linked.delete(node)) this.world.linkDown(node);
  }

  disconnectNow(connection: number): void {
    if (!this.open.delete(connection)) return;
    this.world.step([{ kind: 'disconnected', connection, reason: 'hung up' }]);
  }

  /** All is answered or due; then as much is taken as there is credit, neither more nor less. */
  settle(): void {
    const { world } = this;
    if (!this.shardIsUp) world.step([{ kind: 'channel-up', target: 0 }]);
    this.shardIsUp = true;
    this.outstanding.push(...world.sentToShard());
    for (let round = 0; round < 10 && this.outstanding.length > 0; round += 1) {
      const all = this.outstanding.splice(0);
      world.shardReplies(all.map((sent) => [sent, this.replyTo(sent)] as const));
      this.outstanding.push(...world.sentToShard());
    }
    world.now += 61_000;
    world.takeDueTimers();
    world.step([{ kind: 'timer', timer: 1 }]);
    this.outstanding.push(...world.sentToShard());
    const repairs = this.outstanding.splice(0);
    if (repairs.length > 0) {
      world.shardReplies(repairs.map((sent) => [sent, this.replyTo(sent)] as const));
    }
    assert.is(world.figures()['inFlight'], 0, 'no slot leaks');
    for (let probe = 0; probe < CREDIT + 2; probe += 1) {
      world.step([{ kind: 'told', from: 'gossiper', message: { kind: 'probe', probe } }]);
    }
    const taken = world.sentToShard();
    assert.is(taken.length, CREDIT + 1, 'no credit leaks, and none is made but for one probe');
    assert.ok(taken.every((sent) => field(sent, REPLICA_REQUEST.route) === 0));
  }
}

function run(seed: number): void {
  const fuzz = new Fuzz(seed);
  for (const node of [1, 2, 3]) {
    fuzz.linked.add(node);
    fuzz.world.linkUp(node);
  }
  for (let count = 0; count < 150; count += 1) fuzz.act();
  fuzz.settle();
}

test('I7: whatever valid frames come in whatever order, nothing is thrown, leaked or closed wrongly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => run(seed)),
    { numRuns: 150 },
  );
});

test('I7: a shard goes down with what the end of a connection made the coordinator ask of it', () => {
  for (const seed of [10000695, 10003222, 10018622, 10028101]) run(seed);
});

test.run();
