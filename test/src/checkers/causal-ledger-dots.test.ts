// What superseded a dot: found among later events only, each looked at once, and only where covered.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Dot, encodeRecord } from '@clockwise/record/build';
import { ENTRY_WORDS } from '@clockwise/record/layout';
import { type DotRecord, isLater, KeyDots } from './causal-ledger-dots.ts';
import { siblingOffsets, type VersionView, viewOfRecord } from './causal-ledger-version.ts';

function dot(incarnation: number, counter: number): Dot {
  return { incarnation: BigInt(incarnation), counter: BigInt(counter) };
}

function view(context: readonly Dot[], siblings: readonly Dot[], hybrid = 0n): VersionView {
  const words = encodeRecord({
    bucketId: 1,
    token: 0n,
    key: new Uint8Array([0x6b]),
    replicationClass: 0,
    context,
    siblings: siblings.map((made) => ({
      dot: made,
      operation: { session: 1n, sequence: Number(made.counter) },
      tombstone: false,
      codec: 1,
      expirySeconds: 0,
      hybrid,
      value: new Uint8Array(0),
    })),
    recents: [],
  });
  return viewOfRecord(words, 0);
}

function add(dots: KeyDots, made: Dot, superseded: readonly Dot[], hybrid = 0n): DotRecord {
  const written = view([made], [made], hybrid);
  const known = view(superseded, []);
  const end = known.context + known.contextCount * ENTRY_WORDS;
  const entries = known.words.slice(known.context, end);
  return dots.add(written.words, siblingOffsets(written)[0]!, entries);
}

test('[CL1] a dot is superseded by later events that knew it, where these are covered', () => {
  const dots = new KeyDots('1/k');
  const first = add(dots, dot(1, 1), []);
  const beside = add(dots, dot(2, 1), []);
  const all = view([dot(1, 9), dot(2, 9)], []);
  assert.is(dots.supersederOf(first, all), undefined);
  assert.is(first.lookedAt, 1, 'every event was looked at');
  const later = add(dots, dot(2, 2), [dot(1, 1)]);
  assert.is(dots.supersederOf(first, view([dot(1, 1), dot(2, 1)], [])), undefined, 'not covered');
  assert.is(dots.supersederOf(first, all), later);
  const last = add(dots, dot(1, 4), [dot(1, 1), dot(2, 2)]);
  assert.is(dots.supersederOf(first, view([dot(1, 4)], [])), last);
  assert.equal(first.supersededBy, [later, last]);
  assert.is(dots.supersederOf(beside, all), last, 'an entry covers all counters below');
  assert.is(dots.supersederOf(last, all), undefined);
});

test('dots of an incarnation between two counters, and a dot by its name', () => {
  const dots = new KeyDots('1/k');
  const made = [1, 4, 5, 9].map((counter) => add(dots, dot(7, counter), []));
  const between = (low: number, from: number, to: number): DotRecord[] => {
    const found: DotRecord[] = [];
    dots.between(low, 0, from, to, found);
    return found;
  };
  assert.equal(between(7, 1, 5), [made[1], made[2]]);
  assert.equal(between(7, 9, 20), []);
  assert.equal(between(8, 0, 20), []);
  const named = view([dot(7, 5), dot(8, 5)], []);
  assert.is(dots.find(named.words, named.context), made[2]);
  assert.is(dots.find(named.words, named.context + ENTRY_WORDS), undefined);
  assert.is(dots.find(view([dot(7, 6)], []).words, named.context), undefined, 'a gap');
});

test('the order of lww: time, then incarnation, then counter, unsigned', () => {
  const dots = new KeyDots('1/k');
  const early = add(dots, dot(0xffff_ffff, 9), [], 1n);
  const late = add(dots, dot(1, 1), [], 0x8000_0000n);
  const latest = add(dots, dot(1, 2), [], 0xffff_0000_0000n);
  const higher = add(dots, dot(0xffff_fff0, 1), [], 0x8000_0000n);
  assert.ok(isLater(late, early));
  assert.ok(isLater(latest, late));
  assert.ok(isLater(higher, late), 'equal times: the higher incarnation');
  assert.not(isLater(late, late));
});

test.run();
