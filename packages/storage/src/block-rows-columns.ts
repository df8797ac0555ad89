/**
 * The forms of the columns of a block's rows (block-rows-format.ts): for each column the one that takes the
 * fewest bits, and a cell's field in it.
 *
 * data plane
 */
import { COLUMN, COLUMNS_MAX } from './block-rows-format.ts';

/** Words of a column's list at the most. */
const LIST_WORDS = 8;
/** What a column, of eight words, takes at the most. */
export const COLUMN_BYTES_MAX: number = 1 + LIST_WORDS * 4;
/** A list is looked for only where a row would have more bits than that. */
const LIST_BITS_MIN = 6;
const LIST_ROWS_MIN = 4;

export class RowColumns {
  readonly widths: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #kinds: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #bases: Int32Array = new Int32Array(COLUMNS_MAX);
  readonly #lists: Int32Array = new Int32Array(COLUMNS_MAX * LIST_WORDS);

  /**
   * Chooses the form of a column of `cells`, which have `stride` columns a row: its bits in a row. A row
   * has a cell there if it has `place` cells or more, by `counts`.
   */
  choose(
    column: number,
    cells: Int32Array,
    rows: number,
    stride: number,
    counts: Int32Array,
    place: number,
  ): number {
    let first = 0;
    let isPresent = false;
    let least = 0;
    let most = 0;
    let highOnly = 0;
    for (let row = 0, at = column; row < rows; row += 1, at += stride) {
      if (counts[row]! < place) continue;
      const cell = cells[at]!;
      if (!isPresent) {
        isPresent = true;
        first = cell;
        continue;
      }
      const difference = (cell - first) | 0;
      if (difference < least) least = difference;
      if (difference > most) most = difference;
      highOnly |= difference;
    }
    if (highOnly === 0) {
      if (first === 0) return this.#set(column, COLUMN.zero, 0, 0);
      return this.#set(column, first > 0 && first < 256 ? COLUMN.byte : COLUMN.word, 0, first);
    }
    const isHigh = (highOnly & 0xffff) === 0;
    const range = most - least;
    const base = (first + least) | 0;
    const width = 32 - Math.clz32(isHigh ? Math.floor(range / 0x1_0000) : range);
    if (width > LIST_BITS_MIN && rows > LIST_ROWS_MIN) {
      const listed = this.#list(column, cells, rows, stride, counts, place);
      const bits = listed <= 2 ? 1 : listed <= 4 ? 2 : 3;
      if (listed > 0 && (32 << bits) + bits * rows < 40 + width * rows) {
        return this.#set(column, COLUMN.two + bits - 1, bits, 0);
      }
    }
    if (isHigh) return this.#set(column, COLUMN.highRange, width, base);
    if (width === 32) return this.#set(column, COLUMN.whole, width, 0);
    return this.#set(column, COLUMN.range, width, base);
  }

  #set(column: number, kind: number, width: number, base: number): number {
    this.#kinds[column] = kind;
    this.#bases[column] = base;
    this.widths[column] = width;
    return width;
  }

  /** Lists the words of a column, the first again where there are fewer; how many, or 0: too many. */
  #list(
    column: number,
    cells: Int32Array,
    rows: number,
    stride: number,
    counts: Int32Array,
    place: number,
  ): number {
    const lists = this.#lists;
    const from = column * LIST_WORDS;
    let listed = 0;
    for (let row = 0, at = column; row < rows; row += 1, at += stride) {
      if (counts[row]! < place) continue;
      const cell = cells[at]!;
      let index = 0;
      while (index < listed && lists[from + index] !== cell) index += 1;
      if (index < listed) continue;
      if (listed === LIST_WORDS) return 0;
      lists[from + listed] = cell;
      listed += 1;
    }
    for (let index = listed; index < LIST_WORDS; index += 1) lists[from + index] = lists[from]!;
    return listed;
  }

  /** How the column stands among the columns, to byte `from`: the place behind it. */
  write(column: number, bytes: DataView, from: number): number {
    const kind = this.#kinds[column]!;
    let at = from + 1;
    bytes.setUint8(from, kind);
    if (kind === COLUMN.byte) {
      bytes.setUint8(at, this.#bases[column]!);
      at += 1;
    } else if (kind === COLUMN.word) {
      bytes.setInt32(at, this.#bases[column]!, true);
      at += 4;
    } else if (kind === COLUMN.range || kind === COLUMN.highRange) {
      bytes.setUint8(at, this.widths[column]!);
      bytes.setInt32(at + 1, this.#bases[column]!, true);
      at += 5;
    } else if (kind >= COLUMN.two) {
      for (let index = 0; index < 1 << this.widths[column]!; index += 1) {
        bytes.setInt32(at, this.#lists[column * LIST_WORDS + index]!, true);
        at += 4;
      }
    }
    return at;
  }

  /** What a row has for a cell. */
  fieldOf(column: number, cell: number): number {
    const kind = this.#kinds[column]!;
    if (kind < COLUMN.two) {
      return (cell - this.#bases[column]!) >>> (kind === COLUMN.highRange ? 16 : 0);
    }
    let index = column * LIST_WORDS;
    while (this.#lists[index] !== cell) index += 1;
    return index - column * LIST_WORDS;
  }
}
