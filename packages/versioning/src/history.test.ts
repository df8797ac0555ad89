/**
 * The laws over real executions: replicas that take puts and deletes, retries through other
 * replicas, joins, restarts and time. Each step is checked against the model and against a ledger of
 * what each dot truly superseded; then the laws are checked over all records that ever existed.
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  decodeContext,
  decodeRecord,
  encodeRecord,
  writeBytes,
  writeEntry,
} from '@clockwise/record/build';
import type { Dot, RecordObject, SiblingObject } from '@clockwise/record/build';
import { SIBLING } from '@clockwise/record/layout';
import { recordLimits, validateRecord } from '@clockwise/record/validate';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RELATION } from './context.ts';
import { type JoinLimits, joinRecords, RecordJoin } from './join.ts';
import { VisibleSiblings } from './reconcile.ts';
import {
  contextOf,
  covers,
  dotKey,
  EMPTY_RECORD,
  joinContextMaps,
  latest,
  modelJoin,
  modelWrite,
  operationKey,
} from './reference.ts';
import type { ModelRecord, ModelRules } from './reference.ts';
import { compareRecords } from './relation.ts';
import { WriteOperands } from './write-operands.ts';
import { applyWrite, RecordWriter, WRITE_STATUS } from './write.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_260_211);
const RUNS = 120;
const REPLICAS = 4;
const CLIENTS = 3;
const START_SECONDS = 1_700_000_000;
const KEY = new Uint8Array([107, 101, 121]);
const NOTHING = new Int32Array(0);

type Mode = 'overwrite' | 'context' | 'none';
type Step =
  | { kind: 'put'; replica: number; client: number; mode: Mode; tombstone: boolean; skew: number }
  | { kind: 'retry'; replica: number; client: number; isFlagged: boolean }
  | { kind: 'read'; replica: number; client: number }
  | { kind: 'join'; from: number; to: number }
  | { kind: 'restart'; replica: number }
  | { kind: 'wait'; seconds: number };

const replica = fc.nat(REPLICAS - 1);
const client = fc.nat(CLIENTS - 1);
const seconds = fc.integer({ min: 1, max: 20 });
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      replica,
      client,
      mode: fc.constantFrom<Mode>('overwrite', 'context', 'none'),
      tombstone: fc.boolean(),
      skew: fc.integer({ min: -3000, max: 3000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('retry' as const),
      replica,
      client,
      isFlagged: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), replica, client }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('join' as const), from: replica, to: replica }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), replica }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds }) },
);

/** Nothing is forgotten; and next to everything is. */
const WIDE = limitsOf(1000, 1_000_000);
const NARROW = limitsOf(2, 5);

function limitsOf(recentOperationsMax: number, recentOperationsSeconds: number): JoinLimits {
  return { contextEntriesMax: 64, recentOperationsMax, recentOperationsSeconds };
}

interface Version {
  readonly words: Int32Array;
  readonly model: ModelRecord;
}
interface Write {
  readonly template: SiblingObject;
  readonly mode: Mode;
  readonly context: readonly Dot[];
}
interface Client {
  context: readonly Dot[];
  last: Write | undefined;
  sequence: number;
}
interface Event {
  readonly sibling: SiblingObject;
  /** What the write replaced: all that its context covered when it was made. */
  readonly past: ReadonlyMap<bigint, bigint>;
}

function toRecord({ context: known, siblings, recents }: ModelRecord): RecordObject {
  const context = [...known].map(([incarnation, counter]) => ({ incarnation, counter }));
  const place = { bucketId: 3, token: 0x8000_0001_f000_0002n, key: KEY, replicationClass: 0 };
  return { ...place, context, siblings, recents };
}

/** Context and siblings alone, as words. */
function canonical(words: Int32Array): string {
  return String(encodeRecord({ ...decodeRecord(words, 0), recents: [] }));
}
function contextText(words: Int32Array): string {
  return decodeRecord(words, 0).context.map(dotKey).join(' ');
}

class History {
  readonly lww: boolean;
  readonly limits: JoinLimits;
  readonly ledger: Event[] = [];
  readonly versions: Version[] = [];
  readonly replicas: (Version | undefined)[] = new Array<Version | undefined>(REPLICAS).fill(
    undefined,
  );
  readonly clients: Client[] = [];
  readonly #incarnations: bigint[] = [];
  readonly #counters: bigint[] = [];
  readonly #siblingsByContext = new Map<string, string>();
  readonly join: RecordJoin;
  readonly #writer: RecordWriter;
  readonly #operands = new WriteOperands();
  #nextIncarnation = 1n;
  nowSeconds = START_SECONDS;

