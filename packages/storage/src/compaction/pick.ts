/**
 * Which tables to merge next, if any: a pure function of the manifest. Level 0 is tiered by runs, the
 * levels below are leveled over the order of (bucket, token). Of level 0 and the levels that hold too
 * much, the one with the highest score goes first; if none does, a table that would lose something; if
 * none would, and nobody writes, what pick-at-rest.ts says. Where tables that cannot be read are in the
 * way of level 0, what stands beside them becomes one run.
 *
 * Invariants:
 *   PK1 of level 0, a pick takes runs without a gap between them, and the oldest among them if its output
 *       leaves level 0; one that stays, in the place of its newest input, may lie between others. Of two
 *       versions of a key the newer is never merged below the older
 *   PK2 after any pick, tables of one level below 0 do not meet
 *   PK3 from every state, picks that are carried out come to an end
 *   PK4 `isBottom` only where no table outside the inputs is older than they are and meets them
 */
import type { Manifest, TableMetadata } from '../manifest.ts';
import { comparePlaces, meetsRange } from '../table-extent.ts';
import type { KeyBound } from '../table-cursor.ts';
import { pickAtRest } from './pick-at-rest.ts';
import { readableOldest, readableStretches, takeOldest, worthMerging } from './pick-runs.ts';
import {
  bytesOf,
  LOSS_SCORE,
  meeting,
  mergeIntoLevel1,
  mergeOf,
  type Pick,
  type Picking,
  pickingOf,
  type PickOptions,
  rawBytesOf,
} from './picking.ts';

/** Scores are thousandths; runs of level 0, which every read asks, count double. */
const FULL_SCORE = 1000;
const RUNS_WEIGHT = 2;
/** The share of records that must be worth a rewrite: more than 1 of so many. */
const LOSS_SHARE = 4;

/**
 * REQUIRES: `roundRobin` holds, by level, the last place that the level's latest merge took.
 * Tables of `blocked` could not be read: no pick has them among its inputs.
 */
export function pickMerge(
  manifest: Manifest,
  blocked: ReadonlySet<number>,
  roundRobin: ReadonlyMap<number, KeyBound>,
  options: PickOptions,
): Pick | undefined {
  const picking = pickingOf(manifest, blocked, roundRobin, options);
  for (const level of levelsByScore(picking)) {
    const pick = level === 0 ? pickRuns(picking) : pickFromLevel(picking, level);
    if (pick !== undefined) return pick;
  }
  return pickLoss(picking) ?? pickAtRest(picking);
}

/**
 * Of level 0, the runs that merges could make fewer now: all, where nothing is blocked and they are
 * enough. The others stay, whatever is merged.
 */
export function countRunsToLower(
  manifest: Manifest,
  blocked: ReadonlySet<number>,
  options: PickOptions,
): number {
  const picking = pickingOf(manifest, blocked, new Map(), options);
  const { runs } = picking;
  const down = pickOldest(picking) === undefined ? 0 : readableOldest(runs, blocked).length;
  const others = runs.slice(0, runs.length - down);
  const aside = readableStretches(others, blocked).map(
    (each) => worthMerging(each, options).length,
  );
  return aside.reduce((sum, count) => sum + count, down);
}

/** Levels with something to do, the most urgent first; of equals the upper one. */
function levelsByScore(picking: Picking): number[] {
  const scores = picking.levels.map((_, level) => ({ level, score: scoreOf(picking, level) }));
  const due = scores.filter(({ score }) => score > 0);
  return due.toSorted((left, right) => right.score - left.score).map(({ level }) => level);
}

/** 0: nothing to do. */
function scoreOf({ levels, runs, options }: Picking, level: number): number {
  if (level === 0) {
    if (runs.length < options.runsMin) return 0;
    return Math.floor((RUNS_WEIGHT * FULL_SCORE * runs.length) / options.runsMin);
  }
  if (level >= options.levelsMax) return 0;
  const score = Math.floor((FULL_SCORE * bytesOf(levels[level]!)) / levelBytes(options, level));
  return score > FULL_SCORE ? score : 0;
}

function levelBytes({ levelBytes1, fanout }: PickOptions, level: number): number {
  return levelBytes1 * fanout ** (level - 1);
}

function pickRuns(picking: Picking): Pick | undefined {
  return pickOldest(picking) ?? pickAside(picking);
}

/** [PK1] The oldest runs; where one cannot be read, those that are older. */
function pickOldest(picking: Picking): Pick | undefined {
  const { options, levels, blocked } = picking;
  const readable = readableOldest(picking.runs, blocked);
  if (readable.length < options.runsMin) return undefined;
  const runs = takeOldest(readable, options);
  const score = scoreOf(picking, 0);
  const tables = runs.flat();
  // Flushed tables are stored in more bytes than merged ones: what both hold is compared.
  const isLevel1Larger = rawBytesOf(levels[1]!) > rawBytesOf(tables);
  if (runs.length > 1 && bytesOf(tables) < options.levelBytes1 / 2 && isLevel1Larger) {
    // Level 1 would be written more than the runs are: first they become one.
    return mergeOf(picking, { inputs: tables, outputLevel: 0, score });
  }
  return mergeIntoLevel1(picking, tables, score);
}

