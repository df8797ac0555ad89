/** The picker by text tables, and by random states that it must bring to rest. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KeyBound } from '../table-cursor.ts';
import { type Manifest, type RangeDrop, type TableMetadata, tableOrder } from '../manifest.ts';
import { extentsMeet, jointExtent, rangeHolds } from '../table-extent.ts';
import { type Pick, pickMerge, type PickOptions } from './pick.ts';

const OPTIONS: PickOptions = {
  runsMin: 4,
  tableBytes: 32,
  levelBytes1: 256,
  fanout: 8,
  levelsMax: 6,
  expiredBeforeSeconds: 0,
  canDropTombstones: false,
  rewrittenForExpiry: new Set(),
  rewrittenForTombstones: new Set(),
};

/**
 * One line a level, or a run of level 0 with its sequences; tables are numbered from 1 in order:
 *
 *     L0 11-20 | 00-7f:32 80-ff:31(t12)      first and last token, bytes, then marks:
 *     t12 of 100 records are tombstones, x30@99 expire from second 99 on, s20 is the last sequence
 *     drop 10-1f 25                          tokens, sequence
 */
function parse(text: string): Manifest {
  const tables: TableMetadata[] = [];
  const rangeDrops: RangeDrop[] = [];
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    const drop = /^drop (\w+)-(\w+) (\d+)$/.exec(line);
    if (drop !== null) {
      const [from, to] = [token(drop[1]!), token(drop[2]!)];
      rangeDrops.push({ bucketId: 1, ...rangeOf(from, to), sequence: Number(drop[3]) });
      continue;
    }
    const [, level, first, last, rest] = /^L(\d)(?: (\d+)-(\d+) \|)?((?: \S+)*)$/.exec(line)!;
    for (const each of rest!.trim().split(' ')) {
      tables.push({
        ...parseTable(each, tables.length + 1),
        level: Number(level),
        ...(first === undefined
          ? {}
          : { firstSequence: Number(first), lastSequence: Number(last) }),
      });
    }
  }
  return manifestOf(tables, rangeDrops);
}

function rangeOf(from: number, to: number): Omit<RangeDrop, 'bucketId' | 'sequence'> {
  return { fromHigh: from, fromLow: 0, toHigh: to, toLow: -1 };
}

/** Two hexadecimal digits: the top byte of the token. */
function token(digits: string): number {
  return parseInt(digits, 16) << 24;
}

function parseTable(text: string, fileNumber: number): TableMetadata {
  const match = /^(\w+)-(\w+):(\d+)(?:\((\S+)\))?$/.exec(text)!;
  const marks = (match[4] ?? '').split(',');
  const mark = (letter: string): string | undefined =>
    marks.find((each) => each.startsWith(letter))?.slice(1);
  const [expiring, earliest] = (mark('x') ?? '0@0').split('@');
  return tableOf(fileNumber, token(match[1]!), token(match[2]!), {
    byteCount: Number(match[3]),
    tombstoneCount: Number(mark('t') ?? 0),
    expiringCount: Number(expiring),
    earliestExpirySeconds: Number(earliest),
    lastSequence: Number(mark('s') ?? 1000),
  });
}

function tableOf(
  fileNumber: number,
  firstTokenHigh: number,
  lastTokenHigh: number,
  changes: Partial<TableMetadata>,
): TableMetadata {
  return {
    fileNumber,
    level: 0,
    byteCount: 0,
    recordCount: 100,
    tombstoneCount: 0,
    firstBucketId: 1,
    firstTokenHigh,
    firstTokenLow: 0,
    lastBucketId: 1,
    lastTokenHigh,
    lastTokenLow: 0,
    firstSequence: 1,
    lastSequence: 1000,
    rawBytes: 0,
    expiringCount: 0,
    deltaCount: 0,
    earliestExpirySeconds: 0,
    latestExpirySeconds: 0,
    largestRecordWords: 24,
    ...changes,
  };
}

function manifestOf(
  tables: readonly TableMetadata[],
  rangeDrops: readonly RangeDrop[] = [],
): Manifest {
  return {
    edition: 1,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    opening: 1,
    nextFileNumber: 1000,
    floorSequence: 1000,
    leavesFileNumber: 0,
    sealed: [],
    tables: tableOrder(tables),
    rangeDrops,
    droppedRecordCount: 0,
  };
}

