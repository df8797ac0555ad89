// The causal ledger on steps made by hand: silent where all is well, and by its rule where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Dot, encodeRecord, type RecordObject } from '@clockwise/record/build';
import { CausalLedger, type WasRetried } from './causal-ledger.ts';
import { operationName } from './causal-ledger-dots.ts';
import { CausalReplies } from './causal-ledger-replies.ts';
import { type EarlierVersion, type VersionView, viewOfRecord } from './causal-ledger-version.ts';

const INCARNATIONS: Readonly<Record<string, bigint>> = { a: 0xan, b: 0xb_0000_0000n, c: 0xcn };

/** 'b3': counter 3 of incarnation b. */
function dot(name: string): Dot {
  return { incarnation: INCARNATIONS[name[0]!]!, counter: BigInt(name.slice(1)) };
}

function list(names: string): Dot[] {
  return names === '' ? [] : names.split(' ').map(dot);
}

interface Shape {
  readonly context: string;
  readonly siblings: string;
  /** By dot; where it is not named, the operation has the counter for its sequence. */
  readonly operations?: Readonly<Record<string, number>>;
  readonly hybrid?: Readonly<Record<string, number>>;
  readonly tombstone?: string;
}

function view(shape: Shape): VersionView {
  const record: RecordObject = {
    bucketId: 1,
    token: 0n,
    key: new Uint8Array([0x6b]),
    replicationClass: 0,
    context: list(shape.context),
    siblings: (shape.siblings === '' ? [] : shape.siblings.split(' ')).map((name) => ({
      dot: dot(name),
      operation: { session: dot(name).incarnation, sequence: sequenceOf(name, shape) },
      tombstone: shape.tombstone === name,
      codec: 1,
      expirySeconds: 0,
      hybrid: BigInt(shape.hybrid?.[name] ?? 0),
      value: new Uint8Array(5),
    })),
    recents: [],
  };
  return viewOfRecord(encodeRecord(record), 0);
}

function sequenceOf(name: string, shape: Shape): number {
  return shape.operations?.[name] ?? Number(name.slice(1));
}

/** A cluster in which each replica is the incarnation of its name. */
class World {
  readonly ledger: CausalLedger = new CausalLedger();
  readonly replies: CausalReplies = new CausalReplies(this.ledger);
  readonly held: Map<string, EarlierVersion> = new Map();
  readonly isLww: boolean;
  sequence = 0;

  constructor(isLww = false) {
    this.isLww = isLww;
  }

  asked(name: string, context?: string, keyName = '1/k', seen = 0): void {
    const { incarnation, counter } = dot(name);
    this.ledger.asked({
      sessionLow: Number(BigInt.asIntN(32, incarnation)),
      sessionHigh: Number(incarnation >> 32n),
      sequence: Number(counter),
      keyName,
      context: context === undefined ? undefined : contextWords(context),
      seen: { low: seen, high: 0 },
    });
  }

  /** The replica appends; what it held before is what it appended last. */
  append(
    replica: string,
    shape: Shape,
    fields: { opening?: string; key?: string; wasRetried?: WasRetried } = {},
  ): void {
    const after = view(shape);
    this.sequence += 1;
    this.ledger.appended({
      shard: `${replica}/0`,
      opening: fields.opening ?? `${replica}#1`,
      sequence: this.sequence,
      keyName: fields.key ?? '1/k',
      isLww: this.isLww,
      before: this.held.get(replica) ?? 'none',
      after,
      wasRetried: () => fields.wasRetried ?? 'no',
    });
    this.held.set(replica, after);
  }

  /** The replica keeps a hinted copy. */
  shelve(replica: string, shape: Shape): void {
    this.sequence += 1;
    this.ledger.appended({
      shard: `${replica}/0/hints`,
      opening: `${replica}#1`,
      sequence: this.sequence,
      keyName: '1/k',
      isLww: this.isLww,
      before: 'none',
      after: view(shape),
    });
  }

