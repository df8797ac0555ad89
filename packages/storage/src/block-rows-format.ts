/**
 * The words of a block as rows (codec 4): the words of all records that say the same stand once, what
 * differs stands in rows of as many bits as it takes, and each record's values stand by themselves.
 *
 *     words 0, 1 | columns | rows | bodies
 *
 * A column is a word that records have at the same place: first how many bytes their body takes, then
 * the header's words 1 to 7, those of the first sibling, of context, other siblings and recents; then the
 * words of the keys. A body is the values one after the other, as LZ4 sequences if that is shorter.
 * docs/formats/sstable.md is the page. Numbers are append-only: they are on disks.
 */
import {
  ENTRY_WORDS,
  HEADER_WORDS,
  RECENT_WORDS,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';

/** Word 0: records, columns of heads << 16, columns of keys << 24. Word 1: flags, words before the rows << 8. */
export const ROWS_HEADER_WORDS = 2;
export const ROWS_FLAG = {
  /** Tokens are those of the keys, and have no columns. */
  tokensOfKeys: 1,
  /** Bodies behind the first may point into it. */
  firstBodyKnown: 2,
} as const;

/** How a column stands among the columns: a byte, and what follows it. */
export const COLUMN = {
  zero: 0,
  /** All are this byte. */
  byte: 1,
  /** All are this word. */
  word: 2,
  /** 32 bits in each row. */
  whole: 3,
  /** A byte: bits in each row; a word: what they are added to. */
  range: 4,
  /** The same of the high 16 bits. */
  highRange: 5,
  /** Two, four or eight words; a row has the number of one. */
  two: 6,
  four: 7,
  eight: 8,
} as const;

/** Columns of heads: the body's, those of the header, of the first sibling; then the others. */
export const BODY_COLUMN = 0;
export const SIBLING_COLUMN: number = HEADER_WORDS;
export const OTHER_COLUMNS: number = SIBLING_COLUMN + SIBLING_HEADER_WORDS;
export const HEAD_COLUMNS_MAX = 96;
export const KEY_COLUMNS_MAX = 64;
export const COLUMNS_MAX: number = HEAD_COLUMNS_MAX + KEY_COLUMNS_MAX;

/** Columns that a record of so many parts has. */
export function headColumnsOf(contexts: number, siblings: number, recents: number): number {
  const others = siblings > 1 ? siblings - 1 : 0;
  return (
    OTHER_COLUMNS + contexts * ENTRY_WORDS + others * SIBLING_HEADER_WORDS + recents * RECENT_WORDS
  );
}

/** Of the body that others may point into. */
export const FIRST_BODY_BYTES_MAX: number = 32 * 1024;