function print(pick: Pick | undefined): string {
  if (pick === undefined) return 'nothing';
  if (pick.kind === 'move') {
    return `move ${pick.table.fileNumber} -> L${pick.outputLevel} ${pick.score}`;
  }
  const inputs = pick.inputs.map(({ fileNumber }) => fileNumber).join(' ');
  const bottom = pick.isBottom ? ' bottom' : '';
  return `merge ${inputs} -> L${pick.outputLevel} ${pick.score}${bottom}`;
}

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
    name: 'small runs and a small level 1 merge into it',
    tables: `${FOUR_SMALL_RUNS}
      L1 00-7f:30 80-ff:30`,
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
    expected: 'nothing',
  },
  {
    name: 'runs over a table that cannot be read wait; deeper levels go on',
    tables: `${FOUR_RUNS}
      L1 00-7f:200 80-ff:200`,
    blocked: [6],
    expected: 'move 5 -> L2 1562',
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

/** A store of places only: which tokens a table holds, and of how many of them nothing is left. */
class World {
  tables: TableMetadata[] = [];
  readonly places: Map<number, readonly number[]> = new Map();
  readonly tombstones: Map<number, ReadonlySet<number>> = new Map();
  rangeDrops: RangeDrop[] = [];
  rewrittenForExpiry: Set<number> = new Set();
  rewrittenForTombstones: Set<number> = new Set();
  #next = 1;

  add(
    level: number,
    lastSequence: number,
    places: readonly number[],
    dead: readonly number[],
  ): number {
    const fileNumber = this.#next;
    this.#next += 1;
    const [first, last] = [Math.min(...places), Math.max(...places)];
    const high = (place: number): number => place << 24;
    this.places.set(fileNumber, places);
    this.tombstones.set(fileNumber, new Set(dead));
    this.tables.push(
      tableOf(fileNumber, high(first), high(last), {
        level,
        lastSequence,
        byteCount: places.length * 10,
        recordCount: places.length,
        tombstoneCount: dead.length,
        expiringCount: Math.floor(places.length / 3),
        earliestExpirySeconds: fileNumber % 3 === 0 ? 50 : 0,
      }),
    );
    return fileNumber;
  }

  get manifest(): Manifest {
    return manifestOf(this.tables, this.rangeDrops);
  }

  carryOut(pick: Pick, tableBytes: number, canDropTombstones: boolean): void {
    const removed: readonly TableMetadata[] = pick.kind === 'move' ? [pick.table] : pick.inputs;
    this.tables = this.tables.filter((table) => !removed.includes(table));
    if (pick.kind === 'move') {
      this.tables.push({ ...pick.table, level: pick.outputLevel });
      return;
    }
    const lastSequence = Math.max(...removed.map((table) => table.lastSequence));
    const places = new Set<number>();
    const dead = new Set<number>();
    for (const table of removed.toReversed()) {
      for (const place of this.places.get(table.fileNumber)!) {
        if (this.#isDropped(table, place)) continue;
        places.add(place);
        if (this.tombstones.get(table.fileNumber)!.has(place)) dead.add(place);
        else dead.delete(place);
      }
    }
    // A third of the tombstones is younger than the horizon, and stays.
    for (const place of dead) {
      if (pick.isBottom && canDropTombstones && place % 3 !== 0) places.delete(place);
    }
    this.#write(
      pick,
      lastSequence,
      [...places].toSorted((a, b) => a - b),
      dead,
      tableBytes,
    );
  }

  #isDropped(table: TableMetadata, place: number): boolean {
    return this.rangeDrops.some(
      (drop) => table.lastSequence <= drop.sequence && rangeHolds(drop, 1, place << 24, 0),
    );
  }

  #write(
    pick: Extract<Pick, { readonly kind: 'merge' }>,
    lastSequence: number,
    places: readonly number[],
    dead: ReadonlySet<number>,
    tableBytes: number,
  ): void {
    let from = 0;
    for (let at = 0; at < places.length; at += 1) {
      const next = places[at + 1];
      const isFull = (at + 1 - from) * 10 >= tableBytes;
      if (next !== undefined && !isFull && !this.#spansDrop(places[at]!, next, lastSequence))
        continue;
      const part = places.slice(from, at + 1);
      const fileNumber = this.add(
        pick.outputLevel,
        lastSequence,
        part,
        part.filter((place) => dead.has(place)),
      );
      this.rewrittenForExpiry.add(fileNumber);
      if (pick.isBottom) this.rewrittenForTombstones.add(fileNumber);
      from = at + 1;
    }
  }

  /** As a merge does, which ends a table before a range that it holds nothing of. */
  #spansDrop(place: number, next: number, lastSequence: number): boolean {
    return this.rangeDrops.some(
      (drop) =>
        lastSequence <= drop.sequence && place < drop.fromHigh >>> 24 && next > drop.toHigh >>> 24,
    );
  }
}

