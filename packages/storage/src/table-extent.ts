/**
 * How far tables reach in the order of (bucket, token), and where they meet each other and ranges.
 * Two tables that hold records of one token meet, whatever their keys: a token never lies in two
 * tables of one run.
 */
import type { TableMetadata } from './manifest.ts';
import { compareTokenHalves, type TokenRange } from './token-range.ts';

/** The first and the last place of a table, or of several taken together. */
export type TableExtent = Pick<
  TableMetadata,
  | 'firstBucketId'
  | 'firstTokenHigh'
  | 'firstTokenLow'
  | 'lastBucketId'
  | 'lastTokenHigh'
  | 'lastTokenLow'
>;

/** Negative, zero or positive; bucket ids and halves are unsigned. */
export function comparePlaces(
  leftBucket: number,
  leftHigh: number,
  leftLow: number,
  rightBucket: number,
  rightHigh: number,
  rightLow: number,
): number {
  if (leftBucket !== rightBucket) return leftBucket >>> 0 < rightBucket >>> 0 ? -1 : 1;
  return compareTokenHalves(leftHigh, leftLow, rightHigh, rightLow);
}

/** Where `left` ends, against where `right` begins: negative where all of `left` lies before it. */
export function compareEndToBegin(left: TableExtent, right: TableExtent): number {
  return comparePlaces(
    left.lastBucketId,
    left.lastTokenHigh,
    left.lastTokenLow,
    right.firstBucketId,
    right.firstTokenHigh,
    right.firstTokenLow,
  );
}

export function extentsMeet(left: TableExtent, right: TableExtent): boolean {
  return compareEndToBegin(left, right) >= 0 && compareEndToBegin(right, left) >= 0;
}

/** A range as an extent. */
export function extentOf(range: TokenRange): TableExtent {
  return {
    firstBucketId: range.bucketId,
    firstTokenHigh: range.fromHigh,
    firstTokenLow: range.fromLow,
    lastBucketId: range.bucketId,
    lastTokenHigh: range.toHigh,
    lastTokenLow: range.toLow,
  };
}

export function meetsRange(table: TableExtent, range: TokenRange): boolean {
  return extentsMeet(table, extentOf(range));
}

export function rangeHolds(
  range: TokenRange,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
): boolean {
  return (
    range.bucketId === bucketId &&
    compareTokenHalves(range.fromHigh, range.fromLow, tokenHigh, tokenLow) <= 0 &&
    compareTokenHalves(range.toHigh, range.toLow, tokenHigh, tokenLow) >= 0
  );
}

/** From the first place of any to the last place of any. REQUIRES: there is one. */
export function jointExtent(extents: readonly TableExtent[]): TableExtent {
  return extents.reduce((joint, next) => {
    const begin = compareBegins(next, joint) < 0 ? next : joint;
    const end = compareEnds(next, joint) > 0 ? next : joint;
    return {
      firstBucketId: begin.firstBucketId,
      firstTokenHigh: begin.firstTokenHigh,
      firstTokenLow: begin.firstTokenLow,
      lastBucketId: end.lastBucketId,
      lastTokenHigh: end.lastTokenHigh,
      lastTokenLow: end.lastTokenLow,
    };
  });
}

function compareBegins(left: TableExtent, right: TableExtent): number {
  return comparePlaces(
    left.firstBucketId,
    left.firstTokenHigh,
    left.firstTokenLow,
    right.firstBucketId,
    right.firstTokenHigh,
    right.firstTokenLow,
  );
}

function compareEnds(left: TableExtent, right: TableExtent): number {
  return comparePlaces(
    left.lastBucketId,
    left.lastTokenHigh,
    left.lastTokenLow,
    right.lastBucketId,
    right.lastTokenHigh,
    right.lastTokenLow,
  );
}
