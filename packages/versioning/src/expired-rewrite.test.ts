// An expired value that a merge of one replica has rewritten as a tombstone, while others still hold it.
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  decodeRecord,
  encodeRecord,
  type RecordObject,
  type SiblingObject,
} from '@clockwise/record/build';
import { leafHash } from '@clockwise/record/leaf-hash';
import { recordLimits, validateRecord } from '@clockwise/record/validate';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RELATION } from './context.ts';
import { joinRecords, RecordJoin } from './join.ts';
import { VisibleSiblings } from './reconcile.ts';
import { contextOf, dotKey, EMPTY_RECORD, type ModelRecord, modelWrite } from './reference.ts';
import { compareRecords } from './relation.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_260_420);
const REPLICAS = 3;
const NOW = 1_700_000_000;
/** What expires up to here may be rewritten. */
const HORIZON = NOW - 3600;
const LIMITS = {
  contextEntriesMax: 64,
  recentOperationsMax: 1000,
  recentOperationsSeconds: 1_000_000,
};

type Step =
  | { kind: 'put'; replica: number; mode: 'overwrite' | 'context' | 'none'; expiry: number }
  | { kind: 'retry'; replica: number }
  | { kind: 'join'; from: number; to: number }
  | { kind: 'rewrite'; replica: number };

const replica = fc.nat(REPLICAS - 1);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      replica,
      mode: fc.constantFrom('overwrite' as const, 'context' as const, 'none' as const),
      // Deleted, long expired, expired lately, never: see siblingOf.
      expiry: fc.constantFrom(-1, HORIZON - 5, HORIZON - 5, HORIZON, HORIZON + 10, 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry' as const), replica }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('join' as const), from: replica, to: replica }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('rewrite' as const), replica }) },
);

function toRecord({ context, siblings, recents }: ModelRecord): RecordObject {
  const entries = [...context].map(([incarnation, counter]) => ({ incarnation, counter }));
  return {
    bucketId: 3,
    token: 7n,
    key: new Uint8Array([107]),
    replicationClass: 0,
    context: entries,
    siblings,
    recents,
  };
}

function encode(model: ModelRecord): Int32Array {
  const words = encodeRecord(toRecord(model));
  const limits = recordLimits({ ...DEFAULT_LIMITS, ...LIMITS });
  assert.is(validateRecord(words, 0, words.length, limits), 0);
  return words;
}

function decode(words: Int32Array): ModelRecord {
  const { context, siblings, recents } = decodeRecord(words, 0);
  return { context: contextOf(context), siblings, recents };
}

/** As a merge does it: if all have expired or are deleted, values go, and all else stays. */
function rewritten(model: ModelRecord): ModelRecord {
  const isGone = ({ tombstone, expirySeconds }: SiblingObject): boolean =>
    tombstone || (expirySeconds > 0 && expirySeconds <= HORIZON);
  if (!model.siblings.every(isGone)) return model;
  const siblings = model.siblings.map((sibling) => ({
    ...sibling,
    tombstone: true,
    codec: 0,
    expirySeconds: 0,
    value: new Uint8Array(0),
  }));
  return { ...model, siblings };
}

function join(left: ModelRecord, right: ModelRecord, lww: boolean): ModelRecord {
  return decode(joinedWords(encode(left), encode(right), lww));
}

function joinedWords(left: Int32Array, right: Int32Array, lww: boolean): Int32Array {
  const joining = new RecordJoin(LIMITS);
  joining.lww = lww;
  joining.nowSeconds = NOW;
  const out = new Int32Array(left.length + right.length);
  return out.slice(0, joinRecords(joining, left, 0, right, 0, out, 0));
}

function textOf(model: ModelRecord): string {
  return String(encode(model));
}

/** Dots, ids and times: all but the values and what says whether they are there. */
function skeleton({ context, siblings, recents }: ModelRecord): unknown {
  return {
    context: [...context].toSorted(([left], [right]) => (left < right ? -1 : 1)),
    siblings: siblings.map(({ dot, operation, hybrid }) => ({ dot, operation, hybrid })),
    recents,
  };
}

function shownDots(model: ModelRecord): string[] {
  const words = encode(model);
  const visible = new VisibleSiblings();
  visible.collect(words, 0, NOW);
  const { siblings } = decodeRecord(words, 0);
  const live = siblings.filter(
    ({ tombstone, expirySeconds }) => !tombstone && (expirySeconds === 0 || expirySeconds > NOW),
  );
  return [String(visible.count), ...live.map((sibling) => dotKey(sibling.dot))];
}

function leafOf(model: ModelRecord): string {
  const hash = new Int32Array(2);
  leafHash(encode(model), 0, hash);
  return String(hash);
}

/** Two worlds with the same history: in one of them replicas rewrite what has expired. */
class Worlds {
  readonly lww: boolean;
  readonly plain: ModelRecord[] = new Array<ModelRecord>(REPLICAS).fill(EMPTY_RECORD);
  readonly merged: ModelRecord[] = new Array<ModelRecord>(REPLICAS).fill(EMPTY_RECORD);
  rewriteCount = 0;
  #counter = 0n;
  #last: SiblingObject | undefined;

