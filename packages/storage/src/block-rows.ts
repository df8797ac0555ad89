/**
 * Reads blocks that are rows (block-rows-format.ts): one record is found and decoded without the others.
 *
 * data plane
 *
 * Invariants:
 *   BR1 rows of records give the records
 *   BR2 whatever the source says, nothing outside of it is read, nothing outside of the target is written,
 *       and the work is bounded by their sizes
 */
import { copyWords } from '@clockwise/record/copy';
import {
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  paddedWords,
  RECENT_WORDS,
  SIBLING,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';
import {
  BODY_COLUMN,
  COLUMN,
  COLUMNS_MAX,
  FIRST_BODY_BYTES_MAX,
  HEAD_COLUMNS_MAX,
  headColumnsOf,
  KEY_COLUMNS_MAX,
  OTHER_COLUMNS,
  ROWS_FLAG,
  ROWS_HEADER_WORDS,
  SIBLING_COLUMN,
} from './block-rows-format.ts';
import { Lz4Decoder } from './lz4-decode.ts';

export class BlockRows {
  count = 0;
  tokensOfKeys = false;
  #words: Int32Array = new Int32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);
  #headColumns = 0;
  #keyColumns = 0;
  #knowsFirst = false;
  #rowBits = 0;
  /** The word where rows begin, the bytes where bodies begin and may end. */
  #rowsAt = 0;
  #bodiesAt = 0;
  #end = 0;
  /** Of a column: bits in a row, their place in it, their shift, what they are added to. */
  readonly #widths: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #places: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #shifts: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #bases: Int32Array = new Int32Array(COLUMNS_MAX);
  /** The byte where its words stand; 0: it has none. */
  readonly #listsAt: Int32Array = new Int32Array(COLUMNS_MAX);
  /** Row `#cursor` has its body at `#cursorAt`. */
  #cursor = 0;
  #cursorAt = 0;
  readonly #decoder: Lz4Decoder = new Lz4Decoder();
  /** The first body, then another. */
  #bodies: Int32Array = new Int32Array(0);
  #bodyBytes: Uint8Array = new Uint8Array(0);
  /** Words of the first body that stand there; -1: it does not. */
  #firstWords = -1;

  /** Rows in words [from, to); `bytes` is the same memory. False: they are none. [BR2] */
  open(words: Int32Array, bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < ROWS_HEADER_WORDS) return false;
    const first = words[from]!;
    const second = words[from + 1]!;
    this.#words = words;
    this.#bytes = bytes;
    this.count = first & 0xffff;
    this.#headColumns = (first >>> 16) & 0xff;
    this.#keyColumns = first >>> 24;
    this.tokensOfKeys = (second & ROWS_FLAG.tokensOfKeys) !== 0;
    this.#knowsFirst = (second & ROWS_FLAG.firstBodyKnown) !== 0;
    this.#rowsAt = from + (second >>> 8);
    this.#end = to * 4;
    this.#firstWords = -1;
    this.#cursor = 0;
    if (this.count === 0 || this.#headColumns < OTHER_COLUMNS) return false;
    if (this.#headColumns > HEAD_COLUMNS_MAX || this.#keyColumns > KEY_COLUMNS_MAX) return false;
    if (this.#rowsAt > to || !this.#readColumns((from + ROWS_HEADER_WORDS) * 4)) return false;
    this.#bodiesAt = (this.#rowsAt + Math.ceil((this.count * this.#rowBits) / 32)) * 4;
    this.#cursorAt = this.#bodiesAt;
    return this.#bodiesAt <= this.#end;
  }

  /** [BR2] Columns end where rows begin. */
  #readColumns(from: number): boolean {
    const bytes = this.#bytes;
    const end = this.#rowsAt * 4;
    const columns = this.#headColumns + this.#keyColumns;
    let at = from;
    let bits = 0;
    for (let column = 0; column < columns; column += 1) {
      if (at >= end) return false;
      const kind = bytes[at]!;
      at += 1;
      let width = 0;
      let base = 0;
      this.#listsAt[column] = 0;
      if (kind === COLUMN.byte) {
        base = bytes[at]!;
        at += 1;
      } else if (kind === COLUMN.word) {
        base = this.#wordAt(at);
        at += 4;
      } else if (kind === COLUMN.whole) {
        width = 32;
      } else if (kind === COLUMN.range || kind === COLUMN.highRange) {
        width = bytes[at]!;
        if (width < 1 || width > 31) return false;
        base = this.#wordAt(at + 1);
        at += 5;
      } else if (kind >= COLUMN.two && kind <= COLUMN.eight) {
        width = kind - COLUMN.two + 1;
        this.#listsAt[column] = at;
        at += 4 << width;
      } else if (kind !== COLUMN.zero) {
        return false;
      }
      this.#shifts[column] = kind === COLUMN.highRange ? 16 : 0;
      this.#widths[column] = width;
      this.#bases[column] = base;
      this.#places[column] = bits;
      bits += width;
    }
    this.#rowBits = bits;
    return at <= end;
  }

  #wordAt(at: number): number {
    const bytes = this.#bytes;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  /** The word of a row in a column. REQUIRES: both are there. */
  cell(row: number, column: number): number {
    const width = this.#widths[column]!;
    if (width === 0) return this.#bases[column]!;
    const bit = row * this.#rowBits + this.#places[column]!;
    const word = this.#rowsAt + (bit >>> 5);
    const shift = bit & 31;
    let field = this.#words[word]! >>> shift;
    if (shift + width > 32) field |= this.#words[word + 1]! << (32 - shift);
    if (width < 32) field &= (1 << width) - 1;
    const listAt = this.#listsAt[column]!;
    if (listAt !== 0) return this.#wordAt(listAt + (field << 2));
    return (this.#bases[column]! + (field << this.#shifts[column]!)) | 0;
  }

  /** The row of a key, or -1. Rows that have tokens must have this one. */
  find(
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): number {
    const keyWords = (keyBytes + 3) >>> 2;
    if (keyWords > this.#keyColumns) return -1;
    const lastMask = (keyBytes & 3) === 0 ? -1 : (1 << ((keyBytes & 3) << 3)) - 1;
    let column = this.#headColumns;
    let wanted = 0;
    // The column that tells keys apart best is looked at alone.
    let widest = -1;
    for (let word = 0; word < keyWords; word += 1) {
      const width = this.#widths[this.#headColumns + word]!;
      if (width <= widest) continue;
      widest = width;
      column = this.#headColumns + word;
      wanted = word === keyWords - 1 ? key[keyAt + word]! & lastMask : key[keyAt + word]!;
    }
    for (let row = 0; row < this.count; row += 1) {
      if (keyWords > 0 && this.cell(row, column) !== wanted) continue;
      if ((this.cell(row, HEADER.keyAndContext) & 0xffff) !== keyBytes) continue;
      if (this.cell(row, HEADER.bucketId) !== bucketId) continue;
      if (!this.#isKey(row, key, keyAt, keyWords, lastMask)) continue;
      if (this.tokensOfKeys) return row;
      if (this.cell(row, HEADER.tokenHigh) !== tokenHigh) continue;
      if (this.cell(row, HEADER.tokenLow) === tokenLow) return row;
    }
    return -1;
  }

  #isKey(row: number, key: Int32Array, keyAt: number, keyWords: number, lastMask: number): boolean {
    for (let word = 0; word < keyWords; word += 1) {
      const mask = word === keyWords - 1 ? lastMask : -1;
      if (this.cell(row, this.#headColumns + word) !== (key[keyAt + word]! & mask)) return false;
    }
    return true;
  }

  /**
   * Puts the record of a row to out[at, end), `outBytes` being the same memory, with tokens 0 where they
   * are those of the keys; its end, or -1: it is none. Costs least in the order of rows. [BR2]
   */
  unpack(row: number, out: Int32Array, outBytes: Uint8Array, at: number, end: number): number {
    const keyAndContext = this.cell(row, HEADER.keyAndContext);
    const siblingsAndRecents = this.cell(row, HEADER.siblingsAndRecents);
    const keyBytes = keyAndContext & 0xffff;
    const contexts = keyAndContext >>> 16;
    const siblings = siblingsAndRecents & 0xffff;
    const recents = siblingsAndRecents >>> 16;
    const keyWords = (keyBytes + 3) >>> 2;
    if (keyWords > this.#keyColumns) return -1;
    if (headColumnsOf(contexts, siblings, recents) > this.#headColumns) return -1;
    const key = at + HEADER_WORDS;
    const context = key + paddedWords(keyBytes);
    let put = context + contexts * ENTRY_WORDS;
    const recentWords = recents * RECENT_WORDS;
    if (put + siblings * SIBLING_HEADER_WORDS + recentWords > end) return -1;
    for (let word = 1; word < HEADER_WORDS; word += 1) out[at + word] = this.cell(row, word);
    for (let word = 0; word < keyWords; word += 1) {
      out[key + word] = this.cell(row, this.#headColumns + word);
    }
    if (keyWords & 1) out[key + keyWords] = 0;
    const firstValue = put + SIBLING_HEADER_WORDS;
    let column = this.#unpackCells(row, OTHER_COLUMNS, out, context, put);
    let valueBytes = 0;
    for (let sibling = 0; sibling < siblings; sibling += 1) {
      const valueAt = put + SIBLING_HEADER_WORDS;
      if (valueAt > end) return -1;
      if (sibling === 0) this.#unpackCells(row, SIBLING_COLUMN, out, put, valueAt);
      else column = this.#unpackCells(row, column, out, put, valueAt);
      valueBytes = out[put + SIBLING.valueBytes]!;
      if (valueBytes < 0 || valueBytes > (end - valueAt) * 4) return -1;
      put = valueAt + paddedWords(valueBytes);
    }
    if (put + recentWords > end) return -1;
    this.#unpackCells(row, column, out, put, put + recentWords);
    out[at] = put + recentWords - at;
    const isUnpacked =
      siblings === 1
        ? this.#unpackValue(row, out, outBytes, firstValue, valueBytes)
        : this.#unpackValues(row, out, context + contexts * ENTRY_WORDS, siblings);
    return isUnpacked ? put + recentWords : -1;
  }

  /** To out[at, end), from `column` on; the column behind the last one. */
  #unpackCells(row: number, column: number, out: Int32Array, at: number, end: number): number {
    let next = column;
    for (let put = at; put < end; put += 1) {
      out[put] = this.cell(row, next);
      next += 1;
    }
    return next;
  }

  /** The one value of a record, and what it is padded with. */
  #unpackValue(
    row: number,
    out: Int32Array,
    outBytes: Uint8Array,
    at: number,
    valueBytes: number,
  ): boolean {
    const words = paddedWords(valueBytes);
    if (words === 0) return this.#bodyAt(row) >= 0 && this.cell(row, BODY_COLUMN) === 0;
    if (this.#knowsFirst && row > 0) {
      const from = this.#unpackBody(row, valueBytes);
      if (from < 0) return false;
      copyWords(this.#bodies, from, out, at, words);
      return true;
    }
    out[at + words - 2] = 0;
    out[at + words - 1] = 0;
    return this.#decodeBody(row, outBytes, at * 4, at * 4, valueBytes);
  }

  /** The values of a record that has several, or none. */
  #unpackValues(row: number, out: Int32Array, at: number, siblings: number): boolean {
    let words = 0;
    let padding = 0;
    for (let sibling = 0, put = at; sibling < siblings; sibling += 1) {
      const valueBytes = out[put + SIBLING.valueBytes]!;
      const valueWords = paddedWords(valueBytes);
      words += valueWords;
      if (valueWords > 0) padding = valueWords * 4 - valueBytes;
      put += SIBLING_HEADER_WORDS + valueWords;
    }
    let from = this.#unpackBody(row, words * 4 - padding);
    if (from < 0) return false;
    for (let sibling = 0, put = at; sibling < siblings; sibling += 1) {
      const valueWords = paddedWords(out[put + SIBLING.valueBytes]!);
      copyWords(this.#bodies, from, out, put + SIBLING_HEADER_WORDS, valueWords);
      from += valueWords;
      put += SIBLING_HEADER_WORDS + valueWords;
    }
    return true;
  }

  /** Puts a body of so many bytes behind the first one; the word where it stands, or -1. */
  #unpackBody(row: number, byteCount: number): number {
    const words = paddedWords(byteCount);
    const knowsFirst = this.#knowsFirst && row > 0;
    if (knowsFirst && this.#firstWords < 0 && !this.#unpackFirst()) return -1;
    const at = knowsFirst ? this.#firstWords : 0;
    if (!knowsFirst) this.#firstWords = -1;
    this.#ensureBodies(at + words);
    if (words > 0) {
      this.#bodies[at + words - 2] = 0;
      this.#bodies[at + words - 1] = 0;
    }
    return this.#decodeBody(row, this.#bodyBytes, 0, at * 4, byteCount) ? at : -1;
  }

  /** The first body has to be there for one that points into it. */
  #unpackFirst(): boolean {
    const siblings = this.cell(0, HEADER.siblingsAndRecents) & 0xffff;
    const contexts = this.cell(0, HEADER.keyAndContext) >>> 16;
    if (headColumnsOf(contexts, siblings, 0) > this.#headColumns) return false;
    let column = OTHER_COLUMNS + contexts * ENTRY_WORDS;
    let words = 0;
    let padding = 0;
    for (let sibling = 0; sibling < siblings; sibling += 1) {
      const from = sibling === 0 ? SIBLING_COLUMN : column;
      const valueBytes = this.cell(0, from + SIBLING.valueBytes);
      // [BR2] What is unpacked is in no proportion to what a damaged length says.
      if (valueBytes < 0 || valueBytes > FIRST_BODY_BYTES_MAX) return false;
      const valueWords = paddedWords(valueBytes);
      words += valueWords;
      if (valueWords > 0) padding = valueWords * 4 - valueBytes;
      if (sibling > 0) column += SIBLING_HEADER_WORDS;
    }
    if (this.#unpackBody(0, words * 4 - padding) < 0) return false;
    this.#firstWords = words;
    return true;
  }

  /** Decodes a body to target[at, at + byteCount), matches being from `first` on. [BR2] */
  #decodeBody(
    row: number,
    target: Uint8Array,
    first: number,
    at: number,
    byteCount: number,
  ): boolean {
    const from = this.#bodyAt(row);
    if (from < 0) return false;
    const stored = this.cell(row, BODY_COLUMN);
    const to = from + stored;
    if (stored === byteCount) {
      const bytes = this.#bytes;
      for (let index = 0; index < byteCount; index += 1) target[at + index] = bytes[from + index]!;
      return true;
    }
    if (stored > byteCount) return false;
    const decoder = this.#decoder;
    decoder.begin(this.#bytes, from, to, target, first, at + byteCount, at);
    return decoder.run(at + byteCount) && decoder.place === to;
  }

  /** Where the body of a row begins; -1: not all of it is within the source. */
  #bodyAt(row: number): number {
    let at: number;
    if (this.#widths[BODY_COLUMN] === 0) {
      at = this.#bodiesAt + row * this.#bases[BODY_COLUMN]!;
    } else {
      if (row < this.#cursor) {
        this.#cursor = 0;
        this.#cursorAt = this.#bodiesAt;
      }
      at = this.#cursorAt;
      for (let before = this.#cursor; before < row; before += 1) {
        const stored = this.cell(before, BODY_COLUMN);
        if (stored < 0 || stored > this.#end - at) return -1;
        at += stored;
      }
      this.#cursor = row;
      this.#cursorAt = at;
    }
    const stored = this.cell(row, BODY_COLUMN);
    return stored < 0 || at < this.#bodiesAt || at + stored > this.#end ? -1 : at;
  }

  #ensureBodies(words: number): void {
    if (this.#bodies.length >= words) return;
    const grown = new Int32Array(Math.max(words, this.#bodies.length * 2, 1024));
    grown.set(this.#bodies);
    this.#bodies = grown;
    this.#bodyBytes = new Uint8Array(grown.buffer);
  }
}
