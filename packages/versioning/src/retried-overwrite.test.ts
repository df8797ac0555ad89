/**
 * Overwrites that are tried again, through whichever replica, some time later: over random sessions,
 * replicas with clocks of their own, joins, restarts and lost answers. A ledger beside it keeps what
 * each write replaced and what its maker and its session knew.
 */
import { Prng } from '@clockwise/kernel/prng';
import type { Dot, SiblingObject } from '@clockwise/record/build';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HYBRID_AHEAD_MS_MAX, HybridClock } from './hybrid-clock.ts';
import { KeyReplica, SECONDS } from './key-replica.ts';
import { operationIsKnown } from './recents.ts';
import { contextOf, covers, dotKey, joinContextMaps } from './reference.ts';
import { contextOfSeen } from './retry-context.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_261_120);
const REPLICAS = 3;
const SESSIONS = 3;

type Known = ReadonlyMap<bigint, bigint>;

/** One write as a replica applied it. */
interface Made {
  readonly id: string;
  readonly dot: Dot;
  readonly hybrid: bigint;
  readonly isRetry: boolean;
  /** What it replaced: all dots that are covered here. */
  readonly past: Known;
  /** What its replica held when it was made, and what its session had read when it was sent. */
  readonly knew: Known;
}

/** A request that its session still waits for. */
interface Request {
  readonly session: number;
  readonly sequence: number;
  readonly context: readonly Dot[] | undefined;
  readonly seen: bigint;
  readonly known: Known;
  tries: number;
}

class Node {
  readonly replica: KeyReplica;
  readonly skewMs: number;
  /** A restart forgets what it was. */
  clock: HybridClock = new HybridClock(HYBRID_AHEAD_MS_MAX);

  constructor(incarnation: bigint, skewMs: number) {
    this.replica = new KeyReplica(incarnation);
    this.skewMs = skewMs;
  }

  get siblings(): readonly SiblingObject[] {
    return this.replica.words === undefined ? [] : this.replica.record.siblings;
  }
  get context(): Known {
    return contextOf(this.replica.words === undefined ? [] : this.replica.record.context);
  }
  get highest(): bigint {
    return this.siblings.reduce((most, { hybrid }) => (hybrid > most ? hybrid : most), 0n);
  }

  observe(hybrid: bigint, wallMs: number): void {
    const low = Number(BigInt.asIntN(32, hybrid));
    const high = Number(BigInt.asIntN(32, hybrid >> 32n));
    assert.ok(this.clock.observe(low, high, wallMs + this.skewMs), 'clocks are close enough');
  }

