// runner: test limit 60s
// Puts under random schedules, judged by what was sent and said alone: replies in any order, twice or
// never, links cut, nodes suspected, the own shard lost, time. Small clusters of one or two data centres,
// lists with and without this node, all levels, strict, retried or neither.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { Prng } from '@clockwise/kernel/prng';
import { errorName, ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
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
import { responsePrimaries, responseReplicas } from '@clockwise/protocol/response-reader';
import { OWED } from '@clockwise/record/hidden';
import { CoordinatorWorld, field, opcodeOf, type Sent, statusOf } from '../coordinator-world.ts';
import { ASKING_MS_MAX } from './retried-put.ts';
import { put, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
const LATE_MS = 100;
const MERGED = record({ dots: [[9, 1]] });
/** Holds the operation that is asked for: session 5, sequence 1. */
const KNOWN = record({ dots: [[5, 1]] });
const { read, written, forward, stored, noted } = REPLY_KIND;

interface Outstanding {
  readonly node: number;
  readonly sent: Sent;
  /** The position of which a relay is to pass back what it says; undefined: what the node says itself. */
  readonly passedOn?: number;
}

class Schedule {
  readonly prng: Prng;
  readonly replicas: readonly number[];
  readonly walk: readonly number[];
  readonly dataCentres: readonly string[];
  readonly level: number;
  readonly strict: boolean;
  readonly retried: boolean;
  readonly world: CoordinatorWorld;
  readonly down: Set<number> = new Set();
  readonly suspected: Set<number> = new Set();
  outstanding: Outstanding[] = [];
  /** Positions whose primary, and whose stand-in, has acknowledged. */
  readonly byPrimary: Set<number> = new Set();
  readonly byStandIn: Set<number> = new Set();
  /** By node: the position that it was sent a hinted copy for. */
  readonly standsInFor: Map<number, number> = new Map();
  /** Data centres that a copy has crossed to. */
  readonly crossed: Set<string> = new Set();
  isReplaced = false;
  isShardUp = true;
  isOwnRefused = false;
  isForwarded = false;
  isWriteSent = false;
  askedAt = 0;
  isKnown = false;
  /** Somebody said that he knows it when the time for that was just over: it may have been heard. */
  mayBeKnown = false;
  status: number | undefined;
  answeredAt = 0;
  noted: number | undefined;

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const { prng } = this;
    const nodeCount = prng.between(2, 6);
    const nodes = Array.from({ length: nodeCount }, (_, node) => node);
    this.replicas = shuffled(prng, nodes).slice(0, prng.between(1, Math.min(4, nodeCount)));
    const isSpread = prng.chance(0.3);
    this.dataCentres = nodes.map(() => (isSpread ? prng.pick(['one', 'two']) : 'one'));
    this.level = prng.pick([1, 2, 3, LEVEL.quorum, LEVEL.all, LEVEL.localQuorum, LEVEL.eachQuorum]);
    this.strict = prng.chance(0.2);
    this.retried = prng.chance(0.3);
    this.walk = shuffled(prng, nodes);
    this.world = CoordinatorWorld.linked({
      nodeCount,
      replicas: this.replicas,
      walk: this.walk,
      dataCentres: this.dataCentres,
      limits: { lateAcksMs: LATE_MS, requestsInFlightMax: 64 },
    });
  }

  get own(): number {
    return this.replicas.indexOf(0);
  }

  run(): void {
    for (let count = this.prng.below(3); count > 0; count -= 1) this.disturb();
    const flags = (this.strict ? REQUEST_FLAG.strict : 0) | (this.retried ? REQUEST_FLAG.retry : 0);
    this.askedAt = this.world.now;
    this.world.ask(CLIENT, put(1, 'k', 'value', { level: this.level, flags }));
    this.look();
    for (let count = 0; count < 25; count += 1) {
      this.act();
      this.look();
    }
    for (let count = 0; count < 8; count += 1) {
      this.world.passes(1000);
      this.look();
    }
    assert.is(this.inFlight, 0, 'every put ends');
  }

  get inFlight(): number {
    return Number(this.world.figures()['inFlight']);
  }

  act(): void {
    const choice = this.prng.below(20);
    if (choice < 14) this.answer();
    else if (choice < 16) this.disturb();
    else if (choice < 17) this.world.passes(this.prng.below(120));
    else if (choice < 18) this.repeat();
  }

  /** Something breaks, or is mended. */
  disturb(): void {
    const node = this.prng.between(0, this.world.ring.nodes.length - 1);
    if (node === 0) {
      if (this.prng.chance(0.3)) this.turnShard();
    } else if (this.prng.chance(0.6)) {
      if (this.down.delete(node)) this.world.linkUp(node);
      else {
        this.down.add(node);
        this.world.linkDown(node);
        this.forget(node);
      }
    } else {
      const isUp = this.suspected.delete(node);
      if (!isUp) this.suspected.add(node);
      const state = isUp ? ('up' as const) : ('down' as const);
      const nodeId = `node-${node}`;
      this.isReplaced ||= !isUp && this.isForwarded;
      this.world.step([
        { kind: 'told', from: 'gossiper', message: { kind: 'peer-state', nodeId, state } },
      ]);
    }
  }

  turnShard(): void {
    this.isShardUp = !this.isShardUp;
    this.world.step([{ kind: this.isShardUp ? 'channel-up' : 'channel-down', target: 0 }]);
    if (!this.isShardUp) {
      this.isOwnRefused = true;
      this.forget(0);
    }
  }

  /** What was sent to a node is lost with the way to it. */
  forget(node: number): void {
    this.isReplaced ||= this.outstanding.some(
      (one) => one.node === node && one.passedOn !== undefined,
    );
    this.outstanding = this.outstanding.filter((one) => one.node !== node);
  }

  answer(): void {
    if (this.outstanding.length === 0) return;
    const index = this.prng.below(this.outstanding.length);
    const { node, sent, passedOn } = this.outstanding[index]!;
    if (passedOn !== undefined) {
      this.outstanding.splice(index, 1);
      this.passBack(node, sent, passedOn);
      return;
    }
    const isWrite = opcodeOf(sent) === REPLICA_OPCODE.write;
    if (isWrite && this.replicas.length > 1 && this.prng.chance(0.4)) {
      this.isForwarded = true;
      this.world.shardReplies([[sent, { kind: forward, record: MERGED }]]);
      return;
    }
    this.outstanding.splice(index, 1);
    this.reply(node, sent, this.prng.chance(0.15));
  }

  reply(node: number, sent: Sent, isRefused: boolean): void {
    const opcode = opcodeOf(sent);
    const status = isRefused ? ERRORS.OVERLOADED.code : STATUS_OK;
    if (opcode === REPLICA_OPCODE.read) this.replyRead(node, sent, isRefused);
    else if (opcode === REPLICA_OPCODE.store) {
      if (!isRefused) this.acknowledged(node);
      else if (node === 0) this.isOwnRefused = true;
      else this.isReplaced = true;
      this.deliver(node, sent, { kind: stored, status });
    } else if (opcode === REPLICA_OPCODE.write) {
      if (isRefused) this.isOwnRefused = true;
      else {
        this.isForwarded = true;
        this.acknowledged(node);
      }
      this.deliver(
        node,
        sent,
        isRefused ? { kind: written, status } : { kind: written, record: MERGED },
      );
    } else if (opcode === REPLICA_OPCODE.note) {
      this.deliver(node, sent, { kind: noted, record: MERGED });
    }
  }

  /** A relay says what has become of another position. */
  passBack(node: number, sent: Sent, position: number): void {
    const choice = this.prng.below(10);
    const refusals = [ERRORS.UNAVAILABLE, ERRORS.NOT_READY, ERRORS.OVERLOADED];
    const refusal = refusals[choice];
    const isStandIn = refusal === undefined && choice < 5;
    if (refusal !== undefined) this.isReplaced = true;
    else if (isStandIn) this.byStandIn.add(position);
    else this.byPrimary.add(position);
    const passedOn = (position + 1) | (isStandIn ? PASSED_ON.standIn : 0);
    this.deliver(node, sent, { kind: stored, status: refusal?.code ?? STATUS_OK, passedOn });
  }

  replyRead(node: number, sent: Sent, isRefused: boolean): void {
    const choice = this.prng.below(4);
    if (isRefused) this.deliver(node, sent, { kind: read, status: ERRORS.READ_FAILED.code });
    else if (choice === 0) this.deliver(node, sent, { kind: read, status: STATUS_NOT_FOUND });
    else {
      const found = choice === 1 ? KNOWN : MERGED;
      // Others than the own replica are waited for only so long.
      const isInTime = node === 0 || this.world.now < this.askedAt + ASKING_MS_MAX;
      const isAsking = !this.isWriteSent && !this.isForwarded;
      if (found === KNOWN && isAsking && isInTime) this.isKnown = true;
      else if (found === KNOWN && isAsking) this.mayBeKnown = true;
      this.deliver(node, sent, { kind: read, record: found });
    }
  }

  deliver(node: number, sent: Sent, fields: Parameters<CoordinatorWorld['nodeReplies']>[2]): void {
    if (node === 0) this.world.shardReplies([[sent, fields]]);
    else this.world.nodeReplies(node, sent, fields);
  }

  /** An answer again, from a node that has given it, or from one that was asked nothing. */
  repeat(): void {
    const nodes = this.world.ring.nodes.map((_, node) => node).slice(1);
    const node = this.prng.pick(nodes);
    const isWaitedFor = this.outstanding.some((one) => one.node === node);
    if (this.down.has(node) || isWaitedFor || this.outstanding.length === 0) return;
    const passedOn = this.prng.chance(0.5) ? this.prng.between(1, 5) : 0;
    this.world.nodeReplies(node, this.prng.pick(this.outstanding).sent, { kind: stored, passedOn });
  }

  acknowledged(node: number): void {
    const position = this.replicas.indexOf(node);
    if (position >= 0) this.byPrimary.add(position);
    else this.byStandIn.add(this.standsInFor.get(node)!);
  }

  isUsable(node: number): boolean {
    if (node === 0) return this.isShardUp;
    return !this.down.has(node) && !this.suspected.has(node);
  }

  /** The position for which this node stands in, by the rule read aloud. No primary is usable. */
  ownStandIn(): number {
    const homes = this.replicas.map((node) => this.dataCentres[node]!);
    return homes.findIndex((home, position) => {
      const ahead = homes.slice(0, position).filter((other) => other === home).length;
      const able = this.walk.filter(
        (node) =>
          this.dataCentres[node] === home && !this.replicas.includes(node) && this.isUsable(node),
      );
      return able[ahead] === 0;
    });
  }

  look(): void {
    for (const sent of this.world.sentToShard()) this.sent(0, sent);
    for (let node = 1; node < this.world.ring.nodes.length; node += 1) {
      for (const sent of this.world.sentToNode(node)) {
        if (sent.tag === TAG.replicaRequest) this.sent(node, sent);
      }
    }
    for (const sent of this.world.sentTo(CLIENT)) this.told(sent);
    this.checkLate();
  }

  sent(node: number, sent: Sent): void {
    const opcode = opcodeOf(sent);
    if (opcode === REPLICA_OPCODE.store) this.sentStore(node, sent);
    else if (opcode === REPLICA_OPCODE.write) this.sentWrite(sent);
    else if (opcode === REPLICA_OPCODE.note) this.sentNote(sent);
    if (node === 0 ? !this.isShardUp : this.down.has(node)) return;
    this.outstanding.push({ node, sent });
    if (opcode !== REPLICA_OPCODE.store) return;
    const fanOut = field(sent, REPLICA_STORE.fanOut);
    for (const position of this.replicas.keys()) {
      if ((fanOut & (1 << position)) !== 0)
        this.outstanding.push({ node, sent, passedOn: position });
    }
  }

  /** [FO1] */
  sentAcross(node: number, sent: Sent): void {
    const fanOut = field(sent, REPLICA_STORE.fanOut);
    const home = this.dataCentres[node]!;
    const beside = this.replicas
      .map((other, position) => ({ other, position }))
      .filter(({ other }) => other !== node && this.dataCentres[other] === home);
    const positions = beside.reduce((bits, { position }) => bits | (1 << position), 0);
    if (fanOut !== 0) {
      assert.ok(this.replicas.includes(node) && this.own >= 0, '[FO1] a primary asks a primary');
      assert.not(home === this.dataCentres[0], '[FO1] a relay is in another data centre');
      assert.is(fanOut, positions, '[FO1] it passes on to all others there');
      assert.not(this.crossed.has(home), '[FO1] one copy crosses');
      this.crossed.add(home);
    }
    const isPlain = this.replicas.includes(node) && home !== this.dataCentres[0];
    if (!isPlain || fanOut !== 0 || positions === 0 || this.own < 0) return;
    const isAfterAll = this.crossed.has(home);
    const isNobodyUsable = ![...beside, { other: node }].some(({ other }) => this.isUsable(other));
    assert.ok(isAfterAll || isNobodyUsable, '[FO1] [FO3] directly only where a relay was in vain');
  }

  sentStore(node: number, sent: Sent): void {
    this.isForwarded = true;
    this.sentAcross(node, sent);
    const isHint = (flagsOf(sent) & REPLICA_REQUEST_FLAG.hint) !== 0;
    assert.is(isHint, !this.replicas.includes(node), 'a stand-in is sent hints, a primary none');
    if (isHint && node === 0) this.standsInFor.set(0, this.ownStandIn());
    if (!isHint || node === 0) return;
    // Beside a stand-in that makes the dot the others keep theirs for its position, too.
    const ownPosition = this.standsInFor.get(0);
    const beside = ownPosition === undefined ? 0 : 1 << ownPosition;
    const owed = field(sent, REPLICA_STORE.owed) & OWED.positionMask;
    if (!this.isKnown && !this.mayBeKnown) {
      assert.is(owed & beside, beside, '[P5] two keep it for this node');
    }
    const position = Math.log2(owed & ~beside);
    assert.ok(Number.isInteger(position), '[P4] a copy is owed to one position');
    assert.not(this.standsInFor.has(node), '[PS2] nobody is chosen twice');
    assert.not(this.suspected.has(node), 'a stand-in is usable');
    const home = this.dataCentres[this.replicas[position]!];
    assert.is(this.dataCentres[node], home, "[PS1] a stand-in is in its target's data centre");
    this.isReplaced ||= [...this.standsInFor.values()].includes(position);
    this.standsInFor.set(node, position);
  }

  sentWrite(sent: Sent): void {
    assert.not(this.isKnown, '[P8] what is known is not made again');
    this.isWriteSent = true;
    const isHint = (flagsOf(sent) & REPLICA_REQUEST_FLAG.hint) !== 0;
    assert.is(isHint, this.own < 0);
    if (!isHint) return;
    const isPossible = this.replicas.some((node) => this.isUsable(node));
    assert.not(isPossible, '[P7] a primary could have made the dot');
    this.standsInFor.set(0, this.ownStandIn());
  }

  sentNote(sent: Sent): void {
    assert.is(this.noted, undefined, 'one note');
    this.noted = field(sent, REPLICA_NOTE.owed) & OWED.positionMask;
    assert.ok(this.own >= 0, 'a stand-in needs no note');
    this.replicas.forEach((_, position) => {
      if (position === this.own) return;
      const isHeld = this.byPrimary.has(position) || this.byStandIn.has(position);
      const isNoted = (this.noted! & (1 << position)) !== 0;
      if (!isHeld) assert.ok(isNoted, `[P5] position ${position} is owed and not noted`);
      else if (!this.isReplaced) assert.not(isNoted, `[P5] position ${position} is noted in vain`);
    });
  }

  told(sent: Sent): void {
    assert.is(this.status, undefined, 'one answer');
    this.status = statusOf(sent);
    this.answeredAt = this.world.now;
    if (this.status === STATUS_OK) {
      assert.ok(this.isSatisfied(), '[P1] [P4] the level is met');
      const positions = new Set([...this.byPrimary, ...this.byStandIn]);
      if (this.isReplaced) return;
      const counted = this.strict ? this.byPrimary.size : positions.size;
      assert.is(responseReplicas(sent.words, sent.offset), counted);
      assert.is(responsePrimaries(sent.words, sent.offset), this.byPrimary.size);
      return;
    }
    const name = errorName(this.status)!;
    if (ERRORS[name].outcome === 'not-applied') {
      assert.not(this.isForwarded, `[P3] ${name} after the record was forwarded`);
      assert.is(this.byPrimary.size + this.byStandIn.size, 0, `[P3] ${name} after it was applied`);
    }
  }

  /** The level, read aloud, by those who have acknowledged. */
  isSatisfied(): boolean {
    const { level, replicas, dataCentres } = this;
    const counted = replicas
      .map((_, position) => position)
      .filter(
        (position) =>
          this.byPrimary.has(position) || (!this.strict && this.byStandIn.has(position)),
      );
    const homes = replicas.map((node) => dataCentres[node]!);
    const hasMajority = (name: string): boolean =>
      counted.filter((position) => homes[position] === name).length >
      homes.filter((home) => home === name).length / 2;
    if (level <= LEVEL.numberMax) return counted.length >= level;
    if (level === LEVEL.quorum) return counted.length > replicas.length / 2;
    if (level === LEVEL.all) return counted.length === replicas.length;
    if (level === LEVEL.localQuorum) return hasMajority(dataCentres[0]!);
    return homes.every(hasMajority);
  }

  checkLate(): void {
    if (this.status === undefined) {
      if (!this.isReplaced && this.own >= 0 && !this.isOwnRefused) {
        assert.not(this.isSatisfied(), '[P1] who has its level is answered');
      }
      return;
    }
    if (this.world.now > this.answeredAt + LATE_MS + 10) {
      assert.is(this.inFlight, 0, '[P6] an answered put waits no longer');
    }
    if (this.inFlight > 0 || this.own < 0 || this.isOwnRefused) return;
    if (this.status !== STATUS_OK || this.noted !== undefined) return;
    this.replicas.forEach((_, position) => {
      const isHeld = this.byPrimary.has(position) || this.byStandIn.has(position);
      assert.ok(isHeld || position === this.own, `[P5] position ${position} is forgotten`);
    });
  }
}

function flagsOf(sent: Sent): number {
  return (field(sent, REPLICA_REQUEST.opcode) >>> 8) & 0xff;
}

function shuffled(prng: Prng, nodes: readonly number[]): number[] {
  const rest = [...nodes];
  return nodes.map(() => rest.splice(prng.below(rest.length), 1)[0]!);
}

test('[P1] [P2] [P3] [P4] [P5] [P6] [P7] [P8] [PS2] [FO1] [FO2] [FO3] puts under random schedules', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      new Schedule(seed).run();
    }),
    { numRuns: 1500, includeErrorInReport: true },
  );
});

test('[P2] [P5] seed 986199374: a primary speaks before it is sent the record, its relay is suspected', () => {
  new Schedule(986199374).run();
});

test('[P8] seed 500002058: a stand-in is asked, and the link to its primary is lost', () => {
  new Schedule(500002058).run();
});

test.run();