function randomPlaces(prng: Prng, from: number, to: number): number[] {
  const count = prng.between(1, 12);
  const places = new Set(Array.from({ length: count }, () => prng.between(from, to)));
  return [...places].toSorted((a, b) => a - b);
}

function randomWorld(prng: Prng): World {
  const world = new World();
  for (let level = 4; level >= 1; level -= 1) {
    for (let from = 0; from < 240; from += 40) {
      if (prng.chance(0.5)) continue;
      const places = randomPlaces(prng, from, from + 39);
      const dead = places.filter(() => prng.chance(0.4));
      world.add(level, prng.between(1, 50), places, dead);
    }
  }
  for (let run = 0; run < prng.below(9); run += 1) {
    const places = randomPlaces(prng, 0, 239);
    world.add(
      0,
      51 + run * 5,
      places,
      places.filter(() => prng.chance(0.4)),
    );
  }
  for (let drop = 0; drop < prng.below(3); drop += 1) {
    const from = prng.below(200);
    const range = rangeOf(from << 24, (from + prng.below(40)) << 24);
    world.rangeDrops.push({ bucketId: 1, ...range, sequence: prng.between(1, 100) });
  }
  return world;
}

function assertSoundPick(manifest: Manifest, pick: Pick): void {
  if (pick.kind === 'move') {
    const next = manifest.tables.filter(({ level }) => level === pick.outputLevel);
    assert.not(
      next.some((table) => extentsMeet(table, pick.table)),
      'PK2 a move meets nothing',
    );
    return;
  }
  const isInput = new Set(pick.inputs);
  const sequences = pick.inputs.flatMap((each) => (each.level === 0 ? [each.lastSequence] : []));
  const newest = Math.max(-1, ...sequences);
  for (const table of manifest.tables) {
    if (isInput.has(table)) continue;
    const isOlderRun = table.level === 0 && table.lastSequence <= newest;
    assert.not(isOlderRun, 'PK1 a run that is not newer than the newest input is an input');
    const isOlder = table.level > pick.inputs[0]!.level;
    const meets = extentsMeet(table, jointExtent(pick.inputs));
    if (isOlder && table.level <= pick.outputLevel)
      assert.not(meets, 'PK2 all below is taken along');
    if (pick.isBottom && isOlder) assert.not(meets, 'PK4 nothing older meets the inputs');
  }
}

test('[PK1] [PK2] [PK3] [PK4] every random state comes to rest by sound picks', () => {
  let pickCount = 0;
  for (let seed = 0; seed < 600; seed += 1) {
    const prng = new Prng(`pick-${seed}`);
    const world = randomWorld(prng);
    const options = {
      ...OPTIONS,
      runsMin: prng.between(1, 4),
      tableBytes: prng.between(10, 80),
      levelBytes1: prng.between(40, 400),
      fanout: prng.between(2, 4),
      levelsMax: prng.between(4, 6),
      expiredBeforeSeconds: prng.pick([0, 60]),
      canDropTombstones: prng.chance(0.5),
    };
    const blocked = new Set(
      world.tables.flatMap((each) => (prng.chance(0.03) ? [each.fileNumber] : [])),
    );
    const after = { bucketId: 1, tokenHigh: prng.below(256) << 24, tokenLow: 0 };
    const roundRobin = new Map([1, 2, 3].map((level) => [level, after]));
    for (let step = 0; ; step += 1) {
      const { manifest, rewrittenForExpiry, rewrittenForTombstones } = world;
      const all = { ...options, rewrittenForExpiry, rewrittenForTombstones };
      const pick = pickMerge(manifest, blocked, roundRobin, all);
      if (pick === undefined) break;
      assertSoundPick(manifest, pick);
      const inputs = pick.kind === 'move' ? [pick.table] : pick.inputs;
      assert.not(inputs.some(({ fileNumber }) => blocked.has(fileNumber)));
      world.carryOut(pick, options.tableBytes, options.canDropTombstones);
      for (let level = 1; level <= 6; level += 1) assertDisjoint(world.tables, level);
      pickCount += 1;
      assert.ok(step < 300, `PK3 seed ${seed}: ${print(pick)} and no end`);
    }
  }
  assert.ok(pickCount > 2000, `${pickCount} picks`);
});

function assertDisjoint(tables: readonly TableMetadata[], level: number): void {
  const members = tableOrder(tables.filter((table) => table.level === level));
  for (const [index, table] of members.entries()) {
    const before = members[index - 1];
    assert.ok(before === undefined || !extentsMeet(before, table), `PK2 level ${level}`);
  }
}

test.run();
