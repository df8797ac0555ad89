import { type Dot, encodeRecord, writeEntry } from '@clockwise/record/build';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IncarnationBook } from './incarnation-book.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_261_120);
const OPENING = { low: -5, high: 77 };

function next(book: IncarnationBook, isFallback: boolean): Dot {
  const dot = new Int32Array(4);
  book.next(dot, isFallback);
  const joined = (low: number, high: number): bigint =>
    (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return { incarnation: joined(dot[0]!, dot[1]!), counter: joined(dot[2]!, dot[3]!) };
}

function recordWith(...context: Dot[]): Int32Array {
  const key = new Uint8Array([1]);
  const siblings: [] = [];
  return encodeRecord({
    bucketId: 1,
    token: 1n,
    key,
    replicationClass: 0,
    context,
    siblings,
    recents: [],
  });
}

test("[W2] counters ascend over all names, from the opening's second on", () => {
  const book = new IncarnationBook(OPENING, 0xfedc_ba98);
  let last = 0xfedc_ba98n << 32n;
  for (let index = 0; index < 20; index += 1) {
    if (index === 7) book.redrawFallback();
    if (index === 13) book.redrawOwn();
    const { counter } = next(book, index % 3 === 0);
    assert.is(counter, last + 1n);
    last = counter;
  }
});

test('an opening has its own name, and another one for what it writes as a stand-in', () => {
  const book = new IncarnationBook(OPENING, 0);
  const own = next(book, false);
  assert.equal(own, { incarnation: (77n << 32n) | 0xffff_fffbn, counter: 1n });
  assert.is.not(next(book, true).incarnation, own.incarnation);
});

test('[HN3] A7 a name leaves when a copy with an entry of it is dropped, and only then', () => {
  const book = new IncarnationBook(OPENING, 0);
  const [own, fallback] = [next(book, false), next(book, true)];
  const names = (): bigint[] => [next(book, false).incarnation, next(book, true).incarnation];
  book.dropped(recordWith({ incarnation: 3n, counter: 1n }), 0);
  assert.equal(names(), [own.incarnation, fallback.incarnation]);
  // The counter does not matter: its record is forgotten all the same.
  book.dropped(recordWith({ ...fallback, counter: 1n }, { incarnation: 3n, counter: 1n }), 0);
  const [sameOwn, newFallback] = names();
  assert.is(sameOwn, own.incarnation);
  assert.is.not(newFallback, fallback.incarnation);
  book.dropped(recordWith(own), 0);
  const [newOwn, sameFallback] = names();
  assert.is.not(newOwn, own.incarnation);
  assert.is(sameFallback, newFallback);
});

test('[S2] a counter that was not given is known as such under each of the names', () => {
  const book = new IncarnationBook(OPENING, 5);
  for (const isFallback of [false, true]) {
    const dot = next(book, isFallback);
    const words = new Int32Array(12);
    writeEntry(words, 4, dot);
    writeEntry(words, 8, { ...dot, counter: dot.counter + 1n });
    assert.ok(book.isCurrent(words, 4));
    assert.not(book.isAhead(words, 4));
    assert.ok(book.isAhead(words, 8));
    assert.not(book.isCurrent(words, 0));
  }
});

test('no name is drawn twice, by one opening or by two', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.integer(), fc.integer()), {
        selector: String,
        minLength: 2,
        maxLength: 20,
      }),
      (openings) => {
        const names = openings.flatMap(([low, high]) => {
          const book = new IncarnationBook({ low, high }, 0);
          return Array.from({ length: 30 }, () => {
            const dots = [next(book, true), next(book, false)];
            book.redrawFallback();
            book.redrawOwn();
            return dots.map(({ incarnation }) => incarnation);
          }).flat();
        });
        assert.is(new Set(names).size, names.length);
      },
    ),
    { seed: SEED, numRuns: 50 },
  );
});

test.run();