  constructor(lww: boolean, limits: JoinLimits) {
    this.lww = lww;
    this.limits = limits;
    this.join = new RecordJoin(limits);
    this.#writer = new RecordWriter({ ...DEFAULT_LIMITS, ...limits });
    for (let index = 0; index < REPLICAS; index += 1) this.#restart(index);
    for (let index = 0; index < CLIENTS; index += 1) {
      this.clients.push({ context: [], last: undefined, sequence: 0 });
    }
  }

  get rules(): ModelRules {
    return { lww: this.lww, nowSeconds: this.nowSeconds, ...this.limits };
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'put':
        return this.#put(step);
      case 'retry': {
        const { last } = this.clients[step.client]!;
        if (last === undefined) return;
        // Times of one incarnation do not ascend here, as overwrites that say that they are retried
        // need it: retried-overwrite.test.ts has these.
        const seen = this.lww && step.isFlagged ? 0n : undefined;
        this.#apply(step.replica, last, seen);
        return;
      }
      case 'read': {
        const version = this.replicas[step.replica];
        this.clients[step.client]!.context =
          version === undefined ? [] : decodeRecord(version.words, 0).context;
        return;
      }
      case 'join':
        return this.#deliver(step.from, step.to);
      case 'restart':
        return this.#restart(step.replica);
      case 'wait':
        this.nowSeconds += step.seconds;
    }
  }

  /** Spread over both words and both signs, so that an order by signed words would show. */
  #restart(index: number): void {
    const number = this.#nextIncarnation;
    this.#nextIncarnation += 1n;
    this.#incarnations[index] = BigInt.asUintN(64, number * 0x9e37_79b9_7f4a_7c15n);
    this.#counters[index] = number % 2n === 0n ? 0n : 0xffff_fffen;
  }

  #put(step: Step & { kind: 'put' }): void {
    const own = this.clients[step.client]!;
    own.sequence += 1;
    const milliseconds = BigInt(this.nowSeconds * 1000 + step.skew);
    const sibling: SiblingObject = {
      dot: { incarnation: 0n, counter: 0n },
      operation: { session: BigInt(step.client + 1) << 31n, sequence: own.sequence },
      tombstone: step.tombstone,
      codec: step.tombstone ? 0 : 1,
      expirySeconds: 0,
      hybrid: (milliseconds << 16n) | BigInt(own.sequence),
      value: new Uint8Array(step.tombstone ? 0 : own.sequence % 19).fill(step.client + 1),
    };
    own.last = { template: sibling, mode: step.mode, context: own.context };
    this.#apply(step.replica, own.last);
  }

  #apply(index: number, { template, mode, context }: Write, retrySeen?: bigint): void {
    this.#counters[index]! += 1n;
    const dot = { incarnation: this.#incarnations[index]!, counter: this.#counters[index]! };
    const sibling = { ...template, dot };
    const given = mode === 'overwrite' ? undefined : mode === 'none' ? [] : context;
    const current = this.replicas[index];
    const milliseconds = sibling.hybrid >> 16n;
    const expected = modelWrite(
      current?.model ?? EMPTY_RECORD,
      { sibling, context: given, ...(retrySeen === undefined ? {} : { retrySeen }) },
      {
        ...this.rules,
        nowSeconds: Number(milliseconds / 1000n),
      },
    );
    const out = new Int32Array(4096);
    this.#fill(sibling, given);
    this.#operands.retry = retrySeen !== undefined;
    const words = current?.words ?? NOTHING;
    const written = applyWrite(this.#writer, this.#operands, words, current ? 0 : -1, out, 0);
    if (expected === 'duplicate') {
      assert.is(written, WRITE_STATUS.duplicate, '[V9] a known operation makes nothing');
      return;
    }
    if (expected === 'overtaken') {
      assert.is(
        written,
        WRITE_STATUS.overtaken,
        '[V15] a retry makes nothing where a later write is',
      );
      return;
    }
    const before = current?.model.context ?? new Map<bigint, bigint>();
    const past = given === undefined || this.lww ? before : contextOf(given);
    const made = expected.siblings.find((one) => dotKey(one.dot) === dotKey(dot))!;
    this.ledger.push({ sibling: made, past: new Map(past) });
    this.#store(index, out.slice(0, written), expected);
  }

  #fill(sibling: SiblingObject, given: readonly Dot[] | undefined): void {
    const operands = this.#operands;
    const record = encodeRecord({ ...toRecord(EMPTY_RECORD), siblings: [sibling] });
    operands.bucketId = record[2]!;
    operands.tokenHigh = record[3]!;
    operands.tokenLow = record[4]!;
    operands.keyWords = record;
    operands.keyOffset = 8;
    operands.keyByteCount = KEY.length;
    operands.contextGiven = given !== undefined;
    const entries = toRecord({ ...EMPTY_RECORD, context: contextOf(given ?? []) });
    const contextRecord = encodeRecord(entries);
    operands.contextWords = contextRecord;
    operands.contextOffset = 10;
    operands.contextCount = given?.length ?? 0;
    operands.valueWords = new Int32Array(8);
    writeBytes(operands.valueWords, 0, sibling.value);
    operands.valueOffset = 0;
    operands.valueByteCount = sibling.value.length;
    operands.codec = sibling.codec;
    operands.tombstone = sibling.tombstone;
    [operands.sessionLow, operands.sessionHigh, operands.sequence] = [
      record[16]!,
      record[17]!,
      record[18]!,
    ];
    [operands.hybridLow, operands.hybridHigh] = [record[20]!, record[21]!];
    writeEntry(operands.dot, 0, sibling.dot);
    operands.lww = this.lww;
  }

  #deliver(from: number, to: number): void {
    const sent = this.replicas[from];
    const own = this.replicas[to];
    if (sent === undefined) return;
    if (own === undefined) {
      this.replicas[to] = sent;
      return;
    }
    const words = this.joined(own.words, sent.words);
    const { equalsLeft, equalsRight } = this.join;
    assert.is(equalsLeft, canonical(words) === canonical(own.words), '[V5] equal to the left');
    assert.is(equalsRight, canonical(words) === canonical(sent.words), '[V5] equal to the right');
    const relation = compareRecords(own.words, 0, sent.words, 0);
    assert.is(
      relation,
      (equalsLeft ? 0 : RELATION.rightDominates) | (equalsRight ? 0 : RELATION.leftDominates),
      '[V5] the relation',
    );
    this.#store(to, words, modelJoin(own.model, sent.model, this.rules));
  }

  joined(left: Int32Array, right: Int32Array): Int32Array {
    const out = new Int32Array(left.length + right.length);
    this.join.lww = this.lww;
    this.join.nowSeconds = this.nowSeconds;
    return out.slice(0, joinRecords(this.join, left, 0, right, 0, out, 0));
  }

  #store(index: number, words: Int32Array, model: ModelRecord): void {
    assert.equal(words, encodeRecord(toRecord(model)), 'the words are the model');
    this.check(words);
    const version = { words, model };
    this.versions.push(version);
    this.replicas[index] = version;
  }

  /** What must hold of any record, by the ledger alone. */
  check(words: Int32Array): void {
    const ceilings = recordLimits({ ...DEFAULT_LIMITS, ...WIDE });
    assert.is(validateRecord(words, 0, words.length, ceilings), 0, 'the record is well formed');
    const { context: entries, siblings } = decodeRecord(words, 0);
    const context = contextOf(entries);
    const known = this.ledger.filter((event) => covers(context, event.sibling.dot));
    const alive = this.lww
      ? [latest(known.map((event) => event.sibling))]
      : known
          .filter(({ sibling }) => !known.some((other) => covers(other.past, sibling.dot)))
          .map((event) => event.sibling);
    assert.equal(
      siblings.map((sibling) => dotKey(sibling.dot)).toSorted(),
      alive.map((sibling) => dotKey(sibling.dot)).toSorted(),
      '[V3] siblings are what is known and not superseded',
    );
    const text = contextText(words);
    const before = this.#siblingsByContext.get(text);
    assert.ok(
      before === undefined || before === canonical(words),
      '[V4] equal contexts, equal siblings',
    );
    this.#siblingsByContext.set(text, canonical(words));
  }

  /** Operation ids of which some dot was superseded, by what is known in this record. */
  superseded(words: Int32Array): Set<string> {
    const context = contextOf(decodeRecord(words, 0).context);
    const known = this.ledger.filter((event) => covers(context, event.sibling.dot));
    return new Set(
      known
        .filter(({ sibling }) => known.some((other) => covers(other.past, sibling.dot)))
        .map(({ sibling }) => operationKey(sibling.operation)),
    );
  }
}

