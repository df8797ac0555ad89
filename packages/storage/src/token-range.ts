/** Stretches of tokens, and the order of tokens as pairs of unsigned halves. */
import { HEADER } from '@clockwise/record/layout';

/** A stretch of one bucket's tokens, both ends included; halves are compared as unsigned. */
export interface TokenRange {
  readonly bucketId: number;
  readonly fromHigh: number;
  readonly fromLow: number;
  readonly toHigh: number;
  readonly toLow: number;
}

/** Negative, zero or positive. */
export function compareTokenHalves(
  leftHigh: number,
  leftLow: number,
  rightHigh: number,
  rightLow: number,
): number {
  if (leftHigh !== rightHigh) return leftHigh >>> 0 < rightHigh >>> 0 ? -1 : 1;
  if (leftLow !== rightLow) return leftLow >>> 0 < rightLow >>> 0 ? -1 : 1;
  return 0;
}

export function isRecordInRange(words: Int32Array, record: number, range: TokenRange): boolean {
  if (words[record + HEADER.bucketId] !== range.bucketId) return false;
  const high = words[record + HEADER.tokenHigh]!;
  const low = words[record + HEADER.tokenLow]!;
  return (
    compareTokenHalves(high, low, range.fromHigh, range.fromLow) >= 0 &&
    compareTokenHalves(high, low, range.toHigh, range.toLow) <= 0
  );
}
