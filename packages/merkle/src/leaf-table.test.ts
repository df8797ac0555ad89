import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeafTable, leafTableWords } from './leaf-table.ts';

const PARTITION_BITS = 4;

interface Item {
  readonly token: number;
  readonly hash: readonly [number, number];
}

const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const item: fc.Arbitrary<Item> = fc.record({ token: word, hash: fc.tuple(word, word) });

function emptyTable(): LeafTable {
  return new LeafTable(PARTITION_BITS, new Int32Array(leafTableWords(PARTITION_BITS)));
}

function tableOf(items: readonly Item[]): LeafTable {
  const table = emptyTable();
  for (const { token, hash } of items) table.replace(token, 0, 0, hash[0], hash[1]);
  return table;
}

/** The same sums, in BigInt and without order. */
function modelOf(items: readonly Item[]): Map<number, bigint> {
  const model = new Map<number, bigint>();
  for (const { token, hash } of items) {
    const leaf = token >>> (32 - 8 - PARTITION_BITS);
    const value = (BigInt(hash[1] >>> 0) << 32n) | BigInt(hash[0] >>> 0);
    model.set(leaf, BigInt.asUintN(64, (model.get(leaf) ?? 0n) + value));
  }
  return model;
}

function rootsOf(table: LeafTable): number[] {
  const result = new Int32Array(2 << PARTITION_BITS);
  for (let partition = 0; partition < 1 << PARTITION_BITS; partition += 1) {
    table.root(partition, result, partition * 2);
  }
  return [...result];
}

test('[ML1] a leaf is the sum modulo 2^64 of what its slice holds', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 50 }), (items) => {
      const { words } = tableOf(items);
      for (const [leaf, sum] of modelOf(items)) {
        const got = (BigInt(words[leaf * 2 + 1]! >>> 0) << 32n) | BigInt(words[leaf * 2]! >>> 0);
        assert.is(got, sum);
      }
    }),
  );
});

test('[ML1] order does not show, and replacing everything by nothing leaves zeros', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 50 }), (items) => {
      const table = tableOf(items);
      assert.equal(rootsOf(table), rootsOf(tableOf(items.toReversed())));
      for (const { token, hash } of items) table.replace(token, hash[0], hash[1], 0, 0);
      assert.ok(table.words.every((leafWord) => leafWord === 0));
    }),
  );
});

test('[ML2] one record more changes the root of its partition and of no other', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 20 }), item, (items, extra) => {
      fc.pre(extra.hash[0] !== 0 || extra.hash[1] !== 0);
      const before = rootsOf(tableOf(items));
      const after = rootsOf(tableOf([...items, extra]));
      const partition = extra.token >>> (32 - PARTITION_BITS);
      for (let index = 0; index < 1 << PARTITION_BITS; index += 1) {
        const same =
          before[index * 2] === after[index * 2] && before[index * 2 + 1] === after[index * 2 + 1];
        assert.is(same, index !== partition);
      }
    }),
  );
});

test('[ML1] a partition that is cleared holds nothing, and the others what they held', () => {
  fc.assert(
    fc.property(fc.array(item), fc.nat(2 ** PARTITION_BITS - 1), (items, partition) => {
      const table = tableOf(items);
      table.clear(partition);
      const isElsewhere = ({ token }: Item): boolean =>
        token >>> (32 - PARTITION_BITS) !== partition;
      assert.equal(table.words, tableOf(items.filter(isElsewhere)).words);
    }),
  );
});

test('C11 roots of small multisets are equal only where the multisets are', () => {
  const hashes: readonly (readonly [number, number])[] = [
    [1, 0],
    [2, 0],
    [3, 0],
    [0, 1],
    [-1, -1],
  ];
  const seen = new Map<string, string>();
  const pick = (left: number, from: number, chosen: readonly number[]): void => {
    const items = chosen.map((index) => ({ token: 0, hash: hashes[index]! }));
    const { words } = tableOf(items);
    // Equal 64-bit sums cannot be told apart: [1,0] + [2,0] = [3,0] is such a pair by construction.
    const sum = `${words[0]},${words[1]}`;
    const root = rootsOf(tableOf(items)).join();
    assert.ok(!seen.has(root) || seen.get(root) === sum);
    seen.set(root, sum);
    if (left === 0) return;
    for (let index = from; index < hashes.length; index += 1)
      pick(left - 1, index, [...chosen, index]);
  };
  pick(4, 0, []);
});

test.run();