  /** A write that is asked for and appended as it must be. */
  write(replica: string, name: string, shape: Shape, context?: string): void {
    this.asked(name, context);
    this.append(replica, shape);
  }

  get(shape: Shape): void {
    const shown = view(shape);
    this.replies.answeredGet({ who: 'client-0', keyName: '1/k', isLww: this.isLww, shown });
  }

  /** A put or delete was answered with a context; its operation is that of the dot of this name. */
  answered(
    name: string,
    context: string,
    replicaCount = 1,
    fields: { primaryCount?: number; isNeedless?: boolean } = {},
  ): void {
    const { incarnation, counter } = dot(name);
    const operation = operationName(
      Number(BigInt.asIntN(32, incarnation)),
      Number(incarnation >> 32n),
      Number(counter),
    );
    const shown = view({ context, siblings: '' });
    this.replies.answeredWrite({
      who: 'client-0',
      keyName: '1/k',
      operation,
      shown,
      replicaCount,
      primaryCount: 0,
      isNeedless: false,
      ...fields,
    });
  }

  /** The rules that were violated, in order. */
  get rules(): string[] {
    return [...this.ledger.violations, ...this.replies.violations].map(
      ({ oracle, text }) => `${oracle} ${/\[(\w+)\]/.exec(text)![1]!}`,
    );
  }
}

function contextWords(names: string): Int32Array {
  const made = view({ context: names, siblings: '' });
  return made.words.slice(made.context, made.siblings);
}

/** a1 and b1, written side by side, and joined at both. */
function twoSiblings(): World {
  const world = new World();
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  world.write('b', 'b1', { context: 'b1', siblings: 'b1' }, '');
  world.append('a', { context: 'a1 b1', siblings: 'a1 b1' });
  world.append('b', { context: 'a1 b1', siblings: 'a1 b1' });
  assert.equal(world.rules, []);
  return world;
}

test('writes with and without context, joins of both, and what follows on them, are well', () => {
  const world = twoSiblings();
  // One write knew a1 alone, one both; an overwrite replaces all that its maker holds.
  world.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' }, 'a1');
  world.write('b', 'b2', { context: 'a1 b2', siblings: 'b2' }, 'a1 b1');
  world.append('a', { context: 'a2 b2', siblings: 'a2 b2' });
  world.write('a', 'a3', { context: 'a3 b2', siblings: 'a3' });
  world.append('b', { context: 'a3 b2', siblings: 'a3' });
  assert.is(world.ledger.writeCount, 5);
  assert.is(world.ledger.joinCount, 4);
  assert.equal(world.rules, []);
});

test('[O2b] a join that drops a sibling that only one side has', () => {
  const world = new World();
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  world.write('b', 'b1', { context: 'b1', siblings: 'b1' }, '');
  world.append('a', { context: 'a1 b1', siblings: 'a1' });
  assert.equal(world.rules, ['O2 O2b']);
  assert.match(
    world.ledger.violations[0]!.text,
    /1\/k at a\/0, sequence 3 of a#1: covers b00000000:1/,
  );
});

test('[O2b] a join that drops a sibling of its own side, which nobody superseded', () => {
  const world = twoSiblings();
  world.write('b', 'b2', { context: 'a1 b2', siblings: 'a1 b2' }, 'b1');
  world.append('a', { context: 'a1 b2', siblings: 'b2' });
  assert.equal(world.rules, ['O2 O2b']);
});

test('[O2b] a sibling that comes back, and one that stays, though superseded by what is covered', () => {
  const world = twoSiblings();
  world.write('b', 'b2', { context: 'a1 b2', siblings: 'b2' }, 'a1 b1');
  world.append('a', { context: 'a1 b2', siblings: 'a1 b2' });
  assert.equal(world.rules, ['O2 O2b']);
  world.append('c', { context: 'a1 b2', siblings: 'b1 b2' });
  assert.is(world.rules.length, 2, 'b1 came back; a1 is covered and gone, which is well');
});

