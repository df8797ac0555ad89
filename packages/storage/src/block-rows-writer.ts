/**
 * Records of a block to rows (block-rows-format.ts): a table of what each has in each column, the bodies one by
 * one, then for each column the form that takes the fewest bits.
 *
 * data plane: whoever reads them (block-rows.ts) gives back the records, BR1
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
import { COLUMN_BYTES_MAX, RowColumns } from './block-rows-columns.ts';
import {
  BODY_COLUMN,
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
import { BodyPacker } from './lz4-bodies.ts';
import { copyBytes } from './lz4.ts';
import { isPlain } from './plain-record.ts';

/** The token of a key, as placement computes it. */
export type TokenOf = (
  token: { high: number; low: number },
  bucketId: number,
  words: Int32Array,
  at: number,
  byteCount: number,
) => void;

const ROWS_MAX = 0xffff;
/** Larger blocks are of one large record, or a few: their heads are nothing. */
const RAW_WORDS_MAX = 16 * 1024;
/** From here on the engine's own copy of bytes is worth the view that it needs. */
const VIEW_BYTES_MIN = 256;

export class RowsPacker {
  /** Words [0, what `pack` says). */
  out: Int32Array = new Int32Array(0);
  #outBytes: DataView = new DataView(this.out.buffer);
  /** By row, then by column; and how many columns of heads and keys a row has. */
  #cells: Int32Array = new Int32Array(0);
  #headCounts: Int32Array = new Int32Array(0);
  #keyCounts: Int32Array = new Int32Array(0);
  #rows = 0;
  #headColumns = 0;
  #keyColumns = 0;
  /** The first body, then another; as words and as bytes. */
  #body: Int32Array = new Int32Array(0);
  #bodyView: DataView = new DataView(this.#body.buffer);
  #bodyBytes: Uint8Array = new Uint8Array(0);
  /** Bodies as they will stand, in three views. */
  #stored: DataView = new DataView(new ArrayBuffer(0));
  #storedWords: Int32Array = new Int32Array(this.#stored.buffer);
  #storedRaw: Uint8Array = new Uint8Array(this.#stored.buffer);
  #storedBytes = 0;
  readonly #packer: BodyPacker = new BodyPacker();
  readonly #token: { high: number; low: number } = { high: 0, low: 0 };
  readonly #columns: RowColumns = new RowColumns();

