/**
 * Hidden records against a dumb model: hinted puts and stores, notes, and somebody who hands off what
 * pages show, over tiny chunks and blocks, with failing reads, flushes, merges, and restarts. Beside
 * them go a user's own records of the same keys, which nothing of it may touch.
 */
import { Prng } from '@clockwise/kernel/prng';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_FLAG } from '@clockwise/protocol/frame';
import { partitionOf } from '@clockwise/placement/token';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { covers, contextOf } from '@clockwise/versioning/reference';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PARTITION_BITS, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { HiddenPart, Reply } from './reply-lanes.ts';
import { type SampleOperation, textOfBytes, tokenOf } from './sample-operations.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const EPOCH = 7 << 16;
const REFUSALS: readonly number[] = [ERRORS.OVERLOADED.code, ERRORS.READ_FAILED.code];

type Bucket = 'hint' | 'mark';

/** What is held for others of a key. */
interface Held {
  /** Positions that are owed it. */
  positions: number;
  /** Values of the copy; none of a mark. */
  values: string[];
}

/** What a page showed, and may still be handed off. */
interface Shown {
  readonly bucket: Bucket;
  readonly key: string;
  readonly part: HiddenPart;
  /** Nothing was owed besides since the page was read. */
  isCurrent: boolean;
}

class OwedRun {
  readonly #prng: Prng;
  #world: ReplicaWorld;
  readonly #held = { hint: new Map<string, Held>(), mark: new Map<string, Held>() };
  readonly #users = new Map<string, string>();
  #shown: Shown[] = [];
  #life = 1;
  #sequence = 0;
  /** By incarnation of a stand-in: the keys whose copies with it were dropped. */
  readonly #dropped: bigint[] = [];
  readonly counts = { hints: 0, notes: 0, settled: 0, vain: 0, restarts: 0, tables: 0 };

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    const merges = { runsMin: 2, tableBytes: 2048, levelBytes1: 8192, levelFanout: 2 };
    const limits = { ...SMALL_LIMITS, siblingsMax: 100, ...(this.#prng.chance(0.5) ? merges : {}) };
    this.#world = new ReplicaWorld(undefined, 1, limits);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      const roll = this.#prng.below(100);
      if (roll < 25) this.#hint();
      else if (roll < 40) this.#note();
      else if (roll < 55) this.#page();
      else if (roll < 75) this.#settle();
      else if (roll < 85) this.#put();
      else if (roll < 93) this.#flush();
      else if (roll < 95) this.#restart();
      else this.#check(this.#prng.pick(KEYS));
    }
    this.#restart();
    for (const key of KEYS) this.#check(key);
  }

