/**
 * One replica against a sorted map of record objects: random writes, deletes, stores, reads and
 * scans, over tiny chunks and blocks, with reads, jobs, log writes and coordinators that end when
 * they like, failures of all of these, and restarts with and without power loss.
 */
import fc from 'fast-check';
import { unreachable } from '@clockwise/kernel/assert';
import { Prng } from '@clockwise/kernel/prng';
import { LANE } from '@clockwise/kernel/core';
import { LeafTable, leafTableWords } from '@clockwise/merkle/leaf-table';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { DURABILITY, REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import { type Dot, encodeRecord, type RecordObject } from '@clockwise/record/build';
import { leafHash } from '@clockwise/record/leaf-hash';
import {
  compareDotObjects,
  covers,
  EMPTY_RECORD,
  type ModelRecord,
  modelJoin,
  type ModelRules,
  modelWrite,
} from '@clockwise/versioning/reference';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isEqual, keyOf, modelOf, objectOf } from './model-records.ts';
import { type HeldKey, judgeScan, type ModelScan } from './model-scan.ts';
import { PARTITION_BITS, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import { bytesOfText, type SampleOperation, textOfBytes } from './sample-operations.ts';

type Keyed = Extract<SampleOperation, { kind: 'read' } | { kind: 'write' } | { kind: 'store' }>;

interface Asked {
  readonly slot: number;
  readonly operation: Keyed;
}

/** A state of a key, and whether anybody may have been told of it. */
interface Version {
  readonly record: ModelRecord;
  readonly told: Reply[];
}

const KEYS = Array.from({ length: 14 }, (_, index) => (index < 6 ? `{tag}${index}` : `k${index}`));
const PLACES = KEYS.flatMap((key) => [1, 2].map((bucketId) => ({ key, bucketId })));
const LWW_BUCKET = 2;
const REFUSALS: readonly number[] = [
  ERRORS.OVERLOADED.code,
  ERRORS.READ_FAILED.code,
  ERRORS.TOO_MANY_SIBLINGS.code,
];
const RULES: ModelRules = {
  lww: false,
  nowSeconds: 1_000_000,
  contextEntriesMax: SMALL_LIMITS.contextEntriesMax,
  recentOperationsMax: SMALL_LIMITS.recentOperationsMax,
  recentOperationsSeconds: SMALL_LIMITS.recentOperationsSeconds,
};

/** None, or so early and into such small tables that they are many. */
const MERGE_LIMITS = [
  {},
  { runsMin: 2, tableBytes: 2048, levelBytes1: 8192, levelFanout: 2, tableCodec: 2 },
  { runsMin: 3, tableBytes: 8192, levelBytes1: 32_768, levelFanout: 4 },
];

class ModelRun {
  readonly #prng: Prng;
  #world: ReplicaWorld;
  #incarnation = 1;
  /** Of each place, what it was from the last restart on; the last is what it is. */
  #versions = new Map<string, Version[]>();
  /** Operations that have no answer, in the order they were sent, by place. */
  #asked = new Map<string, Asked[]>();
  #scans = new Map<number, ModelScan>();
  readonly #dots = new Set<string>();
  readonly #theirs = new Map<string, ModelRecord>();
  #theirCounter = 0n;
  #sequence = 0;
  /** So short in some runs that writes are slowed. */
  readonly #stepMs: number;
  readonly counts = {
    answers: 0,
    refusals: 0,
    scans: 0,
    restarts: 0,
    tables: 0,
    recycled: 0,
    beats: 0,
  };

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    const caches = this.#prng.stream('caches');
    this.#stepMs = this.#prng.stream('steps').pick([0, 1, 100]);
    const limits = {
      ...SMALL_LIMITS,
      blockCacheBytes: caches.pick([0, 16 * 1024, 64 * 1024]),
      // With twelve there are chunks for both queues of clean copies.
      memtableChunksMax: caches.pick([SMALL_LIMITS.memtableChunksMax, 12]),
      ...this.#prng.stream('merges').pick(MERGE_LIMITS),
    };
    this.#world = new ReplicaWorld(undefined, 1, limits);
    this.#world.stepMs = this.#stepMs;
  }

  run(stepCount: number): void {
    for (let step = 0; step < stepCount; step += 1) {
      const roll = this.#prng.below(100);
      if (roll < 40) this.#askSome();
      else if (roll < 45) this.#askScan();
      else if (roll < 65) this.#endRead();
      else if (roll < 74) this.#world.writeLog(this.#prng.between(1, 8));
      else if (roll < 86) this.#flush();
      else if (roll < 98) this.#consume();
      else if (roll < 99) this.#maybeRestart();
      else this.#checkRoots();
    }
    this.#restart();
    this.#checkRoots();
  }

  #place(): { readonly key: string; readonly bucketId: number } {
    return this.#prng.pick(PLACES);
  }

  #askSome(): void {
    const operations = Array.from({ length: this.#prng.between(1, 6) }, () => this.#operation());
    const first = this.#world.nextSlot;
    operations.forEach((operation, index) => {
      const name = nameOf(operation);
      const asked = this.#asked.get(name) ?? [];
      asked.push({ slot: first + index, operation });
      this.#asked.set(name, asked);
    });
    this.#take(this.#world.ask(operations, this.#prng.below(2)));
  }

  #operation(): Keyed {
    const place = this.#place();
    const lww = place.bucketId === LWW_BUCKET;
    const durability = lww ? DURABILITY.interval : DURABILITY.sync;
    const roll = this.#prng.below(10);
    if (roll < 3) return { kind: 'read', ...place };
    if (roll < 5) return { kind: 'store', record: this.#theirRecord(place), lww, durability };
    const known = this.#current(`${place.bucketId} ${place.key}`).context;
    const entries = [...known]
      .map(([incarnation, counter]) => ({ incarnation, counter }))
      .toSorted(compareDotObjects);
    const contexts: (readonly Dot[] | undefined)[] = [undefined, undefined, [], entries];
    const context = this.#prng.pick(contexts);
    const isRetry = this.#sequence > 0 && this.#prng.chance(0.2);
    if (!isRetry) this.#sequence += 1;
    return {
      kind: 'write',
      ...place,
      value: this.#prng.chance(0.2)
        ? undefined
        : `v${this.#sequence}`.repeat(this.#prng.between(1, 9)),
      ...(context === undefined ? {} : { context }),
      session: 5,
      sequence: isRetry
        ? this.#prng.between(Math.max(1, this.#sequence - 6), this.#sequence)
        : this.#sequence,
      forward: this.#prng.chance(0.3),
      lww,
      durability,
    };
  }

  /** What another replica holds of a key: its own writes, on what it heard from here at times. */
  #theirRecord({
    key,
    bucketId,
  }: {
    readonly key: string;
    readonly bucketId: number;
  }): RecordObject {
    const name = `${bucketId} ${key}`;
    const rules = { ...RULES, lww: bucketId === LWW_BUCKET };
    let theirs = this.#theirs.get(name) ?? EMPTY_RECORD;
    const told = this.#versions.get(name)?.findLast((version) => version.told.some(isReleased));
    if (told !== undefined && this.#prng.chance(0.5))
      theirs = modelJoin(theirs, told.record, rules);
    if (theirs.siblings.length === 0 || this.#prng.chance(0.6)) {
      this.#theirCounter += 1n;
      const sibling = {
        dot: { incarnation: 0xffff_0000_0000n, counter: this.#theirCounter },
        operation: { session: 0n, sequence: 0 },
        tombstone: false,
        codec: 0,
        expirySeconds: 0,
        hybrid: ((BigInt(RULES.nowSeconds) * 1000n) << 16n) + BigInt(this.#prng.below(1000)),
        value: bytesOfText(`their ${this.#theirCounter}`),
      };
      theirs = modelWrite(theirs, { sibling, context: undefined }, rules) as ModelRecord;
    }
    this.#theirs.set(name, theirs);
    return objectOf(bucketId, key, theirs);
  }

  #askScan(): void {
    const after = this.#prng.chance(0.4) ? this.#prng.pick(PLACES) : undefined;
    const bucketId = after?.bucketId ?? this.#prng.between(1, 2);
    const cursor = after === undefined ? undefined : objectOf(bucketId, after.key, EMPTY_RECORD);
    const operation = {
      kind: 'scan',
      bucketId,
      partition:
        cursor === undefined
          ? this.#prng.below(1 << PARTITION_BITS)
          : Number(cursor.token >> BigInt(64 - PARTITION_BITS)),
      ...(cursor === undefined ? {} : { after: cursor }),
      recordsMax: this.#prng.between(1, 8),
      bytesMax: this.#prng.between(100, 5000),
    } as const;
    this.#scans.set(this.#world.nextSlot, operation);
    this.#take(this.#world.ask([operation]));
  }

  #endRead(): void {
    const { reads } = this.#world;
    if (reads.length === 0) return;
    const how = this.#prng.pick(['done', 'done', 'done', 'done', 'damaged', 'failed'] as const);
    this.#take(this.#world.endRead(this.#prng.below(reads.length), how));
  }

  #flush(): void {
    const world = this.#world;
    const [job] = world.jobs;
    if (job === undefined) {
      const isMerge = this.#prng.chance(0.5);
      const chunk = this.#prng.below(7);
      this.#take(world.tell(isMerge ? { kind: 'merge-beat' } : { kind: 'flush-chunk', chunk }));
      return;
    }
    const how = this.#prng.pick(['done', 'done', 'done', 'failed', 'doubtful'] as const);
    if (job.input.kind === 'merge' && how === 'done') this.counts.beats += 1;
    this.#take(world.endJob(how));
  }

  #maybeRestart(): void {
    if (this.#prng.chance(0.4)) this.#restart();
  }

  #consume(): void {
    const free = this.#world.memtable.pool.freeCount();
    this.#world.consume(this.#prng.below(2), this.#prng.pick([LANE.now, LANE.durable]));
    this.#take(this.#world.passes(this.#prng.below(10)));
    if (this.#world.memtable.pool.freeCount() > free) this.counts.recycled += 1;
  }

  #current(name: string): ModelRecord {
    return this.#versions.get(name)?.at(-1)?.record ?? EMPTY_RECORD;
  }

  /** Takes the answers of one step: of each key in the order its operations were sent. */
  #take(replies: readonly Reply[]): void {
    const bySlot = new Map<number, Reply[]>();
    for (const reply of replies) bySlot.set(reply.slot, [...(bySlot.get(reply.slot) ?? []), reply]);
    const versionsBefore = new Map(
      [...this.#versions].map(([name, versions]) => [name, versions.length]),
    );
    for (const [name, asked] of this.#asked) {
      const waiting: Asked[] = [];
      for (const one of asked) {
        const answers = bySlot.get(one.slot);
        if (answers === undefined) {
          waiting.push(one);
          continue;
        }
        const refused = REFUSALS.includes(answers[0]!.status);
        assert.ok(refused || waiting.length === 0, 'R1: nothing overtakes what waits');
        this.#judge(name, one.operation, answers);
      }
      this.#asked.set(name, waiting);
    }
    for (const reply of replies) {
      const scan = this.#scans.get(reply.slot);
      if (scan === undefined) continue;
      this.#scans.delete(reply.slot);
      this.#judgeScan(scan, reply, versionsBefore);
    }
  }

  #judge(name: string, operation: Keyed, answers: readonly Reply[]): void {
    const reply = answers.find(({ kind }) => kind !== REPLY_KIND.forward)!;
    const forwards = answers.filter(({ kind }) => kind === REPLY_KIND.forward);
    this.counts.answers += 1;
    if (REFUSALS.includes(reply.status)) {
      this.counts.refusals += 1;
      assert.is(answers.length, 1);
      assert.is(reply.recordWords, 0);
      return;
    }
    const current = this.#current(name);
    const after = this.#expected(operation, current, reply);
    const [record] = reply.records;
    if (operation.kind === 'read' && after === EMPTY_RECORD) {
      assert.is(reply.status, STATUS_NOT_FOUND);
      return;
    }
    assert.is(reply.status, STATUS_OK);
    assertEqual(record!, after, `${name} ${operation.kind}`);
    const forwarded = operation.kind === 'write' && operation.forward === true;
    assert.is(forwards.length, forwarded ? 1 : 0);
    for (const forward of forwards) assert.equal(forward.records, reply.records);
    const versions = this.#versions.get(name) ?? [];
    if (after !== current) versions.push({ record: after, told: [] });
    versions.at(-1)!.told.push(reply);
    this.#versions.set(name, versions);
  }

  #expected(operation: Keyed, current: ModelRecord, reply: Reply): ModelRecord {
    switch (operation.kind) {
      case 'read':
        return current;
      case 'store': {
        const rules = { ...RULES, lww: operation.lww === true };
        const incoming = modelOf(operation.record);
        const isCovered = operation.record.context.every((entry) => covers(current.context, entry));
        return isCovered ? current : modelJoin(current, incoming, rules);
      }
      case 'write':
        return this.#expectedWrite(operation, current, reply);
      default:
        return unreachable(operation);
    }
  }

  #expectedWrite(
    operation: Extract<Keyed, { kind: 'write' }>,
    current: ModelRecord,
    reply: Reply,
  ): ModelRecord {
    const isDuplicate = (reply.flags & REPLY_FLAG.duplicate) !== 0;
    const own = reply.records[0]!.siblings.filter(
      ({ dot }) => dot.incarnation === BigInt(this.#incarnation),
    )
      .toSorted((left, right) => (left.dot.counter < right.dot.counter ? -1 : 1))
      .at(-1);
    const sibling = {
      dot: own?.dot ?? { incarnation: 0n, counter: 0n },
      operation: { session: (7n << 32n) | 5n, sequence: operation.sequence! },
      tombstone: operation.value === undefined,
      codec: 0,
      expirySeconds: 0,
      hybrid: own?.hybrid ?? 0n,
      value: bytesOfText(operation.value ?? ''),
    };
    const rules = { ...RULES, lww: operation.lww === true };
    const after = modelWrite(current, { sibling, context: operation.context }, rules);
    assert.is(
      isDuplicate,
      after === 'duplicate',
      `${JSON.stringify(operation.sequence)} duplicate`,
    );
    if (typeof after === 'string') return current;
    const dot = `${sibling.dot.incarnation}:${sibling.dot.counter}`;
    assert.not(this.#dots.has(dot), 'W2: a dot is given once');
    this.#dots.add(dot);
    return after;
  }

  #judgeScan(scan: ModelScan, reply: Reply, versionsBefore: ReadonlyMap<string, number>): void {
    if (REFUSALS.includes(reply.status)) return;
    this.counts.scans += 1;
    const held = PLACES.map(({ key, bucketId }): HeldKey => {
      const name = `${bucketId} ${key}`;
      const before = versionsBefore.get(name) ?? 0;
      const versions = this.#versions.get(name) ?? [];
      return {
        place: objectOf(bucketId, key, EMPTY_RECORD),
        isOld: before > 0,
        shown: versions.slice(Math.max(0, before - 1)).map(({ record }) => record),
      };
    });
    judgeScan(scan, reply, held);
  }

  #checkRoots(): void {
    const words = new Int32Array(leafTableWords(PARTITION_BITS));
    const table = new LeafTable(PARTITION_BITS, words);
    const hash = new Int32Array(2);
    for (const { key, bucketId } of PLACES) {
      const current = this.#current(`${bucketId} ${key}`);
      if (current === EMPTY_RECORD) continue;
      const record = encodeRecord(objectOf(bucketId, key, current));
      leafHash(record, 0, hash);
      table.replace(record[3]!, 0, 0, hash[0]!, hash[1]!);
    }
    const { leaves } = this.#world.options;
    assert.ok(
      words.every((word, index) => word === leaves.words[index]),
      'ML1 leaves',
    );
  }

  /** What was told is there; what was not may be, but then as it was made. */
  #restart(): void {
    this.counts.restarts += 1;
    this.counts.tables = Math.max(this.counts.tables, this.#world.options.tables.length);
    this.#incarnation += 1;
    const powerLoss = this.#prng.chance(0.5);
    this.#world = this.#world.restart(this.#incarnation, powerLoss);
    this.#asked.clear();
    this.#scans.clear();
    for (const { key, bucketId } of PLACES) this.#findAgain(key, bucketId, powerLoss);
  }

  #findAgain(key: string, bucketId: number, powerLoss: boolean): void {
    const name = `${bucketId} ${key}`;
    const versions = this.#versions.get(name) ?? [];
    const replies = this.#world.ask([{ kind: 'read', key, bucketId }]);
    const [reply] = replies.length > 0 ? replies : this.#world.endReads();
    const isSynced = bucketId !== LWW_BUCKET || !powerLoss;
    const floor = isSynced
      ? versions.findLastIndex((version) => version.told.some(isReleased))
      : -1;
    if (reply!.status === STATUS_NOT_FOUND) {
      assert.is(floor, -1, `O8: ${name} is gone`);
      // A state that nobody was told of, or that was never synced.
      this.#versions.delete(name);
      return;
    }
    const found = versions.findLastIndex((version) => isEqual(reply!.records[0]!, version.record));
    assert.ok(found >= Math.max(0, floor), `O8: ${name} is at ${found}, told ${floor}`);
    this.#versions.set(name, [{ record: versions[found]!.record, told: [reply!] }]);
    this.#world.writeLog();
    this.#world.consumeAll();
  }
}

