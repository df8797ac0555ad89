/** The picker by text tables, while nobody writes: o40 says that 40 of 100 records outdate older ones. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pickMerge } from './pick.ts';
import type { PickOptions } from './picking.ts';
import { OPTIONS, outdatedSharesIn, parse, print } from './pick-text.ts';

interface Case {
  readonly name: string;
  readonly tables: string;
  readonly blocked?: readonly number[];
  readonly options?: Partial<PickOptions>;
  readonly expected: string;
}

const CASES: readonly Case[] = [
  {
    name: 'fewer runs go down',
    tables: `
      L0 21-30 | 00-ff:8
      L0 11-20 | 00-ff:8
      L0 1-10 | 00-ff:8
      L1 00-7f:48 80-ff:48`,
    expected: 'merge 1 2 3 4 5 -> L1 500 bottom',
  },
  {
    name: 'fewer than half of the runs stay',
    tables: `
      L0 1-10 | 00-ff:8
      L1 00-7f:8 80-ff:8`,
    expected: 'nothing',
  },
  {
    name: 'runs become one over a level 1 that is far larger',
    tables: `
      L0 21-30 | 00-ff:8
      L0 11-20 | 00-ff:8
      L0 1-10 | 00-ff:8
      L1 00-7f:49 80-ff:48`,
    expected: 'merge 1 2 3 -> L0 500',
  },
  {
    name: '[PA1] one run goes down that outdates more than a tenth of the rest',
    tables: `
      L0 1-10 | 00-ff:11(o100)
      L1 00-7f:50 80-ff:50`,
    expected: 'merge 1 2 3 -> L1 500 bottom',
  },
  {
    name: '[PA1] a tenth of the rest stays',
    tables: `
      L0 1-10 | 00-ff:10(o100)
      L1 00-7f:50 80-ff:50`,
    expected: 'nothing',
  },
  {
    name: '[PA1] runs that outdate nothing stay, however large they are',
    tables: `
      L0 1-10 | 00-ff:80
      L1 00-7f:50 80-ff:50`,
    expected: 'nothing',
  },
  {
    name: '[PA1] while somebody writes outdated records stay',
    tables: `
      L0 1-10 | 00-ff:90(o100)
      L1 00-7f:50 80-ff:50`,
    options: { isAtRest: false },
    expected: 'nothing',
  },
  {
    name: 'what outdates records of two levels goes before few runs become one',
    tables: `
      L0 11-20 | 00-ff:8(o100)
      L0 1-10 | 00-ff:8(o100)
      L1 00-7f:49 80-ff:48`,
    expected: 'merge 1 2 3 4 -> L1 500 bottom',
  },
  {
    name: '[PA2] of a level the table that frees most for what it meets, if its level has room or not',
    tables: `
      L1 00-3f:30(o40) 40-7f:30(o80) 80-bf:30(o80) c0-ff:30
      L2 00-3f:60 40-7f:60 80-bf:50 c0-ff:60`,
    expected: 'merge 3 7 -> L2 500 bottom',
  },
  {
    name: '[PA2] of the runs and the levels what frees most for what it meets',
    tables: `
      L0 1-10 | 00-ff:10(o100)
      L1 00-7f:50(o50) 80-ff:50
      L2 00-7f:100 80-ff:100`,
    expected: 'merge 2 4 -> L2 500 bottom',
  },
  {
    name: '[PA2] a table whose older versions lie further down moves first',
    tables: `
      L1 00-7f:50(o90) 80-ff:50
      L2 80-ff:100
      L3 00-ff:100`,
    expected: 'move 1 -> L2 500',
  },
  {
    name: 'what cannot be read is left out, and what meets it',
    tables: `
      L0 1-10 | 00-ff:30(o100)
      L1 00-7f:50(o90) 80-ff:50(o10)
      L2 00-7f:100 80-ff:100`,
    blocked: [1, 4],
    expected: 'merge 3 5 -> L2 500 bottom',
  },
  {
    name: 'where nothing that outdates can be read, nothing goes',
    tables: `
      L1 00-ff:50(o90)
      L2 00-ff:100`,
    blocked: [2],
    expected: 'nothing',
  },
  {
    name: 'of many runs the oldest go down, as many as go at once',
    tables: `
      L0 21-30 | 00-ff:30(o100)
      L0 11-20 | 00-ff:30(o100)
      L0 1-10 | 00-ff:30(o100)
      L1 00-ff:100`,
    options: { runsAtOnce: 2 },
    expected: 'merge 2 3 4 -> L1 500 bottom',
  },
  {
    name: 'a level that holds too much goes first',
    tables: `
      L0 1-10 | 00-ff:90(o100)
      L1 00-7f:150 80-ff:150`,
    expected: 'move 2 -> L2 1171',
  },
];

for (const { name, tables, blocked, options, expected } of CASES) {
  test(`[PA] ${name}`, () => {
    const outdatedShares = outdatedSharesIn(tables);
    const all = { ...OPTIONS, isAtRest: true, outdatedShares, ...options };
    const pick = pickMerge(parse(tables), new Set(blocked), new Map(), all);
    assert.is(print(pick), expected);
  });
}

test.run();
