/**
 * Copies of word runs. A loop beats `set(subarray(...))` for the sizes of keys and values, and
 * allocates nothing.
 *
 * data plane
 */

/** REQUIRES: the runs do not overlap, or `to` lies before `from`. */
export function copyWords(
  from: Int32Array,
  fromOffset: number,
  to: Int32Array,
  toOffset: number,
  wordCount: number,
): void {
  for (let index = 0; index < wordCount; index += 1) {
    to[toOffset + index] = from[fromOffset + index]!;
  }
}