test('[O2c] a put that joins with a read taken before another put on the same key', () => {
  const world = new World();
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  world.write('a', 'a2', { context: 'a2', siblings: 'a2' }, 'a1');
  world.write('b', 'b1', { context: 'b1', siblings: 'b1' }, '');
  world.append('a', { context: 'a2 b1', siblings: 'a2 b1' });
  assert.equal(world.rules, []);
  // Made from the version that held a1 alone: b1 is forgotten, and a2 gone unseen.
  world.write('a', 'a3', { context: 'a3', siblings: 'a1 a3' }, '');
  assert.ok(world.rules.includes('O2 O2c'));
  assert.ok(world.rules.includes('O2 O2a'), 'it dropped what its request did not cover');
});

test('[O2c] a store that lost data goes on from the version that it kept', () => {
  const world = new World();
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  const kept = world.held.get('a')!;
  world.write('a', 'a2', { context: 'a2', siblings: 'a2' }, 'a1');
  world.held.set('a', kept);
  world.asked('c1', 'a1');
  world.append('a', { context: 'a1 c1', siblings: 'c1' }, { opening: 'a#2' });
  assert.equal(world.rules, []);
});

test('[O2a, O2d] a context that covers what neither maker nor request knew', () => {
  const gap = twoSiblings();
  gap.write('a', 'a2', { context: 'a2 b2', siblings: 'a2' }, 'a1 b1');
  assert.equal(gap.rules, ['O2 O2a', 'O2 O2d'], 'b2 was never made');
  const unread = twoSiblings();
  unread.write('b', 'b2', { context: 'a1 b2', siblings: 'a1 b2' }, 'b1');
  unread.write('a', 'a2', { context: 'a2 b2', siblings: 'a2' }, 'a1 b1');
  assert.equal(unread.rules, ['O2 O2a', 'O2 O2b'], 'b2 was made, and its maker did not hold it');
});

test('[O2a] a write that forgets its request, drops too much, or keeps too much', () => {
  const forgets = twoSiblings();
  forgets.write('b', 'b2', { context: 'a1 b2', siblings: 'b2' }, 'a1 b1');
  forgets.write('a', 'a2', { context: 'a2 b1', siblings: 'a2' }, 'a1 b2');
  assert.ok(forgets.rules.includes('O2 O2a'));
  const drops = twoSiblings();
  drops.write('a', 'a2', { context: 'a2 b1', siblings: 'a2' }, 'a1');
  assert.ok(drops.rules.includes('O2 O2a'));
  assert.ok(drops.rules.includes('O2 O2b'), 'and b1 was superseded by nobody');
  const keeps = twoSiblings();
  keeps.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' }, 'a1 b1');
  assert.ok(keeps.rules.includes('O2 O2a'));
  const overwrite = twoSiblings();
  overwrite.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' });
  assert.ok(overwrite.rules.includes('O2 O2a'));
});

test('[O2a, O2e] a write that nobody asked for, or on another key, or under the incarnation of another', () => {
  const nobody = new World();
  nobody.append('a', { context: 'a1', siblings: 'a1' });
  assert.equal(nobody.rules, ['O2 O2a']);
  const other = new World();
  other.asked('a1', '', '1/other');
  other.append('a', { context: 'a1', siblings: 'a1' });
  assert.equal(other.rules, ['O2 O2a']);
  const again = new World();
  again.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  again.asked('a2', 'a1');
  again.append('a', { context: 'a2', siblings: 'a2' }, { opening: 'a#2' });
  assert.equal(again.rules, ['O2 O2e']);
});

