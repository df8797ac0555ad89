/**
 * Goes through several runs at once, key by key: of each key all versions, the newest first.
 *
 * data plane
 *
 * Invariants:
 *   MR1 keys come in the order of (bucket, token, key), each once, with every version that a run holds
 *   MR2 of a key's versions, those of newer runs come first
 *   MR3 a run that cannot be read ends it with a failure, never as the end of the runs
 *
 * Boundary: a run holds a key once, as tables do. The least head is searched for by comparing all: of
 * the few runs that a merge has, that is as fast as a tree of losers.
 */
import { assert } from '@clockwise/kernel/assert';
import { compareRecordPositions } from '@clockwise/record/compare';
import { HEADER } from '@clockwise/record/layout';
import type { DiskError } from '../disk.ts';
import type { RunCursor } from './run-cursor.ts';

export class MergeRun {
  /** The heads that hold the key, the newest first: [0, versionCount) counts. */
  readonly versions: Int32Array;
  versionCount = 0;
  bucketId = 0;
  tokenHigh = 0;
  tokenLow = 0;
  /** Why it ended early. [MR3] */
  failure: DiskError | undefined = undefined;
  readonly #heads: readonly RunCursor[];
  #isBegun = false;

  /** `heads`: newest first. */
  constructor(heads: readonly RunCursor[]) {
    this.#heads = heads;
    this.versions = new Int32Array(heads.length);
  }

  head(version: number): RunCursor {
    return this.#heads[this.versions[version]!]!;
  }

  /** Goes to the next key; false: the end, or `failure`. */
  next(): boolean {
    if (!this.#goOn()) {
      this.versionCount = 0;
      return false;
    }
    const heads = this.#heads;
    const { versions } = this;
    let count = 0;
    for (let index = 0; index < heads.length; index += 1) {
      const head = heads[index]!;
      if (head.record < 0) continue;
      if (count > 0) {
        const least = heads[versions[0]!]!;
        const order = compareRecordPositions(head.words, head.record, least.words, least.record);
        if (order > 0) continue;
        if (order < 0) count = 0;
      }
      versions[count] = index;
      count += 1;
    }
    this.versionCount = count;
    if (count === 0) return false;
    const { words, record } = heads[versions[0]!]!;
    this.bucketId = words[record + HEADER.bucketId]!;
    this.tokenHigh = words[record + HEADER.tokenHigh]!;
    this.tokenLow = words[record + HEADER.tokenLow]!;
    return true;
  }

  close(): void {
    for (const head of this.#heads) head.close();
  }

  /** Moves the heads that stood at the last key; false: one cannot be read. */
  #goOn(): boolean {
    assert(this.failure === undefined, 'a merge that failed is over');
    if (!this.#isBegun) {
      this.#isBegun = true;
      for (let index = 0; index < this.#heads.length; index += 1) {
        if (!this.#move(this.#heads[index]!)) return false;
      }
      return true;
    }
    for (let version = 0; version < this.versionCount; version += 1) {
      if (!this.#move(this.head(version))) return false;
    }
    return true;
  }

  #move(head: RunCursor): boolean {
    head.next();
    this.failure = head.failure;
    return head.failure === undefined;
  }
}
