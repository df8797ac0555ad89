/** The picker by text tables, where tables cannot be read: what level 0 does beside them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countRunsToLower, pickMerge } from './pick.ts';
import type { PickOptions } from './picking.ts';
import { OPTIONS, parse, print } from './pick-text.ts';

interface Case {
  readonly name: string;
  readonly tables: string;
  readonly blocked: readonly number[];
  readonly options?: Partial<PickOptions>;
  readonly expected: string;
  /** How many runs merges could make fewer. */
  readonly toLower: number;
}

const FOUR_RUNS = `
  L0 31-40 | 00-ff:64
  L0 21-30 | 00-ff:64
  L0 11-20 | 00-ff:64
  L0 1-10 | 00-ff:64`;

const CASES: readonly Case[] = [
  {
    name: 'where nothing is blocked all runs go, and all of them press',
    tables: FOUR_RUNS,
    blocked: [],
    expected: 'merge 1 2 3 4 -> L1 2000 bottom',
    toLower: 4,
  },
  {
    name: 'fewer runs than are merged do not press',
    tables: FOUR_RUNS,
    blocked: [],
    options: { runsMin: 5 },
    expected: 'nothing',
    toLower: 0,
  },
  {
    name: '[PK1] older runs than one that cannot be read are merged without it',
    tables: `
      L0 41-50 | 00-ff:64
      L0 31-40 | 00-ff:64
      L0 21-30 | 00-ff:64
      L0 11-20 | 00-ff:64
      L0 1-10 | 00-ff:64`,
    blocked: [2],
    options: { runsMin: 3 },
    expected: 'merge 3 4 5 -> L1 3333 bottom',
    toLower: 3,
  },
  {
    name: '[PK1] newer runs than one that cannot be read are not merged below it',
    tables: `
      L0 31-40 | 00-ff:64
      L0 21-30 | 00-ff:64
      L0 11-20 | 00-ff:64
      L0 1-10 | 00-ff:64`,
    blocked: [4],
    options: { runsMin: 3 },
    expected: 'merge 1 2 3 -> L0 2666',
    toLower: 3,
  },
  {
    name: '[PK1] too few newer runs than one that cannot be read stay as they are',
    tables: FOUR_RUNS,
    blocked: [4],
    expected: 'nothing',
    toLower: 0,
  },
  {
    name: 'runs over a table that cannot be read become one run, and stay',
    tables: `${FOUR_RUNS}
      L1 00-7f:200 80-ff:200`,
    blocked: [6],
    expected: 'merge 1 2 3 4 -> L0 2000',
    toLower: 4,
  },
  {
    name: 'few runs over a table that cannot be read wait; deeper levels go on',
    tables: `
      L0 11-20 | 00-ff:64
      L0 1-10 | 00-ff:64
      L1 00-7f:200 80-ff:200`,
    blocked: [4],
    expected: 'move 3 -> L2 1562',
    toLower: 0,
  },
  {
    name: '[PK1] runs between two that cannot be read become one between them',
    tables: `
      L0 51-60 | 00-ff:64
      L0 41-50 | 00-ff:64
      L0 31-40 | 00-ff:64
      L0 21-30 | 00-ff:64
      L0 11-20 | 00-ff:64
      L0 1-10 | 00-ff:64`,
    blocked: [2, 5],
    options: { runsMin: 2 },
    expected: 'merge 3 4 -> L0 6000',
    toLower: 2,
  },
  {
    name: '[PK1] the newest of several that stand apart first',
    tables: `
      L0 61-70 | 00-ff:64
      L0 51-60 | 00-ff:64
      L0 41-50 | 00-ff:64
      L0 31-40 | 00-ff:64
      L0 21-30 | 00-ff:64
      L0 11-20 | 00-ff:64
      L0 1-10 | 00-ff:64`,
    blocked: [3, 7],
    options: { runsMin: 2 },
    expected: 'merge 1 2 -> L0 7000',
    toLower: 5,
  },
  {
    name: '[PR2] a run far larger than the newer ones stays out of their merge',
    tables: `
      L0 51-60 | 00-ff:8
      L0 41-50 | 00-ff:8
      L0 31-40 | 00-ff:8
      L0 21-30 | 00-ff:200
      L0 11-20 | 00-ff:64`,
    blocked: [5],
    options: { runsMin: 3 },
    expected: 'merge 1 2 3 -> L0 3333',
    toLower: 3,
  },
  {
    name: '[PR2] and goes along when they have grown',
    tables: `
      L0 51-60 | 00-ff:8
      L0 41-50 | 00-ff:8
      L0 31-40 | 00-ff:9
      L0 21-30 | 00-ff:200
      L0 11-20 | 00-ff:64`,
    blocked: [5],
    options: { runsMin: 3 },
    expected: 'merge 1 2 3 4 -> L0 3333',
    toLower: 4,
  },
  {
    name: 'of many runs that stay the oldest, as many as go at once',
    tables: `${FOUR_RUNS}
      L1 00-ff:200`,
    blocked: [5],
    options: { runsAtOnce: 3 },
    expected: 'merge 2 3 4 -> L0 2000',
    toLower: 4,
  },
];

for (const { name, tables, blocked, options, expected, toLower } of CASES) {
  test(`[PK] ${name}`, () => {
    const manifest = parse(tables);
    const all = { ...OPTIONS, ...options };
    assert.is(print(pickMerge(manifest, new Set(blocked), new Map(), all)), expected);
    assert.is(countRunsToLower(manifest, new Set(blocked), all), toLower);
  });
}

test.run();