test('[O2b] lww: the latest of what is covered wins, by time and then by dot', () => {
  const world = new World(true);
  const hybrid = { a1: 20, b1: 10, b2: 20 };
  world.write('a', 'a1', { context: 'a1', siblings: 'a1', hybrid }, '');
  world.write('b', 'b1', { context: 'b1', siblings: 'b1', hybrid }, 'a1');
  world.append('a', { context: 'a1 b1', siblings: 'a1', hybrid });
  world.write('b', 'b2', { context: 'b2', siblings: 'b2', hybrid });
  world.append('b', { context: 'a1 b2', siblings: 'b2', hybrid });
  assert.equal(world.rules, [], 'equal times: the higher incarnation');
  world.append('a', { context: 'a1 b2', siblings: 'a1', hybrid });
  assert.equal(world.rules, ['O2 O2b']);
});

test('[O2b] lww: a write that is not above what it replaces, and one with two siblings', () => {
  const world = new World(true);
  const hybrid = { a1: 20, a2: 19 };
  world.write('a', 'a1', { context: 'a1', siblings: 'a1', hybrid }, '');
  world.write('a', 'a2', { context: 'a2', siblings: 'a2', hybrid }, '');
  assert.equal(world.rules, ['O2 O2b']);
  world.append('b', { context: 'a2', siblings: 'a1 a2', hybrid });
  assert.equal(world.rules, ['O2 O2b', 'O2 O2b']);
});

test('[O2g] a get shows all of what it covers that was not superseded', () => {
  const world = twoSiblings();
  world.get({ context: '', siblings: '' });
  world.get({ context: 'a1', siblings: 'a1' });
  world.get({ context: 'a1 b1', siblings: 'a1 b1' });
  world.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' }, 'a1');
  world.get({ context: 'a2 b1', siblings: 'a2 b1' });
  world.get({ context: 'a1 b1', siblings: 'a1 b1' });
  assert.equal(world.rules, []);
  world.get({ context: 'a2 b1', siblings: 'a2' });
  assert.equal(world.rules, ['O2 O2g'], 'b1 is covered and was not read');
  world.get({ context: 'a2 b1', siblings: 'a1 a2 b1' });
  assert.equal(world.rules, ['O2 O2g', 'O2 O2g'], 'a1 was superseded');
});

test('[O2g] what a get need not show: deletes, and what one operation made twice', () => {
  const world = new World();
  const operations = { a1: 7, b1: 7 };
  for (const session of ['a', 'b']) world.asked(`${session}7`, '');
  world.append('a', { context: 'a1', siblings: 'a1', operations });
  world.append('b', { context: 'b1', siblings: 'b1', operations });
  world.append('a', { context: 'a1 b1', siblings: 'a1 b1', operations });
  world.get({ context: 'a1 b1', siblings: 'a1', operations });
  assert.equal(world.rules, ['O2 O2g'], 'two sessions: two operations');
  const deleted = new World();
  deleted.write('a', 'a1', { context: 'a1', siblings: 'a1', tombstone: 'a1' }, '');
  deleted.get({ context: 'a1', siblings: '' });
  assert.equal(deleted.rules, []);
});

test('[O2f, O2h] an answer covers dots that were made, and shows what it covers', () => {
  const world = twoSiblings();
  world.get({ context: 'a2 b1', siblings: 'a1 b1' });
  assert.equal(world.rules, ['O2 O2f']);
  world.get({ context: 'a1', siblings: 'a1 b1' });
  assert.equal(world.rules.slice(1), ['O2 O2h', 'O2 O2g']);
});

test('[O2i] the answer of a write covers a dot that its operation made', () => {
  const world = twoSiblings();
  world.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' }, 'a1');
  world.answered('a2', 'a2 b1');
  world.answered('a1', 'a2 b1');
  assert.equal(world.rules, []);
  world.answered('a2', 'a1 b1');
  world.asked('b2');
  world.answered('b2', 'a2 b1', 0);
  assert.equal(world.rules, ['O2 O2i', 'O2 O2i']);
});