function run(lww: boolean, limits: JoinLimits, steps: readonly Step[]): History {
  const history = new History(lww, limits);
  for (const step of steps) history.step(step);
  return history;
}

/** A few of all versions that existed, the ends of all replicas among them. */
function sample(history: History): Int32Array[] {
  const ends = history.replicas.filter((version) => version !== undefined);
  const stride = Math.max(1, Math.floor(history.versions.length / 4));
  const others = history.versions.filter((_, index) => index % stride === 0);
  return [...new Set([...ends, ...others])].map((version) => version.words);
}

function checkLaws(history: History, comparable: (words: Int32Array) => string): void {
  const samples = sample(history);
  for (const a of samples) {
    assert.is(canonical(history.joined(a, a)), canonical(a), '[V2] idempotent');
    for (const b of samples) {
      const ab = history.joined(a, b);
      assert.equal(ab, history.joined(b, a), '[V2] commutative, to the byte');
      history.check(ab);
      for (const c of samples) {
        const left = history.joined(ab, c);
        const right = history.joined(a, history.joined(b, c));
        assert.is(comparable(left), comparable(right), '[V2] associative');
      }
    }
  }
}

const histories = fc.array(stepArbitrary, { minLength: 8, maxLength: 40, size: 'max' });
const options = { seed: SEED, numRuns: RUNS };

