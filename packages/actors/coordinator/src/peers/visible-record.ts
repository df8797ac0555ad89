/**
 * The records that a shard's answers name, as everybody but the hand-off wants them: a hidden record (a
 * hinted copy) is brought back to the form that it has in its own bucket. data plane.
 *
 * Invariants:
 *   VR1 nobody who takes a record through here sees a hidden form
 */
import { isHidden, visibleWordCount, writeVisible } from '@clockwise/record/hidden';

export class VisibleRecord {
  /** What was taken last, valid until the next `take`, and no longer than the step. */
  words: Int32Array;
  offset = 0;
  #scratch: Int32Array = new Int32Array(0);

  constructor() {
    this.words = this.#scratch;
  }

  /** [VR1] A normal record costs one comparison. */
  take(words: Int32Array, offset: number): void {
    if (!isHidden(words, offset)) {
      this.words = words;
      this.offset = offset;
      return;
    }
    const wordCount = visibleWordCount(words, offset);
    if (this.#scratch.length < wordCount) this.#scratch = new Int32Array(wordCount);
    writeVisible(words, offset, this.#scratch, 0);
    this.words = this.#scratch;
    this.offset = 0;
  }
}