test('[O2j] a write is answered when as many replicas as its level asks for have appended it', () => {
  const world = twoSiblings();
  world.answered('a1', 'a1 b1', 2);
  world.write('a', 'a2', { context: 'a2 b1', siblings: 'a2 b1' }, 'a1');
  world.answered('a2', 'a2 b1', 1);
  assert.equal(world.rules, []);
  world.answered('a2', 'a2 b1', 2);
  assert.equal(world.rules, ['O2 O2j']);
  // A replica that holds what superseded it has it too.
  world.write('a', 'a3', { context: 'a3 b1', siblings: 'a3 b1' }, 'a2');
  world.append('b', { context: 'a3 b1', siblings: 'a3 b1' });
  world.answered('a2', 'a2 b1', 2);
  assert.equal(world.rules.length, 1);
});

test('[O2j] an answer that counts stand-ins as primaries', () => {
  const world = new World();
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  world.shelve('b', { context: 'a1', siblings: 'a1' });
  world.answered('a1', 'a1', 2, { primaryCount: 1 });
  assert.equal(world.rules, [], 'one of two is a stand-in');
  world.answered('a1', 'a1', 2, { primaryCount: 2 });
  assert.equal(world.rules, ['O2 O2j']);
});

test('[O2i] of what was needless nothing was made', () => {
  const world = new World(true);
  world.write('a', 'a1', { context: 'a1', siblings: 'a1' }, '');
  world.asked('b1');
  world.answered('b1', 'a1', 1, { isNeedless: true });
  assert.equal(world.rules, []);
  world.answered('b1', 'a1', 0);
  assert.equal(world.rules, ['O2 O2i']);
});

/** a1 at 10 and b1 at 20, joined at a. */
function timed(): { readonly world: World; readonly hybrid: Record<string, number> } {
  const world = new World();
  const hybrid = { a1: 10, b1: 20, a2: 30, b2: 40 };
  world.write('a', 'a1', { context: 'a1', siblings: 'a1', hybrid }, '');
  world.write('b', 'b1', { context: 'b1', siblings: 'b1', hybrid }, '');
  world.append('a', { context: 'a1 b1', siblings: 'a1 b1', hybrid });
  return { world, hybrid };
}

test('[O2k] a retried overwrite replaces what its session could have seen, and keeps what is later', () => {
  const { world, hybrid } = timed();
  const siblings = { context: 'a2 b1', siblings: 'a2 b1', hybrid };
  world.asked('a2', undefined, '1/k', 15);
  world.append('a', siblings, { wasRetried: 'yes' });
  world.append('b', siblings);
  world.write('b', 'b2', { context: 'a2 b2', siblings: 'a2 b2', hybrid }, 'b1');
  assert.equal(world.rules, [], 'b1 was superseded by b2 alone');
  const both = timed();
  both.world.asked('a2', undefined, '1/k', 15);
  both.world.append('a', { context: 'a2 b1', siblings: 'a2', hybrid }, { wasRetried: 'both' });
  assert.equal(both.world.rules, [], 'it may have been the first try');
});

test('[O2k] a retried overwrite that replaces what is later, or keeps what is not', () => {
  const drops = timed();
  drops.world.asked('a2', undefined, '1/k', 15);
  const all = { context: 'a2 b1', siblings: 'a2', hybrid: drops.hybrid };
  drops.world.append('a', all, { wasRetried: 'yes' });
  assert.equal(drops.world.rules, ['O2 O2k']);
  const keeps = timed();
  keeps.world.asked('a2', undefined, '1/k', 25);
  const some = { context: 'a2 b1', siblings: 'a2 b1', hybrid: keeps.hybrid };
  keeps.world.append('a', some, { wasRetried: 'yes' });
  assert.equal(keeps.world.rules, ['O2 O2k']);
});

test('a version that was forgotten is judged by what is covered alone', () => {
  const world = twoSiblings();
  world.held.set('a', 'forgotten');
  world.write('a', 'a2', { context: 'a2 b1', siblings: 'a2' });
  assert.equal(world.rules, []);
  world.held.set('b', 'forgotten');
  world.append('b', { context: 'a2 b1', siblings: 'b1' });
  assert.ok(world.rules.includes('O2 O2b'));
});

test.run();
