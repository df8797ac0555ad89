/**
 * What the picker sees of a store, and how it puts a merge together: pure functions of the manifest, for
 * pick.ts and pick-at-rest.ts, which say what is merged. The ids are pick.ts'.
 */
import { runsOf } from '../level-set.ts';
import type { Manifest, TableMetadata } from '../manifest.ts';
import type { KeyBound } from '../table-cursor.ts';
import { compareEndToBegin, jointExtent, type TableExtent } from '../table-extent.ts';
import type { Run, RunOptions } from './pick-runs.ts';

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
  /** Nobody writes: runs go down although they are few, and tables although their level has room. */
  readonly isAtRest: boolean;
  /**
   * At rest, by file number: of a table's records, the share whose key an older table holds as well, at
   * the least 0 and at the most 1 (outdated-share.ts). What is not named has none.
   */
  readonly outdatedShares: ReadonlyMap<number, number>;
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

/** Of a table that would lose something: whenever nothing else is to be done. */
export const LOSS_SCORE = 500;

export interface Picking {
  readonly manifest: Manifest;
  /** By level; the tables of those below 0 by place, as manifests list them. */
  readonly levels: readonly (readonly TableMetadata[])[];
  /** Of level 0, newest first. */
  readonly runs: readonly Run[];
  readonly blocked: ReadonlySet<number>;
  readonly roundRobin: ReadonlyMap<number, KeyBound>;
  readonly options: PickOptions;
}

export function pickingOf(
  manifest: Manifest,
  blocked: ReadonlySet<number>,
  roundRobin: ReadonlyMap<number, KeyBound>,
  options: PickOptions,
): Picking {
  const levels = levelsOf(manifest, options);
  const runs = runsOf(manifest.tables).filter((run) => run[0]!.level === 0);
  return { manifest, levels, runs, blocked, roundRobin, options };
}

function levelsOf(manifest: Manifest, options: PickOptions): TableMetadata[][] {
  const deepest = manifest.tables.reduce((most, { level }) => Math.max(most, level), 0);
  const count = Math.max(deepest, options.levelsMax) + 1;
  const levels: TableMetadata[][] = Array.from({ length: count }, () => []);
  for (const table of manifest.tables) levels[table.level]!.push(table);
  return levels;
}

export function bytesOf(tables: readonly TableMetadata[]): number {
  return tables.reduce((sum, table) => sum + table.byteCount, 0);
}

export function rawBytesOf(tables: readonly TableMetadata[]): number {
  return tables.reduce((sum, table) => sum + table.rawBytes, 0);
}

export function mergeIntoLevel1(
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
export function meeting(
  tables: readonly TableMetadata[],
  extent: TableExtent,
): readonly TableMetadata[] {
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
export function mergeOf(picking: Picking, { inputs, outputLevel, score }: Merge): Pick | undefined {
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
