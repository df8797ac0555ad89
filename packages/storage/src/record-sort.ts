/**
 * Sorts many records by (bucket, token, key) fast. Tokens are even: one pass of counting by their upper
 * bits leaves a few records in each cell, which an insertion sort puts in order. Where they are not
 * even, a cell is sorted natively, as doubles that hold 32 bits of a token and the record's number. Keys
 * are compared only where whole tokens are equal.
 *
 * Invariants:
 *   RS1 the order is that of (bucket id, token high, token low) as unsigned numbers, then of the
 *       caller's comparison
 *   RS2 the sort is stable: records that compare equal keep the order they came in
 */
import { assert } from '@clockwise/kernel/assert';
import { SPARE_BUFFERS } from './spare-buffers.ts';

/** 32 bits of token and 21 bits of number fit a double exactly. */
export const SORTED_RECORDS_MAX: number = 1 << 21;

export interface SortInput {
  readonly count: number;
  readonly bucketIds: Int32Array;
  readonly tokenHighs: Int32Array;
  readonly tokenLows: Int32Array;
  /** Orders two records (by number) whose buckets and tokens are equal: by their keys. */
  readonly compareKeys: (left: number, right: number) => number;
}

/** Up to so many records an insertion sort is the fastest. */
const INSERTION_MAX = 32;
/** Records that a cell holds on average. */
const CELL_RECORDS_LOG2 = 2;
const CELLS_LOG2_MAX = 16;

/** The records' numbers, in order: in `order`, if it is given and has room for them. */
export function sortRecords(
  input: SortInput,
  order: Int32Array = new Int32Array(input.count),
): Int32Array {
  assert(input.count <= SORTED_RECORDS_MAX, 'the records can be numbered in 21 bits');
  for (let index = 0; index < input.count; index += 1) order[index] = index;
  sortNatively(order, 0, input.count, input.bucketIds);
  forEachRun(order, 0, input.count, input.bucketIds, (from, to) => {
    sortByToken(order, from, to, input);
    sortEqualTokens(order, from, to, input);
  });
  return order;
}

/** Sorts order[from, to), records of one bucket, by their tokens, stably. */
function sortByToken(order: Int32Array, from: number, to: number, input: SortInput): void {
  const count = to - from;
  if (count <= INSERTION_MAX) {
    sortByInsertion(order, from, to, input.tokenHighs, input.tokenLows);
    return;
  }
  const { tokenHighs } = input;
  const [lowest, span] = rangeOf(order, from, to, tokenHighs);
  const bits = Math.min(CELLS_LOG2_MAX, 32 - Math.clz32(count) - CELL_RECORDS_LOG2);
  const shift = Math.max(0, 32 - Math.clz32(span) - bits);
  const ends = cellEnds(order, from, to, tokenHighs, lowest, shift, (span >>> shift) + 1);
  const before = SPARE_BUFFERS.take(count);
  for (let index = 0; index < count; index += 1) before[index] = order[from + index]!;
  // From the last to the first, each to the end of its cell that is still free: stable.
  for (let index = count - 1; index >= 0; index -= 1) {
    const record = before[index]!;
    const cell = ((tokenHighs[record]! >>> 0) - lowest) >>> shift;
    const end = ends[cell]! - 1;
    ends[cell] = end;
    order[end] = record;
  }
  SPARE_BUFFERS.give(before);
  // The free ends have moved to where the cells begin.
  for (let cell = 0; cell < ends.length; cell += 1) {
    const begin = ends[cell]!;
    const end = cell + 1 < ends.length ? ends[cell + 1]! : to;
    if (end - begin < 2) continue;
    if (end - begin <= INSERTION_MAX) {
      sortByInsertion(order, begin, end, tokenHighs, input.tokenLows);
    } else {
      sortCell(order, begin, end, input);
    }
  }
}

/** A cell that holds many. */
function sortCell(order: Int32Array, from: number, to: number, input: SortInput): void {
  sortNatively(order, from, to, input.tokenHighs);
  forEachRun(order, from, to, input.tokenHighs, (highFrom, highTo) => {
    sortNatively(order, highFrom, highTo, input.tokenLows);
  });
}