function isReleased(reply: Reply): boolean {
  return reply.released;
}

function nameOf(operation: Keyed): string {
  if (operation.kind === 'store') {
    return `${operation.record.bucketId} ${textOfBytes(operation.record.key)}`;
  }
  return `${operation.bucketId} ${operation.key}`;
}

function assertEqual(got: RecordObject, expected: ModelRecord, what: string): void {
  if (isEqual(got, expected)) return;
  const { bucketId } = got;
  const show = (record: ModelRecord): unknown => {
    const { context, siblings, recents } = objectOf(bucketId, keyOf(got), record);
    return { context, siblings, recents };
  };
  assert.equal(show(modelOf(got)), show(expected), what);
}

function runOf(seed: number): ModelRun {
  const run = new ModelRun(seed);
  run.run(800);
  return run;
}

test('[R1, W1, W2, RP1, S1, SO1, FC1, FC3, CC1, KO1] a replica is a sorted map that loses nothing it told', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => void runOf(seed)),
    { numRuns: 8, endOnFailure: true, includeErrorInReport: true },
  );
});

test('[R1, SO1] the same, in runs of which it is known that everything happens in them', () => {
  // 2011: writes and a scan wait for the same block, and are answered in one step.
  const runs = [2011, 4, 9, 14].map((seed) => runOf(seed).counts);
  const total = (name: keyof ModelRun['counts']): number =>
    runs.reduce((sum, counts) => sum + counts[name], 0);
  const text = JSON.stringify(runs);
  assert.ok(total('answers') > 1500 && total('refusals') < total('answers') / 2, text);
  assert.ok(total('scans') > 20 && total('tables') > 8, text);
  assert.ok(total('recycled') > 1 && total('beats') > 3, text);
});

test.run();