  /** Undefined: refused, so that nothing happened. */
  #ask(operation: SampleOperation): Reply | undefined {
    const world = this.#world;
    const replies = world.ask([operation]);
    while (replies.length === 0) {
      const how = this.#prng.pick(['done', 'done', 'done', 'done', 'failed', 'damaged'] as const);
      replies.push(...world.endRead(0, how));
    }
    world.writeLog();
    world.consumeAll();
    assert.is(replies.length, 1);
    return REFUSALS.includes(replies[0]!.status) ? undefined : replies[0]!;
  }

  #hint(): void {
    const key = this.#prng.pick(KEYS);
    const owed = EPOCH | (1 << this.#prng.below(3));
    this.#sequence += 1;
    const value = `v${this.#sequence}`.repeat(this.#prng.between(1, 20));
    const keeps = this.#prng.chance(0.3);
    const reply = this.#ask({
      kind: 'write',
      key,
      value,
      hint: true,
      owed,
      ...(keeps ? { context: [] } : {}),
    });
    if (reply === undefined) return;
    this.counts.hints += 1;
    assert.is(reply.status, STATUS_OK);
    const before = this.#held.hint.get(key);
    const positions = (before?.positions ?? 0) | (owed & 0xffff);
    const values = [...(keeps && before !== undefined ? before.values : []), value];
    this.#held.hint.set(key, { positions, values });
    this.#outdate('hint', key);
    const own = reply.records[0]!.siblings.find((one) => textOfBytes(one.value) === value)!;
    assert.not(this.#dropped.includes(own.dot.incarnation), 'HN3');
  }

  #note(): void {
    const key = this.#prng.pick(KEYS);
    const owed = EPOCH | (1 << this.#prng.below(3));
    const reply = this.#ask({ kind: 'note', key, hidden: 'mark', owed });
    if (reply === undefined) return;
    this.counts.notes += 1;
    const positions = (this.#held.mark.get(key)?.positions ?? 0) | (owed & 0xffff);
    this.#held.mark.set(key, { positions, values: [] });
    this.#outdate('mark', key);
    assert.is(reply.hidden[0]!.owed, EPOCH | positions);
  }

  /** A settle of what was shown before must not clear what is owed from now on. */
  #outdate(bucket: Bucket, key: string): void {
    for (const one of this.#shown) {
      if (one.bucket === bucket && one.key === key) one.isCurrent = false;
    }
  }

  #page(): void {
    const bucket = this.#prng.pick(['hint', 'mark'] as const);
    const world = this.#world;
    const partition = this.#prng.below(1 << PARTITION_BITS);
    const bucketId = HIDDEN_BUCKET[bucket];
    const operation = { kind: 'scan', bucketId, partition, recordsMax: 100 } as const;
    const replies = [...world.ask([operation]), ...world.endReads()];
    world.writeLog();
    world.consumeAll();
    const [reply] = replies;
    if (REFUSALS.includes(reply!.status)) return;
    const owed = reply!.records.flatMap((record, index) => {
      const part = reply!.hidden[index]!;
      if ((part.owed & 0xffff) === 0) return [];
      const key = textOfBytes(bucket === 'mark' ? record.key.slice(4) : record.key);
      this.#shown.push({ bucket, key, part, isCurrent: true });
      return [`${key} ${part.owed & 0xffff}`];
    });
    const expected = KEYS.filter(
      (key) => partitionOf(tokenOf(1, key).high, PARTITION_BITS) === partition,
    ).flatMap((key) => {
      const held = this.#held[bucket].get(key);
      return held === undefined ? [] : [`${key} ${held.positions}`];
    });
    const isWhole = (reply!.flags & REPLY_FLAG.more) === 0;
    const meant = isWhole ? expected : expected.filter((one) => owed.includes(one));
    assert.equal(owed.toSorted(), meant.toSorted(), 'a page shows what is owed, to whom');
  }

  /** What was shown was delivered to some of its positions. */
  #settle(): void {
    if (this.#shown.length === 0) return;
    const shown = this.#prng.pick(this.#shown);
    const { bucket, key, part, isCurrent } = shown;
    const positions = part.owed & (this.#prng.chance(0.5) ? 0xffff : this.#prng.between(1, 7));
    const names = bucket === 'hint' ? this.#contextOf(key) : [];
    const operation = { kind: 'settle', key, hidden: bucket, version: part.version } as const;
    const reply = this.#ask({ ...operation, owed: EPOCH | positions });
    if (reply === undefined) return;
    assert.is(reply.status, STATUS_OK);
    const held = this.#held[bucket].get(key);
    if (held === undefined) return;
    if (!isCurrent) {
      // [ST1] Either it is another version, or all that is owed since was in the one delivered.
      this.counts.vain += 1;
      return;
    }
    held.positions &= ~positions;
    this.counts.settled += 1;
    if (held.positions !== 0) return;
    this.#held[bucket].delete(key);
    this.#dropped.push(...names);
  }

  #contextOf(key: string): bigint[] {
    const reply = this.#ask({ kind: 'read', key, hint: true });
    return (reply?.records[0]?.context ?? []).map(({ incarnation }) => incarnation);
  }

  /** A user's own record of the key. */
  #put(): void {
    const key = this.#prng.pick(KEYS);
    this.#sequence += 1;
    const value = `u${this.#sequence}`;
    if (this.#ask({ kind: 'write', key, value }) !== undefined) this.#users.set(key, value);
  }

  #flush(): void {
    const world = this.#world;
    if (this.#prng.chance(0.5)) world.evict();
    world.tell({ kind: 'merge-beat' });
    while (world.jobs.length > 0) world.endJob();
    this.counts.tables = Math.max(this.counts.tables, world.options.tables.length);
  }

  #restart(): void {
    this.#life += 1;
    this.counts.restarts += 1;
    this.#world = this.#world.restart(this.#life, this.#prng.chance(0.5));
    this.counts.tables = Math.max(this.counts.tables, this.#world.options.tables.length);
  }

  #check(key: string): void {
    const read = (hint: boolean): Reply | undefined => this.#ask({ kind: 'read', key, hint });
    const values = (reply: Reply): string[] =>
      reply.status === STATUS_NOT_FOUND
        ? []
        : reply.records[0]!.siblings.map(({ value }) => textOfBytes(value)).toSorted();
    const copy = read(true);
    if (copy !== undefined) {
      const expected = this.#held.hint.get(key);
      assert.equal(values(copy), expected?.values.toSorted() ?? [], 'HN2');
      if (expected !== undefined) {
        assert.is(copy.hidden[0]!.owed & 0xffff, expected.positions, 'ST1');
        const { context, siblings } = copy.records[0]!;
        assert.ok(siblings.every(({ dot }) => covers(contextOf(context), dot)));
      }
    }
    const own = read(false);
    if (own === undefined) return;
    const expected = this.#users.get(key);
    assert.equal(values(own), expected === undefined ? [] : [expected], 'HN1');
  }
}

test('[HN1, HN2, HN3, ST1, ST2] what is owed stays owed until that version of it was delivered, over crashes and merges', () => {
  const totals = { hints: 0, notes: 0, settled: 0, vain: 0, restarts: 0, tables: 0 };
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const run = new OwedRun(seed);
      run.run(250);
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[name] += run.counts[name];
      }
    }),
    { numRuns: 20, endOnFailure: true, includeErrorInReport: true },
  );
  const { hints, notes, settled, vain, tables } = totals;
  const text = JSON.stringify(totals);
  assert.ok(hints > 500 && notes > 300 && settled > 100 && vain > 50 && tables > 20, text);
});

test.run();
