/**
 * What is merged although nothing is due, while nobody writes: few runs, and what keeps older versions of
 * records on the disk. A part of the picker (pick.ts): a pure function of the same.
 *
 * A record whose key an older table holds as well makes that table's version outdated: bytes that are
 * read by nobody. How many there are is estimated (outdated-share.ts). Each pick takes records a level
 * down, and the one that frees most for what it reads goes first: not below what all levels, each merged
 * into the next, would free on average. So one or two times 1 / `OUTDATED_SHARE_MAX` bytes are written for
 * one that is freed at the most, and far fewer where some tables lose more than others. Who writes a
 * little and rests, again and again, has it merged each time that so much came together.
 *
 * Invariants:
 *   PA1 where every table can be read, nothing is left to pick only if, by the shares given, outdated
 *       records take `OUTDATED_SHARE_MAX` of the bytes of the others at the most
 *   PA2 a pick for outdated records has some among its inputs, and takes them to a deeper level
 */
import type { TableMetadata } from '../manifest.ts';
import { readableOldest, takeOldest, worthMerging } from './pick-runs.ts';
import {
  bytesOf,
  LOSS_SCORE,
  meeting,
  mergeIntoLevel1,
  mergeOf,
  type Pick,
  type Picking,
  rawBytesOf,
} from './picking.ts';

/** Of the bytes that are not outdated: less is not worth a merge. */
export const OUTDATED_SHARE_MAX: number = 1 / 10;
/** This share of the runs goes down, if they hold this share of the bytes of level 1. */
const REST_RUNS = 1 / 2;
const REST_BYTES = 1 / 4;
/** This share becomes one run otherwise: reads ask each. */
const REST_RUNS_BESIDE = 1 / 4;

export function pickAtRest(picking: Picking): Pick | undefined {
  if (!picking.options.isAtRest) return undefined;
  return pickOutdated(picking) ?? pickFewRuns(picking);
}

/** [PA1] */
function pickOutdated(picking: Picking): Pick | undefined {
  const { tables } = picking.manifest;
  const outdated = outdatedBytes(picking, tables);
  if (outdated <= (bytesOf(tables) - outdated) * OUTDATED_SHARE_MAX) return undefined;
  let best: Downward | undefined;
  for (const level of picking.levels.keys()) {
    const steps = level === 0 ? runsDown(picking) : tablesDown(picking, level);
    for (const step of steps) {
      if (best === undefined || step.freed * best.cost > best.freed * step.cost) best = step;
    }
  }
  return best?.pick;
}

/** A pick that takes outdated records' newer versions a level down. [PA2] */
interface Downward {
  readonly pick: Pick;
  /** Bytes that are outdated by what goes down, in whatever depth. */
  readonly freed: number;
  /** Bytes of the inputs; of a table that moves none. */
  readonly cost: number;
}

function runsDown(picking: Picking): readonly Downward[] {
  const { runs, blocked, options } = picking;
  const tables = takeOldest(readableOldest(runs, blocked), options).flat();
  const freed = outdatedBytes(picking, tables);
  const pick = freed > 0 ? mergeIntoLevel1(picking, tables, LOSS_SCORE) : undefined;
  return pick?.kind === 'merge' ? [{ pick, freed, cost: bytesOf(pick.inputs) }] : [];
}

function tablesDown(picking: Picking, level: number): readonly Downward[] {
  const { levels, blocked, options } = picking;
  if (level >= options.levelsMax) return [];
  const steps: Downward[] = [];
  const outputLevel = level + 1;
  for (const table of levels[level]!) {
    const freed = outdatedBytes(picking, [table]);
    if (freed === 0 || blocked.has(table.fileNumber)) continue;
    const met = meeting(levels[outputLevel]!, table);
    if (met.length === 0) {
      const pick: Pick = { kind: 'move', table, outputLevel, score: LOSS_SCORE };
      steps.push({ pick, freed, cost: 0 });
      continue;
    }
    const inputs = [table, ...met];
    const pick = mergeOf(picking, { inputs, outputLevel, score: LOSS_SCORE });
    if (pick !== undefined) steps.push({ pick, freed, cost: bytesOf(inputs) });
  }
  return steps;
}

/** Of older tables, by what these hold: the versions of a key are about as long in one as in the other. */
function outdatedBytes({ options }: Picking, tables: readonly TableMetadata[]): number {
  const { outdatedShares } = options;
  return tables.reduce(
    (sum, { fileNumber, byteCount }) => sum + byteCount * (outdatedShares.get(fileNumber) ?? 0),
    0,
  );
}

/** What is left in level 0: reads ask each run. */
function pickFewRuns(picking: Picking): Pick | undefined {
  const { options, levels, runs, blocked } = picking;
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