  /** Whole records at words [from, to): the words of `out` that they take, or -1: they make no rows. */
  pack(words: Int32Array, from: number, to: number, tokenOf: TokenOf | undefined): number {
    if (!this.#measure(words, from, to)) return -1;
    const hasTokens = tokenOf === undefined || !this.#areOfKeys(words, from, to, tokenOf);
    this.#fill(words, from, to, hasTokens);
    this.#packBodies(words, from, to);
    const heads = this.#headColumns;
    const stride = heads + this.#keyColumns;
    const cells = this.#cells;
    const rows = this.#rows;
    let bits = 0;
    for (let column = 0; column < stride; column += 1) {
      bits +=
        column < heads
          ? this.#columns.choose(column, cells, rows, stride, this.#headCounts, column + 1)
          : this.#columns.choose(column, cells, rows, stride, this.#keyCounts, column - heads + 1);
    }
    return this.#write(bits, hasTokens);
  }

  /** How many rows and columns there are; false: too many, or what is no plain record. */
  #measure(words: Int32Array, from: number, to: number): boolean {
    if (to - from > RAW_WORDS_MAX) return false;
    let rows = 0;
    let heads = OTHER_COLUMNS;
    let keys = 0;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      if (rows === ROWS_MAX) return false;
      const keyAndContext = words[record + HEADER.keyAndContext]!;
      const counts = words[record + HEADER.siblingsAndRecents]!;
      const head = headColumnsOf(keyAndContext >>> 16, counts & 0xffff, counts >>> 16);
      const key = ((keyAndContext & 0xffff) + 3) >>> 2;
      if (head > HEAD_COLUMNS_MAX || key > KEY_COLUMNS_MAX) return false;
      if (!isPlain(words, record)) return false;
      if (head > heads) heads = head;
      if (key > keys) keys = key;
      rows += 1;
    }
    this.#rows = rows;
    this.#headColumns = heads;
    this.#keyColumns = keys;
    this.#ensure(rows, rows * (heads + keys), to - from);
    return rows > 0;
  }

  #ensure(rows: number, cells: number, rawWords: number): void {
    if (this.#headCounts.length < rows) {
      this.#headCounts = new Int32Array(rows * 2);
      this.#keyCounts = new Int32Array(rows * 2);
    }
    if (this.#cells.length < cells) this.#cells = new Int32Array(cells * 2);
    if (this.#body.length < rawWords * 2) {
      this.#body = new Int32Array(rawWords * 2);
      this.#bodyView = new DataView(this.#body.buffer);
      this.#bodyBytes = new Uint8Array(this.#body.buffer);
      this.#storedWords = new Int32Array(rawWords * 2);
      this.#stored = new DataView(this.#storedWords.buffer);
      this.#storedRaw = new Uint8Array(this.#storedWords.buffer);
    }
    const outWords = ROWS_HEADER_WORDS + (COLUMN_BYTES_MAX / 4 + 1) * COLUMNS_MAX;
    const wanted = Math.ceil(outWords) + cells + rawWords + 2;
    if (this.out.length < wanted) {
      this.out = new Int32Array(wanted * 2);
      this.#outBytes = new DataView(this.out.buffer);
    }
  }

  #areOfKeys(words: Int32Array, from: number, to: number, tokenOf: TokenOf): boolean {
    const token = this.#token;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      const keyBytes = words[record + HEADER.keyAndContext]! & 0xffff;
      tokenOf(token, words[record + HEADER.bucketId]!, words, record + HEADER_WORDS, keyBytes);
      if (token.high !== words[record + HEADER.tokenHigh]) return false;
      if (token.low !== words[record + HEADER.tokenLow]) return false;
    }
    return true;
  }

  /** Cells of all records, but for their bodies. */
  #fill(words: Int32Array, from: number, to: number, hasTokens: boolean): void {
    const cells = this.#cells;
    const stride = this.#headColumns + this.#keyColumns;
    let row = 0;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      const at = row * stride;
      const keyAndContext = words[record + HEADER.keyAndContext]!;
      const counts = words[record + HEADER.siblingsAndRecents]!;
      const siblings = counts & 0xffff;
      const contextWords = (keyAndContext >>> 16) * ENTRY_WORDS;
      const keyBytes = keyAndContext & 0xffff;
      for (let word = 1; word < HEADER_WORDS; word += 1) cells[at + word] = words[record + word]!;
      if (!hasTokens) {
        cells[at + HEADER.tokenHigh] = 0;
        cells[at + HEADER.tokenLow] = 0;
      }
      const keyWords = (keyBytes + 3) >>> 2;
      const key = record + HEADER_WORDS;
      for (let word = 0; word < keyWords; word += 1) {
        cells[at + this.#headColumns + word] = words[key + word]!;
      }
      let source = key + paddedWords(keyBytes);
      let put = at + OTHER_COLUMNS;
      put = copyCells(words, source, cells, put, contextWords);
      source += contextWords;
      if (siblings === 0) cells.fill(0, at + SIBLING_COLUMN, at + OTHER_COLUMNS);
      for (let sibling = 0; sibling < siblings; sibling += 1) {
        if (sibling === 0) {
          copyCells(words, source, cells, at + SIBLING_COLUMN, SIBLING_HEADER_WORDS);
        } else {
          put = copyCells(words, source, cells, put, SIBLING_HEADER_WORDS);
        }
        source += SIBLING_HEADER_WORDS + paddedWords(words[source + SIBLING.valueBytes]!);
      }
      put = copyCells(words, source, cells, put, (counts >>> 16) * RECENT_WORDS);
      this.#headCounts[row] = put - at;
      this.#keyCounts[row] = keyWords;
      row += 1;
    }
  }

  /** Each body to `#stored`, and how many bytes it takes to its cell. */
  #packBodies(words: Int32Array, from: number, to: number): void {
    const packer = this.#packer;
    const stride = this.#headColumns + this.#keyColumns;
    packer.begin();
    let firstWords = 0;
    let put = 0;
    let row = 0;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      const byteCount = this.#copyBody(words, record, firstWords);
      const at = firstWords * 4;
      let end = packer.pack(
        this.#bodyView,
        at,
        at + byteCount,
        this.#stored,
        put,
        put + byteCount - 1,
      );
      if (end < 0 || byteCount === 0) {
        this.#copyAsItIs(at, put, byteCount);
        end = put + byteCount;
      }
      this.#cells[row * stride + BODY_COLUMN] = end - put;
      put = end;
      if (row === 0 && this.#rows > 1 && byteCount > 0 && byteCount <= FIRST_BODY_BYTES_MAX) {
        firstWords = paddedWords(byteCount);
        packer.know(this.#bodyView, 0, firstWords * 4);
      }
      row += 1;
    }
    this.#storedBytes = put;
  }

  /** Bytes of the body from `at` on to `#stored`. */
  #copyAsItIs(at: number, put: number, byteCount: number): void {
    if (byteCount < VIEW_BYTES_MIN) copyBytes(this.#bodyView, at, this.#stored, put, byteCount);
    else this.#storedRaw.set(this.#bodyBytes.subarray(at, at + byteCount), put);
  }

  /** The values of a record to word `at` of `#body`, one behind the other: their bytes. */
  #copyBody(words: Int32Array, record: number, at: number): number {
    const keyAndContext = words[record + HEADER.keyAndContext]!;
    const siblings = words[record + HEADER.siblingsAndRecents]! & 0xffff;
    const contextWords = (keyAndContext >>> 16) * ENTRY_WORDS;
    let source = record + HEADER_WORDS + paddedWords(keyAndContext & 0xffff) + contextWords;
    let put = at;
    let padding = 0;
    for (let sibling = 0; sibling < siblings; sibling += 1) {
      const valueBytes = words[source + SIBLING.valueBytes]!;
      const valueWords = paddedWords(valueBytes);
      copyWords(words, source + SIBLING_HEADER_WORDS, this.#body, put, valueWords);
      if (valueWords > 0) padding = valueWords * 4 - valueBytes;
      put += valueWords;
      source += SIBLING_HEADER_WORDS + valueWords;
    }
    return (put - at) * 4 - padding;
  }

  #write(rowBits: number, hasTokens: boolean): number {
    const { out } = this;
    const columns = this.#headColumns + this.#keyColumns;
    let at = ROWS_HEADER_WORDS * 4;
    for (let column = 0; column < columns; column += 1) {
      at = this.#columns.write(column, this.#outBytes, at);
    }
    while ((at & 3) !== 0) {
      this.#outBytes.setUint8(at, 0);
      at += 1;
    }
    const rowsAt = at >>> 2;
    out[0] = this.#rows | (this.#headColumns << 16) | (this.#keyColumns << 24);
    const tokens = hasTokens ? 0 : ROWS_FLAG.tokensOfKeys;
    const bodies = this.#packer.usesFirst ? ROWS_FLAG.firstBodyKnown : 0;
    out[1] = tokens | bodies | (rowsAt << 8);
    const rowWords = Math.ceil((this.#rows * rowBits) / 32);
    out.fill(0, rowsAt, rowsAt + rowWords);
    this.#writeRows(rowsAt, columns);
    const bodiesAt = rowsAt + rowWords;
    copyWords(this.#storedWords, 0, out, bodiesAt, (this.#storedBytes + 3) >>> 2);
    const end = bodiesAt * 4 + this.#storedBytes;
    for (let pad = end; (pad & 7) !== 0; pad += 1) this.#outBytes.setUint8(pad, 0);
    return ((end + 7) >>> 3) << 1;
  }

  #writeRows(rowsAt: number, columns: number): void {
    const { out } = this;
    const cells = this.#cells;
    const { widths } = this.#columns;
    let bit = rowsAt * 32;
    for (let row = 0; row < this.#rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const width = widths[column]!;
        if (width === 0) continue;
        const isThere =
          column < this.#headColumns
            ? column < this.#headCounts[row]!
            : column - this.#headColumns < this.#keyCounts[row]!;
        const field = isThere ? this.#columns.fieldOf(column, cells[row * columns + column]!) : 0;
        const shift = bit & 31;
        out[bit >>> 5]! |= field << shift;
        if (shift + width > 32) out[(bit >>> 5) + 1]! |= field >>> (32 - shift);
        bit += width;
      }
    }
  }
}

function copyCells(
  words: Int32Array,
  from: number,
  cells: Int32Array,
  at: number,
  count: number,
): number {
  for (let index = 0; index < count; index += 1) cells[at + index] = words[from + index]!;
  return at + count;
}
