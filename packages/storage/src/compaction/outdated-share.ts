/**
 * Of each table, which share of its records has a key that an older table holds as well: by the tokens
 * that its blocks begin with, which are in memory, and the filters of older tables, which are asked for
 * them. Nothing is read. A filter errs on the side of "maybe", about once in a hundred: a share is too
 * large by that for each run below, and by all where a filter is damaged.
 *
 * Boundary: pure; for pick-at-rest.ts. It takes some milliseconds of its owner's thread, whatever the
 * store holds, but for going through a list of the tables.
 *
 * Invariants:
 *   OD1 no table is asked for more than `SAMPLES_MAX` tokens, nor all together for more, but for
 *       `TABLE_SAMPLES_MIN` of each
 *   OD2 a table of the oldest run is not named, nor one of which no token was found
 */
import type { LevelSet } from '../level-set.ts';
import type { TableReader } from '../sstable-reader.ts';

const SAMPLES_MAX = 8192;
const TABLE_SAMPLES_MIN = 8;

/** By file number. */
export function outdatedShares(levels: LevelSet): ReadonlyMap<number, number> {
  const { readers, runStarts } = levels;
  const oldestRun = runStarts.length - 2;
  const shares = new Map<number, number>();
  // [OD2]
  const tableCount = oldestRun > 0 ? runStarts[oldestRun]! : 0;
  // [OD1]
  const samples = Math.max(TABLE_SAMPLES_MIN, Math.floor(SAMPLES_MAX / Math.max(1, tableCount)));
  for (let run = 0; run < oldestRun; run += 1) {
    const older = runStarts[run + 1]!;
    for (let table = runStarts[run]!; table < older; table += 1) {
      const share = shareOf(levels, readers[table]!, older, samples);
      if (share > 0) shares.set(readers[table]!.table.fileNumber, share);
    }
  }
  return shares;
}

/** Of tokens that lie evenly over the table; `older`: the first of the tables that are older. */
function shareOf(
  levels: LevelSet,
  { index, blockCount }: TableReader,
  older: number,
  samplesMax: number,
): number {
  const samples = Math.min(samplesMax, blockCount);
  let found = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const block = Math.floor(((sample + 0.5) * blockCount) / samples);
    const [high, low] = [index.tokenHighOf(block), index.tokenLowOf(block)];
    if (levels.nextCandidate(older, index.bucketOf(block), high, low) !== -1) found += 1;
  }
  return samples === 0 ? 0 : found / samples;
}
