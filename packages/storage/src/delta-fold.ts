/**
 * Versions of one key, newest first, as a read meets them table by table: deltas are folded until a
 * version that is none comes, or there is no older one. A merge does the same (version-merge.ts).
 *
 * Invariants:
 *   DF1 the fold of all versions is what a merge of them at the bottom writes
 */
import { assert } from '@clockwise/kernel/assert';
import { HEADER, KIND } from '@clockwise/record/layout';
import type { Combine } from './compaction/version-merge.ts';

export function isDelta(words: Int32Array, record: number): boolean {
  return (words[record + HEADER.kind]! & 0xff) === KIND.delta;
}

export class DeltaFold {
  /** The fold so far: one record at word 0. */
  words: Int32Array;
  readonly #combine: Combine;

  /** Begins with the newest version, which is a delta. */
  constructor(combine: Combine, words: Int32Array, record: number) {
    assert(isDelta(words, record), 'a fold begins with a delta');
    this.#combine = combine;
    this.words = words.slice(record, record + words[record + HEADER.wordCount]!);
  }

  /** Folds in the next older version; true: it was no delta, and what is older does not count. */
  add(words: Int32Array, record: number): boolean {
    const room = this.words[HEADER.wordCount]! + words[record + HEADER.wordCount]!;
    const out = new Int32Array(room);
    const written = this.#combine(this.words, 0, words, record, out, 0);
    assert(written > 0 && written <= room, 'a fold gives a record no larger than both');
    assert(out[HEADER.wordCount] === written, 'a fold gives one record');
    this.words = out.slice(0, written);
    return !isDelta(words, record);
  }
}