/** The lowest value and the distance of the highest from it, unsigned. */
function rangeOf(
  order: Int32Array,
  from: number,
  to: number,
  values: Int32Array,
): readonly [lowest: number, span: number] {
  let lowest = 0xffff_ffff;
  let highest = 0;
  for (let index = from; index < to; index += 1) {
    const value = values[order[index]!]! >>> 0;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [lowest, highest - lowest];
}

/** Where in the order each cell ends. */
function cellEnds(
  order: Int32Array,
  from: number,
  to: number,
  values: Int32Array,
  lowest: number,
  shift: number,
  cellCount: number,
): Int32Array {
  const ends = new Int32Array(cellCount);
  for (let index = from; index < to; index += 1) {
    const cell = ((values[order[index]!]! >>> 0) - lowest) >>> shift;
    ends[cell] = ends[cell]! + 1;
  }
  let end = from;
  for (let cell = 0; cell < cellCount; cell += 1) {
    end += ends[cell]!;
    ends[cell] = end;
  }
  return ends;
}

function sortByInsertion(
  order: Int32Array,
  from: number,
  to: number,
  highs: Int32Array,
  lows: Int32Array,
): void {
  for (let index = from + 1; index < to; index += 1) {
    const record = order[index]!;
    const high = highs[record]! >>> 0;
    const low = lows[record]! >>> 0;
    let at = index;
    for (; at > from; at -= 1) {
      const other = order[at - 1]!;
      const otherHigh = highs[other]! >>> 0;
      if (otherHigh < high || (otherHigh === high && lows[other]! >>> 0 <= low)) break;
      order[at] = other;
    }
    order[at] = record;
  }
}

/** Sorts order[from, to) by `values`, unsigned, stably. */
function sortNatively(order: Int32Array, from: number, to: number, values: Int32Array): void {
  const count = to - from;
  let sorted = true;
  for (let index = from + 1; index < to && sorted; index += 1) {
    sorted = values[order[index - 1]!]! >>> 0 <= values[order[index]!]! >>> 0;
  }
  if (sorted) return;
  const keys = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    keys[index] = (values[order[from + index]!]! >>> 0) * SORTED_RECORDS_MAX + index;
  }
  keys.sort();
  const before = order.slice(from, to);
  for (let index = 0; index < count; index += 1) {
    order[from + index] = before[keys[index]! % SORTED_RECORDS_MAX]!;
  }
}

/** Calls `run` for each stretch of at least two records with the same value. */
function forEachRun(
  order: Int32Array,
  from: number,
  to: number,
  values: Int32Array,
  run: (from: number, to: number) => void,
): void {
  let start = from;
  for (let index = from + 1; index <= to; index += 1) {
    if (index < to && values[order[index]!] === values[order[start]!]) continue;
    if (index - start > 1) run(start, index);
    start = index;
  }
}

/** Puts records of equal tokens in the order of their keys. */
function sortEqualTokens(order: Int32Array, from: number, to: number, input: SortInput): void {
  const { tokenHighs, tokenLows, compareKeys } = input;
  let start = from;
  for (let index = from + 1; index <= to; index += 1) {
    const first = order[start]!;
    const record = index < to ? order[index]! : -1;
    if (
      record >= 0 &&
      tokenLows[record] === tokenLows[first] &&
      tokenHighs[record] === tokenHighs[first]
    ) {
      continue;
    }
    if (index - start > 1) sortByKey(order, start, index, compareKeys);
    start = index;
  }
}

function sortByKey(
  order: Int32Array,
  from: number,
  to: number,
  compare: (left: number, right: number) => number,
): void {
  let sorted = true;
  for (let index = from + 1; index < to && sorted; index += 1) {
    sorted = compare(order[index - 1]!, order[index]!) <= 0;
  }
  if (sorted) return;
  const ordered = [...order.subarray(from, to)];
  ordered.sort(compare);
  order.set(ordered, from);
}
