/**
 * Copies of word runs. For keys and usual values a loop is the fastest and allocates nothing (26
 * words: 27 ns, by `set(subarray(...))` 78); from 128 words on the engine's own copy wins (2,560
 * words: 0.26 us, by the loop 3), and one short-lived view is less than what it saves.
 *
 * data plane
 */

const LOOP_WORDS_MAX = 128;
/** Within one array there is no view to make, and the loop loses earlier. */
const LOOP_WORDS_MAX_WITHIN = 48;

/** REQUIRES: the runs do not overlap. */
export function copyWords(
  from: Int32Array,
  fromOffset: number,
  to: Int32Array,
  toOffset: number,
  wordCount: number,
): void {
  if (wordCount <= LOOP_WORDS_MAX_WITHIN || (wordCount <= LOOP_WORDS_MAX && from !== to)) {
    copyByLoop(from, fromOffset, to, toOffset, wordCount);
  } else if (from === to) {
    to.copyWithin(toOffset, fromOffset, fromOffset + wordCount);
  } else {
    to.set(from.subarray(fromOffset, fromOffset + wordCount), toOffset);
  }
}

function copyByLoop(
  from: Int32Array,
  fromOffset: number,
  to: Int32Array,
  toOffset: number,
  wordCount: number,
): void {
  let index = 0;
  for (; index + 8 <= wordCount; index += 8) {
    const source = fromOffset + index;
    const target = toOffset + index;
    const word0 = from[source]!;
    const word1 = from[source + 1]!;
    const word2 = from[source + 2]!;
    const word3 = from[source + 3]!;
    const word4 = from[source + 4]!;
    const word5 = from[source + 5]!;
    const word6 = from[source + 6]!;
    const word7 = from[source + 7]!;
    to[target] = word0;
    to[target + 1] = word1;
    to[target + 2] = word2;
    to[target + 3] = word3;
    to[target + 4] = word4;
    to[target + 5] = word5;
    to[target + 6] = word6;
    to[target + 7] = word7;
  }
  for (; index < wordCount; index += 1) to[toOffset + index] = from[fromOffset + index]!;
}
