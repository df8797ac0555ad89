/**
 * Whether a record is no more than its parts: what its own words say there is.
 *
 * data plane
 */
import {
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  paddedWords,
  RECENT_WORDS,
  SIBLING,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';

/**
 * Whether all of a record is its parts: they have its length, and padding is zero. What else would stand
 * there, a codec by parts would not give back.
 */
export function isPlain(words: Int32Array, record: number): boolean {
  const keyAndContext = words[record + HEADER.keyAndContext]!;
  const counts = words[record + HEADER.siblingsAndRecents]!;
  const end = record + words[record + HEADER.wordCount]!;
  const key = record + HEADER_WORDS;
  const keyBytes = keyAndContext & 0xffff;
  let at = key + paddedWords(keyBytes);
  if (at > end || !isPadded(words, key, keyBytes)) return false;
  at += (keyAndContext >>> 16) * ENTRY_WORDS;
  for (let left = counts & 0xffff; left > 0; left -= 1) {
    const value = at + SIBLING_HEADER_WORDS;
    if (value > end) return false;
    const valueBytes = words[at + SIBLING.valueBytes]!;
    if (valueBytes < 0 || valueBytes > (end - value) * 4) return false;
    if (!isPadded(words, value, valueBytes)) return false;
    at = value + paddedWords(valueBytes);
  }
  return at + (counts >>> 16) * RECENT_WORDS === end;
}

function isPadded(words: Int32Array, at: number, byteCount: number): boolean {
  const wholeWords = byteCount >>> 2;
  const tailBits = (byteCount & 3) << 3;
  if (tailBits !== 0 && words[at + wholeWords]! >>> tailBits !== 0) return false;
  const used = (byteCount + 3) >>> 2;
  return (used & 1) === 0 || words[at + used] === 0;
}
