/** Contexts in place against maps. */
import { writeEntry } from '@clockwise/record/build';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareContexts, contextCovers, coverNewDot, joinContexts, RELATION } from './context.ts';
import { covers, joinContextMaps } from './reference.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_260_211);

/** Few incarnations and counters, on both sides of the signs and of the words. */
const incarnation = fc.constantFrom(
  1n,
  2n,
  0x7fff_ffffn,
  0x8000_0000n,
  0x1_0000_0000n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const counter = fc.constantFrom(
  1n,
  2n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 63n,
);
const contextArbitrary = fc
  .uniqueArray(fc.tuple(incarnation, counter), { selector: ([actor]) => actor, maxLength: 6 })
  .map((entries) => new Map(entries));

type Context = ReadonlyMap<bigint, bigint>;
function encode(context: Context): Int32Array {
  const words = new Int32Array(context.size * 4 + 4);
  [...context]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .forEach(([actor, count], index) =>
      writeEntry(words, index * 4, { incarnation: actor, counter: count }),
    );
  return words;
}
function joined(left: Context, right: Context): Int32Array {
  const out = new Int32Array((left.size + right.size) * 4);
  const count = joinContexts(encode(left), 0, left.size, encode(right), 0, right.size, out, 0);
  return out.slice(0, count * 4);
}

test('[V1] the join is the maximum of each counter', () => {
  fc.assert(
    fc.property(contextArbitrary, contextArbitrary, (left, right) => {
      const expected = joinContextMaps(left, right);
      assert.equal(joined(left, right), encode(expected).slice(0, expected.size * 4));
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test('[V1] contexts compare as their joins say', () => {
  fc.assert(
    fc.property(contextArbitrary, contextArbitrary, (left, right) => {
      const join = String(joined(left, right));
      const leftHas = join === String(encode(left).slice(0, left.size * 4));
      const rightHas = join === String(encode(right).slice(0, right.size * 4));
      const expected =
        (leftHas ? 0 : RELATION.rightDominates) | (rightHas ? 0 : RELATION.leftDominates);
      const relation = compareContexts(encode(left), 0, left.size, encode(right), 0, right.size);
      assert.is(relation, expected);
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test('[V1] a new dot is covered afterwards and was not before, or is refused', () => {
  fc.assert(
    fc.property(contextArbitrary, incarnation, counter, (context, actor, count) => {
      const dot = { incarnation: actor, counter: count };
      const dotWords = new Int32Array(4);
      writeEntry(dotWords, 0, dot);
      const words = encode(context);
      assert.is(contextCovers(words, 0, context.size, dotWords, 0), covers(context, dot));
      const entries = coverNewDot(words, 0, context.size, dotWords, 0);
      if (covers(context, dot)) {
        assert.is(entries, -1);
        return;
      }
      const expected = joinContextMaps(context, new Map([[actor, count]]));
      assert.equal(words.slice(0, entries * 4), encode(expected).slice(0, expected.size * 4));
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test.run();
