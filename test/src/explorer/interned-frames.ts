/**
 * Frames as values: equal words are one object with one number, so that states of the explorer can be
 * compared by numbers. A frame of a shard carries copies of the records that it names in the shard's
 * memory, for a coordinator of the explorer has no memory in common with anybody.
 *
 * Invariants:
 *   IF1 two frames have one number if and only if they have equal words and name equal records
 */

/** What a shard's answer names: words at `offset` of chunk number `chunk`. */
export interface NamedRecord {
  readonly chunk: number;
  readonly offset: number;
  readonly words: Int32Array;
}

export interface Frame {
  readonly id: number;
  /** Never written to: whoever hands it to a core hands over a copy. */
  readonly words: Int32Array;
  readonly records: readonly NamedRecord[];
}

export class InternedFrames {
  readonly #byContent: Map<string, Frame> = new Map();

  intern(words: Int32Array, records: readonly NamedRecord[] = []): Frame {
    const named = records.map(
      (record) => `${record.chunk}@${record.offset}=${record.words.join()}`,
    );
    const content = `${words.join()}|${named.join('|')}`;
    let frame = this.#byContent.get(content);
    if (frame === undefined) {
      frame = { id: this.#byContent.size, words, records };
      this.#byContent.set(content, frame);
    }
    return frame;
  }
}