for (const lww of [false, true]) {
  const policy = lww ? 'lww' : 'siblings';

  test(`[V2] [V3] [V4] [V5] [V6] [V7] [V9] ${policy}: laws and model, nothing forgotten`, () => {
    fc.assert(
      fc.property(histories, (steps) => {
        checkLaws(run(lww, WIDE, steps), (words) => String(words));
      }),
      options,
    );
  });

  test(`[V2] [V3] [V4] ${policy}: the same past the window; only what is remembered may differ`, () => {
    fc.assert(
      fc.property(histories, (steps) => {
        checkLaws(run(lww, NARROW, steps), canonical);
      }),
      options,
    );
  });
}

/**
 * A replica may learn from a client's context that a dot was superseded without ever learning its id;
 * so what is hidden in one record follows from what it remembers, and only the join of all records
 * must know every id that the ledger knows.
 */
test('[V11] [V12] [V13] equal operation ids are one event, whatever was retried where', () => {
  let hidden = 0;
  fc.assert(
    fc.property(histories, (steps) => {
      const history = run(false, WIDE, steps);
      for (const { words } of history.versions) {
        const remembered = decodeRecord(words, 0).recents.map((one) => operationKey(one.operation));
        const superseded = history.superseded(words);
        assert.ok(
          remembered.every((id) => superseded.has(id)),
          'only superseded ids are remembered',
        );
        checkShown(history, words, new Set(remembered));
      }
      const ends = history.replicas.filter((version) => version !== undefined);
      if (ends.length === 0) return;
      const all = ends.map((one) => one.words).reduce((a, b) => history.joined(a, b));
      if (checkShown(history, all, history.superseded(all))) hidden += 1;
    }),
    options,
  );
  assert.ok(hidden >= RUNS / 20, 'some histories end with a retried operation hidden');
});

/** Whether something superseded was hidden, as `superseded` ids say that it must be. */
function checkShown(history: History, words: Int32Array, superseded: Set<string>): boolean {
  const visible = new VisibleSiblings();
  visible.collect(words, 0, history.nowSeconds);
  const shown = siblingsAt(words, visible).map((one) => operationKey(one.operation));
  assert.is(new Set(shown).size, shown.length, '[V11] each operation is shown once');
  const { siblings } = decodeRecord(words, 0);
  const ids = [...new Set(siblings.map((one) => operationKey(one.operation)))];
  const returned = ids.filter((id) => superseded.has(id));
  const hides = returned.length === 1 && ids.length > 1;
  const expected = ids.filter((id) => firstIsLive(siblings, id) && !(hides && id === returned[0]));
  assert.equal(shown.toSorted(), expected.toSorted(), '[V12] [V13] what is superseded stays away');
  return hides;
}

function siblingsAt(words: Int32Array, visible: VisibleSiblings): SiblingObject[] {
  const dots = new Set<string>();
  for (let index = 0; index < visible.count; index += 1) {
    const dot = visible.offsets[index]! + SIBLING.incarnationLow;
    for (const entry of decodeContext(words, dot, 1)) dots.add(dotKey(entry));
  }
  return decodeRecord(words, 0).siblings.filter((one) => dots.has(dotKey(one.dot)));
}

function firstIsLive(siblings: readonly SiblingObject[], id: string): boolean {
  return !siblings.find((one) => operationKey(one.operation) === id)!.tombstone;
}

test('[V2] all replicas that joined everything agree, in whatever order', () => {
  fc.assert(
    fc.property(histories, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (steps, order) => {
      const history = run(false, NARROW, steps);
      const ends = history.replicas.filter((version) => version !== undefined);
      if (ends.length === 0) return;
      const fold = (list: readonly Version[]): string =>
        canonical(list.map((one) => one.words).reduce((a, b) => history.joined(a, b)));
      const shuffled = ends
        .map((version, index) => ({ version, key: order[index] ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map((one) => one.version);
      assert.is(fold(ends), fold(shuffled));
      const all = ends.map((one) => one.model.context).reduce(joinContextMaps);
      assert.is(
        contextText(ends.map((one) => one.words).reduce((a, b) => history.joined(a, b))).split(' ')
          .length,
        all.size,
      );
    }),
    options,
  );
});

test.run();