/** [PK1] What cannot go down becomes one run where it stands, so that reads ask few. */
function pickAside(picking: Picking): Pick | undefined {
  const { runs, blocked, options } = picking;
  for (const stretch of readableStretches(runs, blocked)) {
    const inputs = takeOldest(worthMerging(stretch, options), options).flat();
    if (inputs.length === 0) continue;
    return { kind: 'merge', inputs, outputLevel: 0, isBottom: false, score: scoreOf(picking, 0) };
  }
  return undefined;
}

/** One table of a level that holds too much: the one that costs least to move down. */
function pickFromLevel(picking: Picking, level: number): Pick | undefined {
  const { levels, blocked } = picking;
  const below = levels[level + 1]!;
  const candidates: Candidate[] = [];
  for (const table of levels[level]!) {
    const met = meeting(below, table);
    if (blocked.has(table.fileNumber) || met.some(({ fileNumber }) => blocked.has(fileNumber))) {
      continue;
    }
    candidates.push({ table, met, metBytes: bytesOf(met) });
  }
  const chosen = cheapest(candidates, picking.roundRobin.get(level));
  if (chosen === undefined) return undefined;
  const score = scoreOf(picking, level);
  const outputLevel = level + 1;
  const { table, met } = chosen;
  if (met.length === 0) return { kind: 'move', table, outputLevel, score };
  return mergeOf(picking, { inputs: [table, ...met], outputLevel, score });
}

interface Candidate {
  readonly table: TableMetadata;
  /** Of the next level. */
  readonly met: readonly TableMetadata[];
  readonly metBytes: number;
}

/** The least bytes below for a byte of its own; of equals the first behind `after`, round and round. */
function cheapest(
  candidates: readonly Candidate[],
  after: KeyBound | undefined,
): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best === undefined || isCheaper(candidate, best, after)) best = candidate;
  }
  return best;
}

function isCheaper(left: Candidate, right: Candidate, after: KeyBound | undefined): boolean {
  const difference = left.metBytes * right.table.byteCount - right.metBytes * left.table.byteCount;
  if (difference !== 0) return difference < 0;
  // Candidates come by place: of two on one side of the bound the one before stays.
  return isBehind(left.table, after) && !isBehind(right.table, after);
}

function isBehind(table: TableMetadata, after: KeyBound | undefined): boolean {
  if (after === undefined) return true;
  const { firstBucketId, firstTokenHigh, firstTokenLow } = table;
  const { bucketId, tokenHigh, tokenLow } = after;
  return (
    comparePlaces(firstBucketId, firstTokenHigh, firstTokenLow, bucketId, tokenHigh, tokenLow) > 0
  );
}

/** A table that would lose something by being rewritten, the uppermost first. */
function pickLoss(picking: Picking): Pick | undefined {
  for (const [level, tables] of picking.levels.entries()) {
    for (const table of tables) {
      const pick =
        level === 0 ? runsThatLose(picking, table) : tableThatLoses(picking, table, level);
      if (pick !== undefined) return pick;
    }
  }
  return undefined;
}

function runsThatLose(picking: Picking, table: TableMetadata): Pick | undefined {
  if (!losesRecords(picking, table) && !losesTombstones(picking, table)) return undefined;
  const runs = readableOldest(picking.runs, picking.blocked);
  if (!runs.some((run) => run.includes(table))) return undefined;
  return mergeIntoLevel1(picking, takeOldest(runs, picking.options).flat(), LOSS_SCORE);
}

function tableThatLoses(picking: Picking, table: TableMetadata, level: number): Pick | undefined {
  const losesNow = losesRecords(picking, table);
  if (!losesNow && !losesTombstones(picking, table)) return undefined;
  const next = level < picking.options.levelsMax ? picking.levels[level + 1]! : [];
  const met = meeting(next, table);
  const outputLevel = met.length === 0 ? level : level + 1;
  const pick = mergeOf(picking, { inputs: [table, ...met], outputLevel, score: LOSS_SCORE });
  // [PK3] A tombstone goes at the bottom only: where it is not, each rewrite must come nearer to it.
  if (pick?.kind === 'merge' && !losesNow && outputLevel === level && !pick.isBottom) {
    return undefined;
  }
  return pick;
}

/** By a range drop, or by values that expired; wherever it stands. */
function losesRecords({ manifest, options }: Picking, table: TableMetadata): boolean {
  const isDropped = manifest.rangeDrops.some(
    (drop) => table.lastSequence <= drop.sequence && meetsRange(table, drop),
  );
  if (isDropped) return true;
  return (
    !options.rewrittenForExpiry.has(table.fileNumber) &&
    expiredCount(table, options.expiredBeforeSeconds) * LOSS_SHARE > table.recordCount
  );
}

/** How many records have expired, were they spread evenly from the first to the last that expires. */
function expiredCount(table: TableMetadata, expiredBeforeSeconds: number): number {
  const { earliestExpirySeconds, latestExpirySeconds, expiringCount } = table;
  if (earliestExpirySeconds === 0 || earliestExpirySeconds > expiredBeforeSeconds) return 0;
  if (latestExpirySeconds <= expiredBeforeSeconds) return expiringCount;
  const spanSeconds = latestExpirySeconds - earliestExpirySeconds;
  return (expiringCount * (expiredBeforeSeconds - earliestExpirySeconds)) / spanSeconds;
}

function losesTombstones({ options }: Picking, table: TableMetadata): boolean {
  return (
    options.canDropTombstones &&
    !options.rewrittenForTombstones.has(table.fileNumber) &&
    table.tombstoneCount * LOSS_SHARE > table.recordCount
  );
}
