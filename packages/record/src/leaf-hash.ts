/**
 * What a record puts into its leaf of the hash tree: 64 bits over bucket, token and context, and
 * nothing else, so that expiry and remembered operations do not change it (DESIGN.md, section 9).
 * Equal contexts of one key mean equal siblings (versioning, V4), hence they need no hash.
 * The function is final: replicas of different versions compare its sums (docs/formats/record.md).
 *
 * data plane
 *
 * Invariants:
 *   LH1 equal bucket, token and context give equal hashes, whatever siblings and recents are
 *   LH2 the published vectors in docs/formats/record.md hold for ever
 */
import { contextCount, contextOffset, ENTRY, ENTRY_WORDS, HEADER } from './layout.ts';

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Low and high word are two lanes; each pair of words goes one to a lane, then the lanes mix. */
function finish(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Returns the low word, and stores low and high in `result[0]` and `result[1]`. */
export function leafHash(words: Int32Array, record: number, result: Int32Array): number {
  const entries = contextCount(words, record);
  let position = contextOffset(words, record);
  absorb(result, 0x6c656166, 0x68617368, words[record + HEADER.bucketId]!, entries);
  absorb(
    result,
    result[0]!,
    result[1]!,
    words[record + HEADER.tokenLow]!,
    words[record + HEADER.tokenHigh]!,
  );
  for (let index = 0; index < entries; index += 1) {
    const incarnationLow = words[position + ENTRY.incarnationLow]!;
    const incarnationHigh = words[position + ENTRY.incarnationHigh]!;
    absorb(result, result[0]!, result[1]!, incarnationLow, incarnationHigh);
    const counterLow = words[position + ENTRY.counterLow]!;
    const counterHigh = words[position + ENTRY.counterHigh]!;
    absorb(result, result[0]!, result[1]!, counterLow, counterHigh);
    position += ENTRY_WORDS;
  }
  let low = finish((result[0]! + result[1]!) | 0);
  let high = finish((result[1]! + low) | 0);
  low = (low + high) | 0;
  high = (high + low) | 0;
  result[0] = low;
  result[1] = high;
  return low;
}

/** One to one in (first, second) for given lanes, so that one differing pair always shows. */
function absorb(
  result: Int32Array,
  low: number,
  high: number,
  first: number,
  second: number,
): void {
  let laneLow = low ^ Math.imul(rotate(Math.imul(first, 0xcc9e2d51), 15), 0x1b873593);
  laneLow = (rotate(laneLow, 13) + high) | 0;
  laneLow = (Math.imul(laneLow, 5) + 0x561ccd1b) | 0;
  let laneHigh = high ^ Math.imul(rotate(Math.imul(second, 0x239b961b), 17), 0xab0e9789);
  laneHigh = (rotate(laneHigh, 17) + laneLow) | 0;
  laneHigh = (Math.imul(laneHigh, 5) + 0x0bcaa747) | 0;
  result[0] = laneLow;
  result[1] = laneHigh;
}
