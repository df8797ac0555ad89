// Gets under random schedules, judged by what was sent and said alone: replicas that hold different
// versions answer in any order, twice, with a failure or never; links are cut, nodes suspected, the own
// shard lost. Small clusters of one or two data centres, lists with and without this node, all levels.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { Prng } from '@clockwise/kernel/prng';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  LEVEL,
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  REQUEST_FLAG,
  TAG,
} from '@clockwise/protocol/frame';
import {
  readContext,
  responsePrimaries,
  responseReplicas,
} from '@clockwise/protocol/response-reader';
import { decodeContext } from '@clockwise/record/build';
import { contextCount, contextOffset, ENTRY_WORDS } from '@clockwise/record/layout';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  type ReplyFields,
  type Sent,
  statusOf,
} from '../coordinator-world.ts';
import { get, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
/** Nothing, two versions of which one follows the other, and one beside both. */
const VERSIONS = [
  undefined,
  record({ dots: [[1, 1]] }),
  record({ dots: [[1, 2]] }),
  record({ dots: [[2, 1]] }),
] as const;
const FLAGS = [0, 0, 0, REQUEST_FLAG.strict, REQUEST_FLAG.monotonic];

/** By incarnation: the highest counter. */
type Known = ReadonlyMap<bigint, bigint>;

interface Outstanding {
  readonly node: number;
  readonly sent: Sent;
}

/** What a replica has said. */
interface Word {
  readonly node: number;
  readonly known: Known;
  readonly isPrimary: boolean;
}

class Schedule {
  readonly prng: Prng;
  readonly replicas: readonly number[];
  readonly dataCentres: readonly string[];
  readonly level: number;
  readonly flags: number;
  readonly world: CoordinatorWorld;
  /** By node: which version it holds. */
  readonly held: readonly number[];
  readonly down: Set<number> = new Set();
  readonly suspected: Set<number> = new Set();
  readonly words: Word[] = [];
  /** Positions whose primary has read its copy. */
  readonly byPrimary: Set<number> = new Set();
  /** By position: what its primary has shown, or has acknowledged when it was mended. */
  readonly holding: Map<number, Known> = new Map();
  outstanding: Outstanding[] = [];
  isShardUp = true;
  hasStandIns = false;
  status: number | undefined;

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const { prng } = this;
    const nodeCount = prng.between(2, 6);
    const nodes = Array.from({ length: nodeCount }, (_, node) => node);
    this.replicas = shuffled(prng, nodes).slice(0, prng.between(1, Math.min(4, nodeCount)));
    const isSpread = prng.chance(0.3);
    this.dataCentres = nodes.map(() => (isSpread ? prng.pick(['one', 'two']) : 'one'));
    this.level = prng.pick([1, 2, 3, LEVEL.quorum, LEVEL.all, LEVEL.localQuorum, LEVEL.eachQuorum]);
    this.flags = prng.pick(FLAGS);
    const choices = prng.pick([[0], [0, 1], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]]);
    this.held = nodes.map(() => prng.pick(choices));
    this.world = CoordinatorWorld.linked({
      nodeCount,
      replicas: this.replicas,
      walk: shuffled(prng, nodes),
      dataCentres: this.dataCentres,
      limits: { requestsInFlightMax: 16 },
    });
  }

  run(): void {
    for (let count = this.prng.below(3); count > 0; count -= 1) this.disturb();
    this.world.ask(CLIENT, get(1, 'k', { level: this.level, flags: this.flags }));
    this.look();
    for (let count = 0; count < 25; count += 1) {
      const choice = this.prng.below(20);
      if (choice < 14) this.answer();
      else if (choice < 16) this.disturb();
      else if (choice < 18) this.world.passes(this.prng.below(120));
      this.look();
    }
    for (let count = 0; count < 8; count += 1) {
      this.world.passes(1000);
      this.look();
    }
    assert.is(this.world.figures()['inFlight'], 0, 'every get ends');
    assert.ok(this.status !== undefined, 'every get is answered');
  }

  get isMonotonic(): boolean {
    return (this.flags & REQUEST_FLAG.monotonic) !== 0;
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
      const message = { kind: 'peer-state', nodeId: `node-${node}`, state } as const;
      this.world.step([{ kind: 'told', from: 'gossiper', message }]);
    }
  }

  turnShard(): void {
    this.isShardUp = !this.isShardUp;
    this.world.step([{ kind: this.isShardUp ? 'channel-up' : 'channel-down', target: 0 }]);
    if (!this.isShardUp) this.forget(0);
  }

  forget(node: number): void {
    this.outstanding = this.outstanding.filter((one) => one.node !== node);
  }

  answer(): void {
    if (this.outstanding.length === 0) return;
    const index = this.prng.below(this.outstanding.length);
    const one = this.outstanding[index]!;
    // Now and then it answers again later.
    if (this.prng.chance(0.9)) this.outstanding.splice(index, 1);
    const isRefused = this.prng.chance(0.15);
    if (opcodeOf(one.sent) === REPLICA_OPCODE.store) {
      const status = isRefused ? ERRORS.OVERLOADED.code : STATUS_OK;
      const mended = contextOf(one.sent.words, one.sent.offset + REPLICA_STORE_HEADER_WORDS);
      if (!isRefused) this.holds(this.replicas.indexOf(one.node), mended);
      this.deliver(one, { kind: REPLY_KIND.stored, status });
    } else if (isRefused) {
      const { code } = this.prng.pick([ERRORS.READ_FAILED, ERRORS.NOT_READY]);
      this.deliver(one, { kind: REPLY_KIND.read, status: code });
    } else this.shows(one);
  }

  /** A replica shows what it holds. */
  shows(one: Outstanding): void {
    const version = VERSIONS[this.held[one.node]!];
    this.hear(one.node);
    const kind = REPLY_KIND.read;
    this.deliver(
      one,
      version === undefined ? { kind, status: STATUS_NOT_FOUND } : { kind, record: version },
    );
  }

  hear(node: number): void {
    const position = this.replicas.indexOf(node);
    const isPrimary = position >= 0;
    if (isPrimary) this.byPrimary.add(position);
    if (isPrimary) this.holds(position, contextOfVersion(this.held[node]!));
    this.words.push({ node, known: contextOfVersion(this.held[node]!), isPrimary });
  }

  /** It is known of a primary that it holds so much. */
  holds(position: number, known: Known): void {
    this.holding.set(position, joined([this.holding.get(position) ?? new Map(), known]));
  }

  deliver({ node, sent }: Outstanding, fields: ReplyFields): void {
    if (node !== 0) {
      this.world.nodeReplies(node, sent, fields);
      return;
    }
    // A shard answers each question once.
    this.outstanding = this.outstanding.filter((one) => one.sent !== sent);
    this.world.shardReplies([[sent, fields]]);
  }

  look(): void {
    for (const sent of this.world.sentToShard()) this.sent(0, sent);
    for (let node = 1; node < this.world.ring.nodes.length; node += 1) {
      for (const sent of this.world.sentToNode(node)) {
        if (sent.tag === TAG.replicaRequest) this.sent(node, sent);
      }
    }
    for (const sent of this.world.sentTo(CLIENT)) this.told(sent);
    if (this.status === undefined && !this.hasStandIns && !this.isMonotonic) {
      assert.not(this.isSatisfied(this.byPrimary), '[G1] who has its level is answered');
    }
  }

  sent(node: number, sent: Sent): void {
    const isHint = (flagsOf(sent) & REPLICA_REQUEST_FLAG.hint) !== 0;
    if (opcodeOf(sent) === REPLICA_OPCODE.store) {
      const mended = contextOf(sent.words, sent.offset + REPLICA_STORE_HEADER_WORDS);
      assert.ok(this.replicas.includes(node), '[G5] primaries are mended');
      assert.ok(isWithin(mended, this.all()), '[G3] with what somebody has shown');
    } else {
      assert.is(isHint, !this.replicas.includes(node), 'a stand-in is asked for hinted copies');
      if (isHint) assert.is(this.flags & REQUEST_FLAG.strict, 0, 'a strict get asks primaries');
      this.hasStandIns ||= isHint;
    }
    this.outstanding.push({ node, sent });
  }

  /** What all that have answered know together. */
  all(): Known {
    return joined(this.words.map(({ known }) => known));
  }

  /** [G6] Of a level that is a number of replicas. */
  checkMonotonic(shown: Known): void {
    const copies = this.replicas.length;
    const required = this.level === LEVEL.quorum ? Math.floor(copies / 2) + 1 : this.level;
    if (required > LEVEL.numberMax) return;
    const holding = [...this.holding.values()].filter((known) => isWithin(shown, known));
    assert.ok(holding.length >= copies - required + 1, '[G6] every later read meets one');
  }

  told(sent: Sent): void {
    assert.is(this.status, undefined, 'one answer');
    this.status = statusOf(sent);
    if (this.status === STATUS_NOT_FOUND) {
      assert.ok(this.isSatisfied(this.byPrimary), '[G2] [G4] primaries say that there is nothing');
      for (const { known, isPrimary } of this.words) {
        if (isPrimary) assert.is(known.size, 0, '[G1] nobody has said that there is something');
      }
    }
    if (this.status !== STATUS_OK) return;
    const entries = readContext(sent.words, sent.offset);
    const shown = knownOf(entries, 0, entries.length / ENTRY_WORDS);
    assert.ok(isWithin(shown, this.all()), '[G1] what is shown was said');
    if (this.isMonotonic) this.checkMonotonic(shown);
    const replicas = responseReplicas(sent.words, sent.offset);
    const primaries = responsePrimaries(sent.words, sent.offset);
    assert.ok(primaries <= this.byPrimary.size, '[G1] as many primaries have answered');
    assert.ok(
      replicas <= new Set(this.words.map(({ node }) => node)).size,
      '[G1] each counts once',
    );
    if (this.hasStandIns) return;
    assert.is(replicas, this.byPrimary.size, '[G1] as many replicas have answered');
    assert.ok(this.isSatisfied(this.byPrimary), '[G1] the level is met');
    // What is said while others are mended with the answer comes too late for it.
    if (this.isMonotonic) return;
    assert.ok(isWithin(this.all(), shown), '[G1] what was said is shown');
  }

  /** The level, read aloud, by those who have answered. */
  isSatisfied(positions: ReadonlySet<number>): boolean {
    const { level, replicas, dataCentres } = this;
    const homes = replicas.map((node) => dataCentres[node]!);
    const hasMajority = (name: string): boolean =>
      [...positions].filter((position) => homes[position] === name).length >
      homes.filter((home) => home === name).length / 2;
    if (level <= LEVEL.numberMax) return positions.size >= level;
    if (level === LEVEL.quorum) return positions.size > replicas.length / 2;
    if (level === LEVEL.all) return positions.size === replicas.length;
    if (level === LEVEL.localQuorum) return hasMajority(dataCentres[0]!);
    return homes.every(hasMajority);
  }
}

