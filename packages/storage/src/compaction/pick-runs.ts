/**
 * Which runs of level 0 stand side by side, so that they may be merged, where some of them cannot be
 * read: pure functions of the runs. `runs` are newest first, as everywhere.
 *
 * Invariants:
 *   PR1 what is given are runs without a gap and without one that is blocked: the one run that comes of
 *       them stands where they stood, below every newer one and above every older one
 *   PR2 at rest, runs that can be read are few: between two blocked ones fewer than `runsMin`, and those
 *       of which each holds more than `fanout` times the bytes of all that are newer beside it
 */
import type { TableMetadata } from '../manifest.ts';

export type Run = readonly TableMetadata[];

export interface RunOptions {
  readonly runsMin: number;
  readonly fanout: number;
  /** Runs of level 0 that one merge takes at the most: each is a file and a buffer that are open. */
  readonly runsAtOnce: number;
}

/** The oldest runs up to the first that cannot be read. */
export function readableOldest(runs: readonly Run[], blocked: ReadonlySet<number>): readonly Run[] {
  return runs.slice(runs.findLastIndex((run) => isBlocked(run, blocked)) + 1);
}

export function takeOldest(runs: readonly Run[], { runsAtOnce }: RunOptions): readonly Run[] {
  return runs.slice(Math.max(0, runs.length - runsAtOnce));
}

/** What stands between blocked runs, and before and behind them, newest first. [PR1] */
export function readableStretches(
  runs: readonly Run[],
  blocked: ReadonlySet<number>,
): readonly (readonly Run[])[] {
  const stretches: Run[][] = [[]];
  for (const run of runs) {
    if (isBlocked(run, blocked)) stretches.push([]);
    else stretches.at(-1)!.push(run);
  }
  return stretches.filter((stretch) => stretch.length > 0);
}

/**
 * [PR2] Those of a stretch that are worth becoming one run, none if they are too few. The oldest stays
 * out while it is far larger than the newer ones together: it would be written again for each few flushes.
 */
export function worthMerging(stretch: readonly Run[], options: RunOptions): readonly Run[] {
  const bytes = stretch.map(bytesOfRun);
  let newer = bytes.reduce((sum, each) => sum + each, 0);
  for (let count = stretch.length; count >= Math.max(2, options.runsMin); count -= 1) {
    const oldest = bytes[count - 1]!;
    newer -= oldest;
    if (oldest <= options.fanout * newer) return stretch.slice(0, count);
  }
  return [];
}

function bytesOfRun(run: Run): number {
  return run.reduce((sum, table) => sum + table.byteCount, 0);
}

function isBlocked(run: Run, blocked: ReadonlySet<number>): boolean {
  return run.some(({ fileNumber }) => blocked.has(fileNumber));
}
