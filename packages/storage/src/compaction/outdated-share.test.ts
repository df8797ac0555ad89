/** Estimates of what is outdated, against tables whose keys are known. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bloomAdd,
  bloomBitHash,
  BLOOM_LINE_WORDS,
  bloomLineCount,
  bloomLineHash,
  bloomProbeCount,
} from '../bloom.ts';
import { LevelSet } from '../level-set.ts';
import type { TableMetadata } from '../manifest.ts';
import { INDEX_COLUMN, INDEX_ENTRY_WORDS } from '../sstable-format.ts';
import { TableReader } from '../sstable-reader.ts';
import { outdatedShares } from './outdated-share.ts';
import { manifestOf, tableOf } from './pick-text.ts';

const BITS = 10;
/** So many records make a block. */
const BLOCK_RECORDS = 5;
const noChecksum = (): number => 0;

interface Plan {
  readonly level: number;
  readonly sequence: number;
  /** High halves of tokens; the low half is 0. */
  readonly tokens: readonly number[];
  readonly hasFilter?: boolean;
}

function readerOf(
  { level, sequence, tokens, hasFilter = true }: Plan,
  number: number,
): TableReader {
  const sorted = tokens.toSorted((left, right) => (left >>> 0) - (right >>> 0));
  const table = tableOf(number, sorted[0]!, sorted.at(-1)!, {
    level,
    firstSequence: sequence,
    lastSequence: sequence,
    recordCount: sorted.length,
  });
  const probes = bloomProbeCount(BITS);
  const filter = new Int32Array(
    hasFilter ? bloomLineCount(sorted.length, BITS) * BLOOM_LINE_WORDS : 0,
  );
  for (const high of hasFilter ? sorted : []) {
    bloomAdd(filter, probes, bloomLineHash(1, high, 0), bloomBitHash(1, high, 0));
  }
  const firsts = sorted.filter((_, place) => place % BLOCK_RECORDS === 0);
  const index = new Int32Array(firsts.length * INDEX_ENTRY_WORDS).fill(1, 0, firsts.length);
  index.set(firsts, INDEX_COLUMN.tokenHigh * firsts.length);
  const footer = {
    table,
    storeIdLow: 1,
    storeIdHigh: 2,
    blockCount: firsts.length,
    indexBytesFrom: 0,
    indexChecksum: 0,
    filterBytesFrom: 0,
    filterWords: bloomLineCount(sorted.length, BITS) * BLOOM_LINE_WORDS,
    filterProbes: probes,
    filterChecksum: 0,
    codec: 0,
  };
  return new TableReader({ footer, index, filter }, noChecksum);
}

function sharesOf(plans: readonly Plan[]): ReadonlyMap<number, number> {
  const readers = plans.map((plan, place) => readerOf(plan, place + 1));
  const tables: TableMetadata[] = readers.map(({ table }) => table);
  const byNumber = new Map(readers.map((reader) => [reader.table.fileNumber, reader]));
  return outdatedShares(LevelSet.of(manifestOf(tables), byNumber));
}

function drawTokens(prng: Prng, count: number): readonly number[] {
  return Array.from({ length: count }, () => prng.below(2 ** 31) | 0);
}

test('[OD2] the oldest run outdates nothing, and what holds keys of its own nothing either', () => {
  const prng = new Prng('own');
  const [own, old] = [drawTokens(prng, 4000), drawTokens(prng, 4000)];
  const shares = sharesOf([
    { level: 0, sequence: 9, tokens: own },
    { level: 2, sequence: 5, tokens: old },
  ]);
  assert.not(shares.has(2));
  assert.ok((shares.get(1) ?? 0) < 0.03, `${shares.get(1)} of none`);
  assert.is(sharesOf([{ level: 0, sequence: 9, tokens: own }]).size, 0);
  assert.is(sharesOf([]).size, 0);
});

test('[OD1] shares are those of the records, to some hundredths, in whatever depth their older ones lie', () => {
  for (const percent of [5, 20, 50, 100]) {
    const prng = new Prng(`share-${percent}`);
    const [upper, lower] = [drawTokens(prng, 6000), drawTokens(prng, 6000)];
    const again = drawTokens(prng, 6000).map((token, place) => {
      if (place % 100 >= percent) return token;
      return prng.chance(0.5) ? upper[place]! : lower[place]!;
    });
    const shares = sharesOf([
      { level: 0, sequence: 9, tokens: again },
      { level: 1, sequence: 6, tokens: upper },
      { level: 3, sequence: 5, tokens: lower },
    ]);
    const share = shares.get(1)!;
    assert.ok(Math.abs(share - percent / 100) < 0.05, `${share} of ${percent} %`);
  }
});

test('[OD1] few tokens are asked for of each of many tables', () => {
  const prng = new Prng('many');
  const plans: Plan[] = Array.from({ length: 1100 }, (_, place) => {
    return { level: 0, sequence: place + 2, tokens: drawTokens(prng, 100) };
  });
  const shares = sharesOf([{ level: 1, sequence: 1, tokens: drawTokens(prng, 5000) }, ...plans]);
  for (const share of shares.values()) {
    assert.is((share * 8) % 1, 0, `${share} is no share of 8 tokens`);
  }
});

test('[OD2] of a table below whose filter is damaged all may be outdated', () => {
  const prng = new Prng('damaged');
  // Between those of the other: a place beside a table no filter is asked for.
  const tokens = drawTokens(prng, 500).map((token) => (token >>> 1) + 2 ** 29);
  const shares = sharesOf([
    { level: 0, sequence: 9, tokens },
    { level: 1, sequence: 5, tokens: [1, 2 ** 31 - 1], hasFilter: false },
  ]);
  assert.is(shares.get(1), 1);
});

test.run();
