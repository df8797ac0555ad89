/**
 * O9 for what a node keeps for others: bytes of hinted copies. Marks are bounded by their keys, and in
 * time by hand-off's upkeep; how many there are at most is kept for the report.
 *
 * A copy is admitted before it is stored, so that a few may be under way besides; and a coordinator that
 * has just begun does not know yet how much there is, so that it may admit as much once more.
 *
 * Invariants:
 *   O9 the bytes of hinted copies that a node keeps are within their limit
 */
import type { Limits } from '@clockwise/kernel/limits';
import type { Bounded } from './bounded.ts';

export interface KeptByNode {
  readonly hintBytes: number;
  readonly markCount: number;
}

const UNDER_WAY_MAX = 16;

export class KeptBounds {
  readonly #bounded: Bounded;
  readonly #limits: Limits;
  /** Bytes of the largest hidden record so far. */
  #largest = 0;

  constructor(bounded: Bounded, limits: Limits) {
    this.#bounded = bounded;
    this.#limits = limits;
  }

  /** `byteCount`: of the hidden record that was appended last. */
  appended(nodeId: string, { hintBytes, markCount }: KeptByNode, byteCount: number): void {
    const { hintBytesMax } = this.#limits;
    this.#largest = Math.max(this.#largest, byteCount);
    const limit = 2 * hintBytesMax + UNDER_WAY_MAX * this.#largest;
    this.#bounded.observe('bytes of hinted copies', hintBytes, limit, nodeId);
    this.#bounded.observe('marks', markCount, Infinity, nodeId);
  }
}
