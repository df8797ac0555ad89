/** The picker by text tables. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KeyBound } from '../table-cursor.ts';
import { pickMerge } from './pick.ts';
import type { PickOptions } from './picking.ts';
import { OPTIONS, parse, print, token } from './pick-text.ts';

interface Case {
  readonly name: string;
  readonly tables: string;
  readonly blocked?: readonly number[];
  readonly after?: readonly [number, string];
  readonly options?: Partial<PickOptions>;
  readonly expected: string;
}

const FOUR_RUNS = `
  L0 31-40 | 00-ff:64
  L0 21-30 | 00-ff:64
  L0 11-20 | 00-ff:64
  L0 1-10 | 00-ff:64`;
const FOUR_SMALL_RUNS = FOUR_RUNS.replaceAll(':64', ':8');

const CASES: readonly Case[] = [
  { name: 'an empty store', tables: '', expected: 'nothing' },
  {
    name: 'fewer runs than are merged, levels within their bytes',
    tables: `
      L0 21-30 | 00-ff:64
      L0 11-20 | 00-ff:64
      L1 00-7f:100 80-ff:100
      L2 00-ff:500`,
    expected: 'nothing',
  },
  {
    name: 'runs without a level 1',
    tables: FOUR_RUNS,
    expected: 'merge 1 2 3 4 -> L1 2000 bottom',
  },
  {
    name: 'runs of several tables count once, and come newest first, each by token',
    tables: `
      L0 31-40 | 00-3f:32 40-ff:32
      L0 21-30 | 00-ff:64
      L0 1-20 | 00-7f:32 80-ff:32`,
    options: { runsMin: 3 },
    expected: 'merge 1 2 3 4 5 -> L1 2000 bottom',
  },
  {
    name: 'runs with all of level 1 that they meet',
    tables: `${FOUR_RUNS}
      L1 00-3f:50 40-7f:50 80-ff:50`,
    expected: 'merge 1 2 3 4 5 6 7 -> L1 2000 bottom',
  },
  {
    name: 'of level 1 only what lies between the first and the last place of the runs',
    tables: `
      L0 11-20 | 40-60:9
      L0 1-10 | 50-7f:9
      L1 00-3f:1 41-4f:1 61-7f:1 80-ff:1`,
    options: { runsMin: 2 },
    expected: 'merge 1 2 4 5 -> L1 2000 bottom',
  },
  {
    name: '[PK2] a table of level 1 in a gap between the tables of a run is taken along',
    tables: `
      L0 11-20 | 00-1f:9 c0-ff:9
      L0 1-10 | 00-1f:9
      L1 60-7f:1`,
    options: { runsMin: 2 },
    expected: 'merge 1 2 3 4 -> L1 2000 bottom',
  },
  {
    name: 'tables that share one token meet',
    tables: `
      L0 11-20 | 40-60:9
      L0 1-10 | 40-60:9
      L1 60-7f:1`,
    options: { runsMin: 2 },
    expected: 'merge 1 2 3 -> L1 2000 bottom',
  },
  {
    name: '[PK4] not the bottom: a deeper level meets the inputs',
    tables: `${FOUR_RUNS}
      L3 80-90:9`,
    expected: 'merge 1 2 3 4 -> L1 2000',
  },
  {
    name: '[PK4] the bottom: a deeper level lies beside the inputs',
    tables: `
      L0 11-20 | 00-7f:64
      L0 1-10 | 00-7f:64
      L2 80-ff:90`,
    options: { runsMin: 2 },
    expected: 'merge 1 2 -> L1 2000 bottom',
  },
  {
    name: 'small runs against a large level 1 become one run',
    tables: `${FOUR_SMALL_RUNS}
      L1 00-7f:100 80-ff:100`,
    expected: 'merge 1 2 3 4 -> L0 2000',
  },
  {
    name: 'small runs beside a level 1 that is large elsewhere: their one run is the bottom',
    tables: `
      L0 11-20 | 00-1f:8
      L0 1-10 | 00-1f:8
      L1 80-ff:200`,
    options: { runsMin: 2 },
    expected: 'merge 1 2 -> L0 2000 bottom',
  },
  {
    name: 'small runs against a level 1 that is larger than all of them become one run',
    tables: `${FOUR_SMALL_RUNS}
      L1 00-7f:17 80-ff:17`,
    expected: 'merge 1 2 3 4 -> L0 2000',
  },
  {
    name: 'small runs against a level 1 that only its codec makes no larger become one run',
    tables: `${FOUR_SMALL_RUNS}
      L1 00-7f:16(r17) 80-ff:16(r17)`,
    expected: 'merge 1 2 3 4 -> L0 2000',
  },
  {
    name: 'small runs and a level 1 that is no larger merge into it',
    tables: `${FOUR_SMALL_RUNS}
      L1 00-7f:16 80-ff:16`,
    expected: 'merge 1 2 3 4 5 6 -> L1 2000 bottom',
  },
  {
    name: 'one run alone is not merged with itself',
    tables: `
      L0 1-10 | 00-ff:8
      L1 00-ff:200`,
    options: { runsMin: 1 },
    expected: 'merge 1 2 -> L1 2000 bottom',
  },
  {
    name: 'a level with too many bytes: the table with the least below it',
    tables: `
      L1 00-3f:100 40-7f:100 80-ff:100
      L2 00-3f:90 40-7f:50 80-ff:120`,
    expected: 'merge 2 5 -> L2 1171 bottom',
  },
  {
    name: 'the ratio counts, not the bytes below',
    tables: `
      L1 00-3f:200 40-7f:50 80-ff:50
      L2 00-3f:90 40-7f:50 80-ff:60`,
    expected: 'merge 1 4 -> L2 1171 bottom',
  },
  {
    name: 'a table with nothing below it moves',
    tables: `
      L1 00-3f:100 40-7f:100 80-ff:100
      L2 00-3f:90 80-ff:120`,
    expected: 'move 2 -> L2 1171',
  },
  {
    name: 'of equals the first, where nothing was merged yet',
    tables: 'L1 00-3f:100 40-7f:100 80-ff:100',
    expected: 'move 1 -> L2 1171',
  },
  {
    name: 'of equals the one behind the last that was merged',
    tables: 'L1 00-3f:100 40-7f:100 80-ff:100',
    after: [1, '3f'],
    expected: 'move 2 -> L2 1171',
  },
  {
    name: 'and behind the last it begins anew',
    tables: 'L1 00-3f:100 40-7f:100 80-ff:100',
    after: [1, 'ff'],
    expected: 'move 1 -> L2 1171',
  },
  {
    name: 'the deepest level may hold what it wants',
    tables: 'L2 00-3f:9000 40-7f:9000',
    options: { levelsMax: 2 },
    expected: 'nothing',
  },
  {
    name: 'of two levels the one that is fuller for its size',
    tables: `
      L1 00-ff:300
      L2 00-7f:3000 80-ff:3000`,
    expected: 'move 2 -> L3 2929',
  },
  {
    name: 'runs before a level that is not twice too large',
    tables: `${FOUR_RUNS}
      L1 00-7f:200 80-ff:200`,
    expected: 'merge 1 2 3 4 5 6 -> L1 2000 bottom',
  },
  {
    name: 'a level that is three times too large before the runs, which would read all of it',
    tables: `${FOUR_RUNS}
      L1 00-7f:400 80-ff:400`,
    expected: 'move 5 -> L2 3125',
  },
  {
    name: 'of many runs the oldest, as many as go at once',
    tables: FOUR_RUNS,
    options: { runsMin: 2, runsAtOnce: 3 },
    expected: 'merge 2 3 4 -> L1 4000 bottom',
  },
  {
    name: 'a range drop over the newest of many runs: the oldest go first',
    tables: `${FOUR_RUNS}
      drop 10-1f 40`,
    options: { runsMin: 8, runsAtOnce: 3 },
    expected: 'merge 2 3 4 -> L1 500 bottom',
  },
  {
    name: 'a level goes round a table below that cannot be read',
    tables: `
      L1 00-3f:200 40-7f:200
      L2 00-3f:10 40-7f:90`,
    blocked: [3],
    expected: 'merge 2 4 -> L2 1562 bottom',
  },
  {
    name: 'a range drop that is newer than a table: it is rewritten in its own level',
    tables: `
      L2 00-7f:10(s20) 80-ff:10(s20)
      drop 90-9f 25`,
    expected: 'merge 2 -> L2 500 bottom',
  },
  {
    name: 'a range drop and a table below: both',
    tables: `
      L2 00-7f:10(s20) 80-ff:10(s20)
      L3 90-ff:10(s10)
      drop 90-9f 25`,
    expected: 'merge 2 3 -> L3 500 bottom',
  },
  {
    name: 'a range drop that is older than the table, or beside it, is nothing to do',
    tables: `
      L2 00-7f:10(s20) 80-ff:10(s30)
      drop 80-9f 25`,
    expected: 'nothing',
  },
  {
    name: 'a range drop over a run of level 0: all runs go down',
    tables: `
      L0 11-20 | 00-7f:8
      L0 1-10 | 00-7f:8
      L1 00-ff:9
      drop 10-1f 10`,
    expected: 'merge 1 2 3 -> L1 500 bottom',
  },
  {
    name: 'values that expired in more than a quarter of the records',
    tables: `
      L2 00-7f:10(x25@90) 80-ff:10(x26@90)`,
    options: { expiredBeforeSeconds: 90 },
    expected: 'merge 2 -> L2 500 bottom',
  },
  {
    name: 'values of which as many may have expired, if they are spread evenly',
    tables: 'L2 00-7f:10(x50@80-100) 80-ff:10(x52@80-100)',
    options: { expiredBeforeSeconds: 90 },
    expected: 'merge 2 -> L2 500 bottom',
  },
  {
    name: 'values that have not expired yet',
    tables: 'L2 00-7f:10(x90@91)',
    options: { expiredBeforeSeconds: 90 },
    expected: 'nothing',
  },
  {
    name: '[PK3] a table that was rewritten under this horizon keeps what it has',
    tables: 'L2 00-7f:10(x90@90)',
    options: { expiredBeforeSeconds: 90, rewrittenForExpiry: new Set([1]) },
    expected: 'nothing',
  },
  {
    name: 'tombstones without a horizon stay',
    tables: 'L2 00-7f:10(t90)',
    expected: 'nothing',
  },
  {
    name: 'tombstones at the bottom',
    tables: 'L2 00-7f:10(t26) 80-ff:10(t25)',
    options: { canDropTombstones: true },
    expected: 'merge 1 -> L2 500 bottom',
  },
  {
    name: 'tombstones over the next level go down to it',
    tables: `
      L1 00-7f:10(t90)
      L2 00-1f:10 70-ff:10
      L3 00-ff:10`,
    options: { canDropTombstones: true },
    expected: 'merge 1 2 3 -> L2 500',
  },
  {
    name: '[PK3] tombstones over a level that is not the next one wait where they are',
    tables: `
      L1 00-7f:10(t90)
      L3 00-ff:10`,
    options: { canDropTombstones: true },
    expected: 'nothing',
  },
];

for (const { name, tables, blocked, after, options, expected } of CASES) {
  test(`[PK] ${name}`, () => {
    const roundRobin = new Map<number, KeyBound>();
    if (after !== undefined) {
      const bound = { bucketId: 1, tokenHigh: token(after[1]), tokenLow: 0 };
      roundRobin.set(after[0], bound);
    }
    const manifest = parse(tables);
    const all = { ...OPTIONS, ...options };
    assert.is(print(pickMerge(manifest, new Set(blocked), roundRobin, all)), expected);
  });
}

test.run();