  tick(wallMs: number): bigint {
    this.clock.tick(wallMs + this.skewMs);
    const { low, high } = this.clock;
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
}

class Run {
  readonly #prng: Prng;
  readonly nodes: Node[];
  readonly sessions = Array.from({ length: SESSIONS }, () => ({
    seen: 0n,
    known: new Map() as Known,
    sequence: 0,
  }));
  readonly requests: Request[] = [];
  readonly made: Made[] = [];
  readonly counts = { retries: 0, replacing: 0, keeping: 0, known: 0 };
  #wallMs = SECONDS * 1000;
  #incarnations = 0n;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.nodes = Array.from({ length: REPLICAS }, () => {
      this.#incarnations += 1n;
      return new Node(this.#incarnations, this.#prng.between(-20_000, 20_000));
    });
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      const roll = this.#prng.below(100);
      const node = this.#prng.pick(this.nodes);
      if (roll < 30) this.#send(node);
      else if (roll < 50) this.#retry(node);
      else if (roll < 65) this.#read(node);
      else if (roll < 85) this.#deliver(node, this.#prng.pick(this.nodes));
      else if (roll < 90) this.#restart(node);
      else this.#wallMs += this.#prng.pick([1, 10, 3000]);
    }
  }

  /** A session's new write. Its first try may be lost on the way, and so may its answer. */
  #send(node: Node): void {
    const session = this.#prng.below(SESSIONS);
    const own = this.sessions[session]!;
    own.sequence += 1;
    const modes = [undefined, undefined, [], entriesOf(own.known)];
    const request: Request = {
      session,
      sequence: own.sequence,
      context: this.#prng.pick(modes),
      seen: own.seen,
      known: own.known,
      tries: 0,
    };
    this.requests.push(request);
    if (this.#prng.chance(0.2)) request.tries += 1;
    else this.#try(node, request);
  }

  #retry(node: Node): void {
    if (this.requests.length > 0) this.#try(node, this.#prng.pick(this.requests));
  }

  #try(node: Node, request: Request): void {
    const { session, sequence, context, seen } = request;
    const isRetry = request.tries > 0;
    request.tries += 1;
    if (isRetry) this.counts.retries += 1;
    if (isRetry && this.#prng.chance(0.5) && this.#askOthers(node, request)) return;
    if (seen > 0n) node.observe(seen, this.#wallMs);
    // Of an opening before this one: the clock has not seen it.
    if (node.highest > 0n) node.observe(node.highest, this.#wallMs);
    const before = node.context;
    const siblings = node.siblings;
    const hybrid = node.tick(this.#wallMs);
    const status = node.replica.put({
      value: `${session}.${sequence}`,
      session: session + 1,
      sequence,
      hybrid,
      ...(context === undefined ? {} : { context }),
      ...(isRetry ? { retrySeen: seen } : {}),
    });
    if (status > 0) {
      const { incarnation, counter } = node.replica;
      const past = this.#pastOf(node, siblings, request, before);
      const knew = joinContextMaps(before, request.known);
      const id = `${session}.${sequence}`;
      this.made.push({ id, dot: { incarnation, counter }, hybrid, isRetry, past, knew });
    } else {
      this.counts.known += 1;
    }
    if (this.#prng.chance(0.6)) this.#answer(node, request);
  }

  /** Whether another replica knows the operation; then what it holds comes over, and nothing is made. */
  #askOthers(node: Node, request: Request): boolean {
    const other = this.#prng.pick(this.nodes);
    const { words } = other.replica;
    const { session, sequence } = request;
    if (words === undefined || !operationIsKnown(words, 0, session + 1, 0, sequence)) return false;
    this.#deliver(other, node);
    return true;
  }

  /** Of a retried overwrite: what it dropped, in truth. */
  #pastOf(
    node: Node,
    siblings: readonly SiblingObject[],
    { context, tries, seen }: Request,
    before: Known,
  ): Known {
    if (context !== undefined) return contextOf(context);
    if (tries === 1) return before;
    const after = new Set(node.siblings.map(({ dot }) => dotKey(dot)));
    const dropped = siblings.filter(({ dot }) => !after.has(dotKey(dot)));
    const old = siblings.filter(({ hybrid }) => hybrid <= seen);
    assert.equal(dropped, old, 'what the session had seen, and nothing else');
    if (old.length > 0) this.counts.replacing += 1;
    if (old.length < siblings.length) this.counts.keeping += 1;
    const dots = dropped.map(({ dot }) => contextOf([dot]));
    return dots.reduce<Known>((all, dot) => joinContextMaps(all, dot), new Map());
  }

  #answer(node: Node, request: Request): void {
    this.requests.splice(this.requests.indexOf(request), 1);
    this.#tell(node, request.session);
  }

  #read(node: Node): void {
    this.#tell(node, this.#prng.below(SESSIONS));
  }

  #tell(node: Node, session: number): void {
    const own = this.sessions[session]!;
    if (node.highest > own.seen) own.seen = node.highest;
    own.known = joinContextMaps(own.known, node.context);
  }

  #deliver(from: Node, to: Node): void {
    if (from === to || from.replica.words === undefined) return;
    for (const { hybrid } of from.siblings) to.observe(hybrid, this.#wallMs);
    to.replica.receive(from.replica);
  }

  #restart(node: Node): void {
    this.#incarnations += 1n;
    // Spread, so that an order by incarnation is not an order by time.
    node.clock = new HybridClock(HYBRID_AHEAD_MS_MAX);
    node.replica.incarnation = BigInt.asUintN(64, this.#incarnations * 0x9e37_79b9_7f4a_7c15n);
  }

  check(): void {
    for (const one of this.made) {
      for (const other of this.made) {
        if (covers(one.past, other.dot) && one !== other) {
          assert.ok(one.hybrid > other.hybrid, 'hybrid time is causal');
        }
      }
    }
    for (const retry of this.made.filter(({ isRetry }) => isRetry)) {
      const first = this.made.filter(({ id, dot }) => id === retry.id && dot !== retry.dot);
      const earlier = first.filter((one) => this.made.indexOf(one) < this.made.indexOf(retry));
      for (const { dot } of earlier) {
        const knew = this.made.filter((one) => covers(one.knew, dot));
        for (const one of knew) {
          assert.not(
            covers(retry.past, one.dot),
            `[V14] ${retry.id} supersedes ${one.id}, which knew ${dotKey(dot)}`,
          );
        }
      }
    }
  }
}