function flagsOf(sent: Sent): number {
  return field(sent, OPERATION.opcode) >>> 8;
}

function contextOf(words: Int32Array, offset: number): Known {
  return knownOf(words, contextOffset(words, offset), contextCount(words, offset));
}

function knownOf(words: Int32Array, offset: number, count: number): Known {
  const entries = decodeContext(words, offset, count);
  return new Map(entries.map(({ incarnation, counter }) => [incarnation, counter]));
}

function contextOfVersion(held: number): Known {
  const version = VERSIONS[held];
  return version === undefined ? new Map() : contextOf(version, 0);
}

function joined(all: readonly Known[]): Known {
  const most = new Map<bigint, bigint>();
  for (const [incarnation, counter] of all.flatMap((known) => [...known])) {
    if (counter > (most.get(incarnation) ?? 0n)) most.set(incarnation, counter);
  }
  return most;
}

function isWithin(one: Known, other: Known): boolean {
  return [...one].every(([incarnation, counter]) => counter <= (other.get(incarnation) ?? 0n));
}

function shuffled(prng: Prng, nodes: readonly number[]): number[] {
  const rest = [...nodes];
  return nodes.map(() => rest.splice(prng.below(rest.length), 1)[0]!);
}

test('[G1] [G2] [G3] [G4] [G5] [G6] gets under random schedules', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      new Schedule(seed).run();
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
});

test.run();
