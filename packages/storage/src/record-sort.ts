/**
 * Sorts many records by (bucket, token, key) fast: native sorts of doubles that hold 32 bits of a
 * token and the record's number, and comparisons only where whole tokens are equal.
 *
 * Invariants:
 *   RS1 the order is that of (bucket id, token high, token low) as unsigned numbers, then of the
 *       caller's comparison
 *   RS2 the sort is stable: records that compare equal keep the order they came in
 */
import { assert } from '@clockwise/kernel/assert';

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

/** The records' numbers, in order. */
export function sortRecords(input: SortInput): Int32Array {
  assert(input.count <= SORTED_RECORDS_MAX, 'the records can be numbered in 21 bits');
  const order = new Int32Array(input.count);
  for (let index = 0; index < input.count; index += 1) order[index] = index;
  const scratch = new Float64Array(input.count);
  sortRun(order, 0, input.count, input.bucketIds, scratch);
  forEachRun(order, 0, input.count, input.bucketIds, (from, to) => {
    sortRun(order, from, to, input.tokenHighs, scratch);
    forEachRun(order, from, to, input.tokenHighs, (highFrom, highTo) => {
      sortRun(order, highFrom, highTo, input.tokenLows, scratch);
      forEachRun(order, highFrom, highTo, input.tokenLows, (lowFrom, lowTo) => {
        sortEqualTokens(order, lowFrom, lowTo, input.compareKeys);
      });
    });
  });
  return order;
}

/** Sorts order[from, to) by `values`, unsigned, stably. */
function sortRun(
  order: Int32Array,
  from: number,
  to: number,
  values: Int32Array,
  scratch: Float64Array,
): void {
  const count = to - from;
  let sorted = true;
  for (let index = 0; index < count; index += 1) {
    const packed = (values[order[from + index]!]! >>> 0) * SORTED_RECORDS_MAX + index;
    scratch[index] = packed;
    if (index > 0 && packed < scratch[index - 1]!) sorted = false;
  }
  if (sorted) return;
  const keys = scratch.subarray(0, count);
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

function sortEqualTokens(
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