function entriesOf(known: Known): Dot[] {
  return [...known]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([incarnation, counter]) => ({ incarnation, counter }));
}

test('[V14] a retried overwrite supersedes no write whose maker or session knew its first dot', () => {
  const totals = { retries: 0, replacing: 0, keeping: 0, known: 0 };
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const run = new Run(seed);
      run.run(60);
      run.check();
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[name] += run.counts[name];
      }
    }),
    { seed: SEED, numRuns: 300 },
  );
  const { retries, replacing, keeping, known } = totals;
  const text = JSON.stringify(totals);
  assert.ok(replacing > retries / 20 && keeping > retries / 20 && known > retries / 20, text);
});

test('[V14] a retry whose first try was lost replaces what its session had seen', () => {
  const [fast, slow] = [new Node(5n, 0), new Node(6n, 0)];
  const now = SECONDS * 1000;
  fast.replica.put({ value: 'old', sequence: 1, hybrid: fast.tick(now) });
  const seen = fast.highest;
  slow.replica.receive(fast.replica);
  slow.replica.put({ value: 'new', sequence: 2, hybrid: slow.tick(now + 50), retrySeen: seen });
  assert.equal(slow.replica.values, ['new']);
});

test('[V14] G9 a retry through a replica that heard of its first try by a context alone revives nothing', () => {
  const [first, second] = [new Node(5n, 0), new Node(6n, -15_000)];
  const now = SECONDS * 1000;
  const put = { value: 'mine', session: 1, sequence: 1 };
  first.replica.put({ ...put, hybrid: first.tick(now) });
  // Somebody reads it there, and replaces it through the other, whose clock is behind.
  const { context } = first.replica.record;
  second.observe(first.highest, now + 10);
  const theirs = { value: 'theirs', session: 2, sequence: 1, context };
  second.replica.put({ ...theirs, hybrid: second.tick(now + 10) });
  second.replica.put({ ...put, hybrid: second.tick(now + 20), retrySeen: 0n });
  assert.equal(second.replica.values, ['mine', 'theirs']);
  second.replica.receive(first.replica);
  assert.is(second.replica.shown, 1, 'and with the id it is hidden');
});

test('[V14] the context of what was seen covers nothing later, and one entry covers an incarnation', () => {
  const replica = new KeyReplica(5n);
  const times = [10n, 20n, 30n, 40n];
  times.forEach((hybrid, sequence) => {
    replica.put({ value: `${sequence}`, sequence: sequence + 1, hybrid, context: [] });
  });
  const out = new Int32Array(20);
  const low = (seen: bigint): number => contextOfSeen(replica.words!, 0, Number(seen), 0, out, 2);
  assert.is(low(0n), 0);
  assert.is(low(9n), 0);
  assert.is(low(30n), 1);
  assert.equal([...out.slice(2, 6)], [5, 0, 3, 0]);
  assert.is(low(99n), 1);
  assert.equal([...out.slice(2, 6)], [5, 0, 4, 0]);
});

test.run();
