/** The picker by random states that it must bring to rest. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Manifest, type RangeDrop, type TableMetadata, tableOrder } from '../manifest.ts';
import { extentsMeet, jointExtent, rangeHolds } from '../table-extent.ts';
import { runsOf } from '../level-set.ts';
import { pickMerge } from './pick.ts';
import { OUTDATED_SHARE_MAX } from './pick-at-rest.ts';
import type { Pick, PickOptions } from './picking.ts';
import { readableStretches } from './pick-runs.ts';
import { manifestOf, OPTIONS, print, rangeOf, tableOf } from './pick-text.ts';

/** First and last. */
type Sequences = readonly [number, number];

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
    [firstSequence, lastSequence]: Sequences,
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
        firstSequence,
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
    const sequences: Sequences = [
      Math.min(...removed.map((table) => table.firstSequence)),
      Math.max(...removed.map((table) => table.lastSequence)),
    ];
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
      sequences,
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
    sequences: Sequences,
    places: readonly number[],
    dead: ReadonlySet<number>,
    tableBytes: number,
  ): void {
    let from = 0;
    for (let at = 0; at < places.length; at += 1) {
      const next = places[at + 1];
      const isFull = (at + 1 - from) * 10 >= tableBytes;
      if (next !== undefined && !isFull && !this.#spansDrop(places[at]!, next, sequences[1]))
        continue;
      const part = places.slice(from, at + 1);
      const fileNumber = this.add(
        pick.outputLevel,
        sequences,
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

/** By the places that are held: what of each table older ones hold, too. */
function outdatedSharesOf(world: World): ReadonlyMap<number, number> {
  const older = new Set<number>();
  const shares = new Map<number, number>();
  for (const run of runsOf(world.tables).toReversed()) {
    for (const { fileNumber } of run) {
      const places = world.places.get(fileNumber)!;
      shares.set(fileNumber, places.filter((place) => older.has(place)).length / places.length);
    }
    for (const { fileNumber } of run) {
      for (const place of world.places.get(fileNumber)!) older.add(place);
    }
  }
  return shares;
}

/** [PA1] */
function assertFewOutdated(world: World): void {
  const places = world.tables.flatMap(({ fileNumber }) => world.places.get(fileNumber)!);
  const live = new Set(places).size;
  const outdated = places.length - live;
  assert.ok(outdated <= live * OUTDATED_SHARE_MAX, `PA1 ${outdated} are outdated, ${live} are not`);
}

/** [PA2] Above the level that it goes to, something is outdated by what goes. */
function assertDown(pick: Pick, shares: ReadonlyMap<number, number>): void {
  const tops = pick.kind === 'move' ? [pick.table] : pick.inputs;
  const above = tops.filter(({ level }) => level < pick.outputLevel);
  assert.ok(above.some(({ fileNumber }) => (shares.get(fileNumber) ?? 0) > 0));
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
      world.add(level, [1, prng.between(1, 50)], places, dead);
    }
  }
  const runCount = prng.chance(0.2) ? prng.below(40) : prng.below(9);
  for (let run = 0; run < runCount; run += 1) {
    const places = randomPlaces(prng, 0, 239);
    world.add(
      0,
      [51 + run * 5, 55 + run * 5],
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
  const oldest = pick.outputLevel > 0 || pick.isBottom ? -1 : Math.min(Infinity, ...sequences);
  for (const table of manifest.tables) {
    if (isInput.has(table)) continue;
    const { level, lastSequence } = table;
    const isBetween = level === 0 && lastSequence >= oldest && lastSequence <= newest;
    assert.not(
      isBetween,
      'PK1 a run between the inputs, or below an output that goes, is an input',
    );
    const isOlder = table.level > pick.inputs[0]!.level;
    const meets = extentsMeet(table, jointExtent(pick.inputs));
    if (isOlder && table.level <= pick.outputLevel)
      assert.not(meets, 'PK2 all below is taken along');
    if (pick.isBottom && isOlder) assert.not(meets, 'PK4 nothing older meets the inputs');
  }
}

/** Of two runs one is newer than the other in all that it holds. */
function assertApart(tables: readonly TableMetadata[]): void {
  let before = Infinity;
  for (const run of runsOf(tables).filter(([table]) => table!.level === 0)) {
    const { firstSequence, lastSequence } = run[0]!;
    assert.ok(lastSequence < before, 'PK1 no run is put above a newer one');
    before = firstSequence;
  }
}

/** [PR2] Readable runs that are left side by side: few of like size. */
function assertFewRuns(
  tables: readonly TableMetadata[],
  blocked: ReadonlySet<number>,
  { runsMin, fanout }: PickOptions,
): void {
  const runs = runsOf(tables).filter(([table]) => table!.level === 0);
  for (const stretch of readableStretches(runs, blocked)) {
    const sizes = stretch.map((run) => run.reduce((sum, { byteCount }) => sum + byteCount, 0));
    let newer = 0;
    const like = sizes.filter((size) => {
      const isLike = newer === 0 || size <= fanout * newer;
      newer += size;
      return isLike;
    });
    assert.ok(like.length <= Math.max(2, runsMin), `PR2 ${sizes.join(' ')} are left`);
    assert.ok(stretch.length < Math.max(2, runsMin) + 6, `PR2 ${sizes.join(' ')} are left`);
  }
}

test('[PK1] [PK2] [PK3] [PK4] [PR1] [PR2] [PA1] [PA2] every random state comes to rest by sound picks', () => {
  let pickCount = 0;
  let outdatedPickCount = 0;
  for (let seed = 0; seed < 600; seed += 1) {
    const prng = new Prng(`pick-${seed}`);
    const world = randomWorld(prng);
    const options = {
      ...OPTIONS,
      runsMin: prng.between(1, 4),
      runsAtOnce: prng.pick([4, 16]),
      tableBytes: prng.between(10, 80),
      levelBytes1: prng.between(40, 400),
      fanout: prng.between(2, 4),
      levelsMax: prng.between(4, 6),
      expiredBeforeSeconds: prng.pick([0, 60]),
      canDropTombstones: prng.chance(0.5),
      isAtRest: prng.chance(0.5),
    };
    const damage = prng.pick([0, 0.03, 0.3]);
    const blocked = new Set(
      world.tables.flatMap((each) => (prng.chance(damage) ? [each.fileNumber] : [])),
    );
    const after = { bucketId: 1, tokenHigh: prng.below(256) << 24, tokenLow: 0 };
    const roundRobin = new Map([1, 2, 3].map((level) => [level, after]));
    for (let step = 0; ; step += 1) {
      const { manifest, rewrittenForExpiry, rewrittenForTombstones } = world;
      const outdatedShares = outdatedSharesOf(world);
      const all = { ...options, outdatedShares, rewrittenForExpiry, rewrittenForTombstones };
      const pick = pickMerge(manifest, blocked, roundRobin, all);
      const busy = pickMerge(manifest, blocked, roundRobin, { ...all, isAtRest: false });
      const idle = pickMerge(manifest, blocked, roundRobin, { ...all, outdatedShares: new Map() });
      const isForOutdated = pick !== undefined && busy === undefined && print(pick) !== print(idle);
      if (isForOutdated) assertDown(pick, outdatedShares);
      outdatedPickCount += isForOutdated ? 1 : 0;
      if (pick === undefined) {
        if (options.isAtRest && blocked.size === 0) assertFewOutdated(world);
        assertFewRuns(world.tables, blocked, all);
        break;
      }
      assertSoundPick(manifest, pick);
      const inputs = pick.kind === 'move' ? [pick.table] : pick.inputs;
      assert.not(inputs.some(({ fileNumber }) => blocked.has(fileNumber)));
      world.carryOut(pick, options.tableBytes, options.canDropTombstones);
      for (let level = 1; level <= 6; level += 1) assertDisjoint(world.tables, level);
      assertApart(world.tables);
      pickCount += 1;
      assert.ok(step < 300, `PK3 seed ${seed}: ${print(pick)} and no end`);
    }
  }
  assert.ok(pickCount > 2000, `${pickCount} picks`);
  assert.ok(outdatedPickCount > 100, `${outdatedPickCount} picks for what is outdated`);
});

function assertDisjoint(tables: readonly TableMetadata[], level: number): void {
  const members = tableOrder(tables.filter((table) => table.level === level));
  for (const [index, table] of members.entries()) {
    const before = members[index - 1];
    assert.ok(before === undefined || !extentsMeet(before, table), `PK2 level ${level}`);
  }
}

test.run();
