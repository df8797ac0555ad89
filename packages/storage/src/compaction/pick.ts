/**
 * Which tables to merge next, if any: a pure function of the manifest. Level 0 is tiered by runs, the
 * levels below are leveled over the order of (bucket, token). Of level 0 and the levels that hold too
 * much, the one with the highest score goes first; if none does, a table that would lose something.
 * Where tables that cannot be read are in the way of level 0, what stands beside them becomes one run.
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
import { runsOf } from '../level-set.ts';
import {
  compareEndToBegin,
  comparePlaces,
  jointExtent,
  meetsRange,
  type TableExtent,
} from '../table-extent.ts';
import type { KeyBound } from '../table-cursor.ts';
import {
  readableOldest,
  readableStretches,
  type Run,
  type RunOptions,
  takeOldest,
  worthMerging,
} from './pick-runs.ts';

export interface PickOptions extends RunOptions {
  /** Runs of level 0 at which they are merged. */
  readonly runsMin: number;
  /** Bytes of one table that a merge writes. */
  readonly tableBytes: number;
  readonly levelBytes1: number;
  readonly fanout: number;
  /** The deepest level. */
  readonly levelsMax: number;
  readonly expiredBeforeSeconds: number;
  readonly canDropTombstones: boolean;
  /** Nobody writes: runs go down although they are few. */
  readonly isAtRest: boolean;
  /**
   * Tables that a merge wrote under this very horizon, and that have nothing more to lose by it: of
   * values that expired, and of tombstones (which go at the bottom only).
   */
  readonly rewrittenForExpiry: ReadonlySet<number>;
  readonly rewrittenForTombstones: ReadonlySet<number>;
}

export type Pick =
  | {
      readonly kind: 'merge';
      /** Newest first. */
      readonly inputs: readonly TableMetadata[];
      readonly outputLevel: number;
      readonly isBottom: boolean;
      readonly score: number;
    }
  | {
      readonly kind: 'move';
      readonly table: TableMetadata;
      readonly outputLevel: number;
      readonly score: number;
    };

/** Scores are thousandths; runs of level 0, which every read asks, count double. */
const FULL_SCORE = 1000;
const RUNS_WEIGHT = 2;
/** Of a table that would lose something: whenever nothing else is to be done. */
const LOSS_SCORE = 500;
/** The share of records that must be worth a rewrite: more than 1 of so many. */
const LOSS_SHARE = 4;
/** At rest, this share of the runs goes down, if they hold this share of the bytes of level 1. */
const REST_RUNS = 1 / 2;
const REST_BYTES = 1 / 4;
/** This share becomes one run otherwise: reads ask each. */
const REST_RUNS_BESIDE = 1 / 4;

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

function pickingOf(
  manifest: Manifest,
  blocked: ReadonlySet<number>,
  roundRobin: ReadonlyMap<number, KeyBound>,
  options: PickOptions,
): Picking {
  const levels = levelsOf(manifest, options);
  const runs = runsOf(manifest.tables).filter((run) => run[0]!.level === 0);
  return { manifest, levels, runs, blocked, roundRobin, options };
}

interface Picking {
  readonly manifest: Manifest;
  /** By level; the tables of those below 0 by place, as manifests list them. */
  readonly levels: readonly (readonly TableMetadata[])[];
  /** Of level 0, newest first. */
  readonly runs: readonly Run[];
  readonly blocked: ReadonlySet<number>;
  readonly roundRobin: ReadonlyMap<number, KeyBound>;
  readonly options: PickOptions;
}

function levelsOf(manifest: Manifest, options: PickOptions): TableMetadata[][] {
  const deepest = manifest.tables.reduce((most, { level }) => Math.max(most, level), 0);
  const count = Math.max(deepest, options.levelsMax) + 1;
  const levels: TableMetadata[][] = Array.from({ length: count }, () => []);
  for (const table of manifest.tables) levels[table.level]!.push(table);
  return levels;
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

function bytesOf(tables: readonly TableMetadata[]): number {
  return tables.reduce((sum, table) => sum + table.byteCount, 0);
}

function rawBytesOf(tables: readonly TableMetadata[]): number {
  return tables.reduce((sum, table) => sum + table.rawBytes, 0);
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

function mergeIntoLevel1(
  picking: Picking,
  tables: readonly TableMetadata[],
  score: number,
): Pick | undefined {
  if (tables.length === 0) return undefined;
  // [PK2] All between the first and the last place: an output may reach over a gap between inputs.
  const below = meeting(picking.levels[1]!, jointExtent(tables));
  return mergeOf(picking, { inputs: [...tables, ...below], outputLevel: 1, score });
}

/** Those that meet the extent, of tables of one level in the order of their places. */
function meeting(tables: readonly TableMetadata[], extent: TableExtent): readonly TableMetadata[] {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareEndToBegin(tables[middle]!, extent) < 0) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < tables.length && compareEndToBegin(extent, tables[end]!) >= 0) end += 1;
  return tables.slice(low, end);
}

interface Merge {
  readonly inputs: readonly TableMetadata[];
  readonly outputLevel: number;
  readonly score: number;
}

/** Undefined: an input cannot be read. */
function mergeOf(picking: Picking, { inputs, outputLevel, score }: Merge): Pick | undefined {
  if (inputs.some(({ fileNumber }) => picking.blocked.has(fileNumber))) return undefined;
  const isBottom = isOldest(picking, inputs, outputLevel);
  return { kind: 'merge', inputs, outputLevel, isBottom, score };
}

/** [PK4] Tables of the output's own level below 0 hold other tokens, or are inputs. */
function isOldest(
  { levels, runs }: Picking,
  inputs: readonly TableMetadata[],
  outputLevel: number,
): boolean {
  const extent = jointExtent(inputs);
  const isInput = new Set(inputs);
  for (const deeper of levels.slice(outputLevel + 1)) {
    if (meeting(deeper, extent).some((table) => !isInput.has(table))) return false;
  }
  if (inputs[0]!.level > 0) return true;
  // Of level 0 the oldest runs are inputs, all of them up to the newest.
  return runs.at(-1)!.every((table) => isInput.has(table));
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

/** What is left in level 0: reads ask each run, and older versions take room. */
function pickAtRest(picking: Picking): Pick | undefined {
  const { options, levels, runs, blocked } = picking;
  if (!options.isAtRest) return undefined;
  const readable = takeOldest(readableOldest(runs, blocked), options);
  const tables = readable.flat();
  const isMuch = rawBytesOf(tables) >= rawBytesOf(levels[1]!) * REST_BYTES;
  if (isMuch && readable.length >= Math.max(2, options.runsMin * REST_RUNS)) {
    return mergeIntoLevel1(picking, tables, LOSS_SCORE);
  }
  const runsMin = Math.max(2, options.runsMin * REST_RUNS_BESIDE);
  const inputs = worthMerging(readable, { ...options, runsMin }).flat();
  if (inputs.length === 0) return undefined;
  return { kind: 'merge', inputs, outputLevel: 0, isBottom: false, score: LOSS_SCORE };
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
