// What a shard keeps for others, as the judge hears of it: hinted copies are objects of a shard of their
// own, marks are accounts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { type Dot, encodeRecord } from '@clockwise/record/build';
import { HIDDEN_BUCKET, hiddenWordCount, writeHidden } from '@clockwise/record/hidden';
import { HEADER, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { Bounded } from '../checkers/bounded.ts';
import { KeptBounds } from '../checkers/bounded-kept.ts';
import { RecordBounds } from '../checkers/bounded-records.ts';
import { CausalLedger } from '../checkers/causal-ledger.ts';
import { DotLedger } from '../checkers/dot-ledger.ts';
import { dot, record } from '../checkers/hand-made.ts';
import { AppendWatch } from './append-watch.ts';
import { ReplicaMirror } from './replica-mirror.ts';

const FALLBACK = 0xfn;
const OWED_SECOND = 0b10;

class Watched {
  readonly causal: CausalLedger = new CausalLedger();
  readonly ledger: DotLedger = new DotLedger();
  readonly mirror: ReplicaMirror = new ReplicaMirror();
  readonly watch: AppendWatch;
  #sequence = 0;

  constructor() {
    const { causal, ledger, mirror } = this;
    this.watch = new AppendWatch({
      causal,
      ledger,
      mirror,
      bounds: new RecordBounds(new Bounded(), DEFAULT_LIMITS, () => 3),
      keptBounds: new KeptBounds(new Bounded(), DEFAULT_LIMITS),
      shardCount: 1,
      lwwBucketIds: new Set(),
      wasRetried: () => 'no',
    });
  }

  /** Operation number `counter` of client 0 overwrites. */
  asked(counter: number): void {
    const seen = { low: 0, high: 0 };
    const asked = { sessionLow: 1, sessionHigh: 0, sequence: counter, keyName: '1/k' };
    this.causal.asked({ ...asked, context: undefined, seen });
  }

  /** `owed` undefined: the shard's own copy. */
  append(siblings: readonly number[], context: readonly Dot[], owed?: number): void {
    const own = encodeRecord(
      record(
        siblings.map((counter) => [dot(FALLBACK, counter), counter]),
        context,
      ),
    );
    const words = owed === undefined ? own : hidden(own, owed);
    this.#sequence += 1;
    const prefixed = new Int32Array(PREFIX_WORDS + words.length);
    prefixed[PREFIX.sequenceLow] = this.#sequence;
    prefixed.set(words, PREFIX_WORDS);
    this.watch.appended(prefixed, 0, prefixed.length, 'n4/0', 'n4#1');
  }

  get texts(): readonly string[] {
    return [...this.causal.violations, ...this.ledger.violations].map(({ text }) => text);
  }
}

function hidden(own: Int32Array, owed: number): Int32Array {
  const words = new Int32Array(hiddenWordCount(own, 0));
  writeHidden(own, 0, owed, words, 0);
  return words;
}

test('a hinted copy is judged as the object, at a shelf of its own, until nothing of it is owed', () => {
  const watched = new Watched();
  watched.asked(1);
  watched.append([1], [dot(FALLBACK, 1)], OWED_SECOND);
  const [made] = watched.causal.keyDots('1/k').events;
  assert.equal(made?.holders, ['n4/0/hints']);
  assert.is(watched.mirror.before('n4/0', '1/k'), 'none', 'it is not the shard’s own');
  const [kept] = watched.mirror.hiddenOf('n4', 1);
  assert.equal([kept?.kind, kept?.keyName, kept?.owed], ['hint', '1/k', OWED_SECOND]);
  watched.append([], [], 0);
  assert.equal(watched.mirror.hiddenOf('n4', 1), []);
  assert.is(watched.mirror.before('n4/0', 'hint 1/k'), 'none');
  assert.equal(watched.texts, []);
  assert.is(watched.watch.hiddenCount, 2);
});

test('[HN3] a dot under an incarnation whose copies were dropped covers what its maker forgot', () => {
  const watched = new Watched();
  watched.asked(1);
  watched.asked(2);
  watched.append([1], [dot(FALLBACK, 1)], OWED_SECOND);
  watched.append([], [], 0);
  watched.append([2], [dot(FALLBACK, 2)], OWED_SECOND);
  assert.match(watched.texts[0] ?? '', /covers f:1 and lost it/);
});

test('a crash that takes a settled record back brings the copy back', () => {
  const watched = new Watched();
  watched.asked(1);
  watched.append([1], [dot(FALLBACK, 1)], OWED_SECOND);
  watched.append([], [], 0);
  watched.mirror.opened('n4/0', 1);
  assert.is(watched.mirror.hiddenOf('n4', 1).length, 1);
});

test('a mark is kept account of, and says nothing of the object', () => {
  const watched = new Watched();
  const own = encodeRecord(record([], []));
  const words = hidden(own, OWED_SECOND);
  words[HEADER.bucketId] = HIDDEN_BUCKET.mark;
  const prefixed = new Int32Array(PREFIX_WORDS + words.length);
  prefixed[PREFIX.sequenceLow] = 1;
  prefixed.set(words, PREFIX_WORDS);
  watched.watch.appended(prefixed, 0, prefixed.length, 'n4/0', 'n4#1');
  assert.equal(
    watched.mirror.hiddenOf('n4', 1).map(({ kind }) => kind),
    ['mark'],
  );
  assert.is(watched.causal.joinCount + watched.causal.writeCount, 0);
});

test.run();
