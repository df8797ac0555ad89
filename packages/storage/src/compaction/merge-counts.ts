/**
 * What became of the records that a merge read: each is counted once.
 *
 * Invariants:
 *   MJ1 of each beat: input = output + dropped for being older, in a range, or a tombstone + folded
 *   MJ2 over all beats of a merge: input = the records of its inputs
 */
import type { TableMetadata } from '../manifest.ts';

export interface MergeCounts {
  inputRecords: number;
  outputRecords: number;
  droppedOlder: number;
  droppedRange: number;
  droppedTombstone: number;
  /** Deltas, and what they were folded into, less the records that came of it. */
  folded: number;
  /** Of the output: values that expired, written as tombstones. */
  expiredRewritten: number;
}

export function noCounts(): MergeCounts {
  return {
    inputRecords: 0,
    outputRecords: 0,
    droppedOlder: 0,
    droppedRange: 0,
    droppedTombstone: 0,
    folded: 0,
    expiredRewritten: 0,
  };
}

export function addCounts(sum: MergeCounts, counts: Readonly<MergeCounts>): void {
  sum.inputRecords += counts.inputRecords;
  sum.outputRecords += counts.outputRecords;
  sum.droppedOlder += counts.droppedOlder;
  sum.droppedRange += counts.droppedRange;
  sum.droppedTombstone += counts.droppedTombstone;
  sum.folded += counts.folded;
  sum.expiredRewritten += counts.expiredRewritten;
}

/** Records that went in and did not come out. */
export function lostRecords(counts: Readonly<MergeCounts>): number {
  return counts.droppedOlder + counts.droppedRange + counts.droppedTombstone + counts.folded;
}

/** [MJ1] */
export function countsAgree(counts: Readonly<MergeCounts>): boolean {
  return counts.inputRecords === counts.outputRecords + lostRecords(counts);
}

/** [MJ2] */
export function countsAll(
  counts: Readonly<MergeCounts>,
  inputs: readonly TableMetadata[],
): boolean {
  const expected = inputs.reduce((sum, table) => sum + table.recordCount, 0);
  return counts.inputRecords === expected;
}
