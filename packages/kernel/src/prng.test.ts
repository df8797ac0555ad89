import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { Prng } from './prng.ts';

function draw(prng: Prng, count: number): number[] {
  return Array.from({ length: count }, () => prng.word());
}

test('[PR1] equal seeds and labels give equal sequences, a number being the seed of its text', () => {
  fc.assert(
    fc.property(fc.integer(), fc.string(), (seed, label) => {
      assert.equal(draw(new Prng(seed), 8), draw(new Prng(String(seed)), 8));
      assert.equal(draw(new Prng(seed).stream(label), 8), draw(new Prng(seed).stream(label), 8));
    }),
    { numRuns: 200 },
  );
});

test('[PR1] the sequence of a seed never changes: recorded runs replay', () => {
  assert.equal(draw(new Prng('clockwise'), 3), [-422343485, -539445743, -2008603888]);
  assert.is(new Prng('clockwise').stream('disk').word(), 1570937935);
});

test('[PR2] a stream is the same whatever was drawn here or from another stream', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), (own, others) => {
      const untouched = draw(new Prng(7).stream('a'), 8);
      const prng = new Prng(7);
      draw(prng, own);
      draw(prng.stream('b'), others);
      assert.equal(draw(prng.stream('a'), 8), untouched);
    }),
    { numRuns: 100 },
  );
});

test('[PR2] streams of different labels differ from each other and from their source', () => {
  const prng = new Prng(7);
  const firsts = ['', 'a', 'b', 'aa', 'ab', 'ba', 'network', 'disk'].map((label) =>
    draw(prng.stream(label), 2).join(),
  );
  firsts.push(draw(new Prng(7), 2).join());
  assert.is(new Set(firsts).size, firsts.length);
});

test('numbers lie in their ranges, and every value of a small range comes up', () => {
  const prng = new Prng(3);
  const seen = new Set<number>();
  for (let round = 0; round < 500; round += 1) {
    const unit = prng.unit();
    assert.ok(unit >= 0 && unit < 1);
    seen.add(prng.between(-2, 2));
    assert.ok(prng.exponential(5) >= 0);
    assert.ok(prng.below(1) === 0);
  }
  assert.equal(
    [...seen].toSorted((a, b) => a - b),
    [-2, -1, 0, 1, 2],
  );
});

test('chance 0 never and chance 1 always', () => {
  const prng = new Prng(4);
  for (let round = 0; round < 100; round += 1) {
    assert.not(prng.chance(0));
    assert.ok(prng.chance(1));
  }
});

test('a shuffle keeps the items, and a pick is one of them', () => {
  const prng = new Prng(5);
  const items = Array.from({ length: 20 }, (_, index) => index);
  const shuffled = prng.shuffle([...items]);
  assert.not.equal(shuffled, items);
  assert.equal(
    [...shuffled].toSorted((a, b) => a - b),
    items,
  );
  assert.ok(items.includes(prng.pick(items)));
});

test('a bound of nothing, a range turned around and an empty choice are programmer errors', () => {
  const prng = new Prng(6);
  assert.throws(() => prng.below(0), /bound lies in/);
  assert.throws(() => prng.below(2 ** 32 + 1), /bound lies in/);
  assert.throws(() => prng.between(2, 1), /low is at most high/);
  assert.throws(() => prng.pick([]), /an item to pick/);
});

test.run();