  constructor(lww: boolean) {
    this.lww = lww;
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'put':
        return this.#put(step);
      case 'retry':
        if (this.#last !== undefined) this.#write(step.replica, this.#last, 'overwrite');
        return;
      case 'join':
        return this.#join(step.from, step.to);
      case 'rewrite': {
        const before = this.merged[step.replica]!;
        if (before.siblings.length === 0) return;
        const after = rewritten(before);
        assert.is(leafOf(after), leafOf(before), 'the leaf hash is of key and context only');
        if (textOf(after) !== textOf(before)) this.rewriteCount += 1;
        this.merged[step.replica] = after;
      }
    }
  }

  #put({ replica: index, mode, expiry }: Extract<Step, { kind: 'put' }>): void {
    const sequence = Number(this.#counter) + 1;
    this.#last = {
      dot: { incarnation: 0n, counter: 0n },
      operation: { session: 9n, sequence },
      tombstone: expiry < 0,
      codec: expiry < 0 ? 0 : 1,
      expirySeconds: Math.max(expiry, 0),
      hybrid: (BigInt((NOW - 7200) * 1000 + ((sequence * 37) % 50)) << 16n) | BigInt(sequence),
      value: new Uint8Array(expiry < 0 ? 0 : sequence % 19).fill(sequence),
    };
    this.#write(index, this.#last, mode);
  }

  #write(index: number, template: SiblingObject, mode: string): void {
    this.#counter += 1n;
    const dot = { incarnation: BigInt(index + 1), counter: this.#counter };
    for (const world of [this.plain, this.merged]) {
      const current = world[index]!;
      const context = [...current.context].map(([incarnation, counter]) => ({
        incarnation,
        counter,
      }));
      const given = mode === 'overwrite' ? undefined : mode === 'none' ? [] : context;
      const rules = { lww: this.lww, nowSeconds: NOW, ...LIMITS };
      const written = modelWrite(current, { sibling: { ...template, dot }, context: given }, rules);
      if (typeof written !== 'string') world[index] = written;
    }
  }

  #join(from: number, to: number): void {
    for (const world of [this.plain, this.merged]) {
      const [own, sent] = [world[to]!, world[from]!];
      if (sent.siblings.length === 0) continue;
      world[to] = own.siblings.length === 0 ? sent : join(own, sent, this.lww);
    }
  }

  check(): void {
    this.plain.forEach((plain, index) => {
      const merged = this.merged[index]!;
      if (plain.siblings.length === 0) return;
      assert.equal(skeleton(merged), skeleton(plain), '[V4] one context, one set of dots');
      assert.equal(shownDots(merged), shownDots(plain), 'nobody is shown anything else');
      const all = [...this.plain, ...this.merged].filter(({ siblings }) => siblings.length > 0);
      for (const other of all) this.#checkPair(encode(merged), encode(other));
    });
  }

  #checkPair(left: Int32Array, right: Int32Array): void {
    const joined = String(joinedWords(left, right, this.lww));
    assert.is(joined, String(joinedWords(right, left, this.lww)), '[V2] commutative to the byte');
    const relation = compareRecords(left, 0, right, 0);
    const content = (words: string): string => textOf({ ...decode(wordsOf(words)), recents: [] });
    if (relation === RELATION.leftDominates || relation === RELATION.equal) {
      assert.is(content(joined), content(String(left)), '[V5] what dominates is the join');
    }
    if (relation === RELATION.rightDominates || relation === RELATION.equal) {
      assert.is(content(joined), content(String(right)), '[V5] what dominates is the join');
    }
  }

  /** However the replicas exchange what they hold, all hold the same in the end. */
  checkEnd(): void {
    const held = [...this.merged, ...this.plain].filter(({ siblings }) => siblings.length > 0);
    if (held.length === 0) return;
    const inOrder = held.reduce((left, right) => join(left, right, this.lww));
    const backwards = held.reduceRight((right, left) => join(left, right, this.lww));
    assert.is(textOf(inOrder), textOf(backwards), '[V2] associative');
    assert.is(textOf(join(inOrder, inOrder, this.lww)), textOf(inOrder), '[V2] idempotent');
    for (const one of held) assert.is(textOf(join(inOrder, one, this.lww)), textOf(inOrder));
  }
}

function wordsOf(text: string): Int32Array {
  return Int32Array.from(text.split(','), Number);
}

for (const lww of [false, true]) {
  const policy = lww ? 'lww' : 'siblings';
  test(`[V2, V4, V5] ${policy}: a replica may rewrite what has expired as a tombstone, whenever it likes`, () => {
    let rewrites = 0;
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 30, size: 'max' }), (steps) => {
        const worlds = new Worlds(lww);
        for (const step of steps) {
          worlds.step(step);
          worlds.check();
        }
        worlds.checkEnd();
        rewrites += worlds.rewriteCount;
      }),
      { seed: SEED, numRuns: 80 },
    );
    assert.ok(rewrites > 50, `seed ${SEED}: ${rewrites} rewrites are a test`);
  });
}

test.run();
