/**
 * Many operations at once, each with a result of its own: one that fails takes no other along.
 *
 * Invariants:
 *   MN1 results are in the order of the items, one for each
 *   MN2 at most `atOnceMax` items are under way
 */
import { ClockwiseError } from './errors.ts';

export type ItemResult<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: ClockwiseError };

/** Begins items in order; `start` may throw, which fails its item only. */
export function settleMany<Item, Result>(
  items: readonly Item[],
  atOnceMax: number,
  start: (item: Item) => Promise<Result>,
): Promise<ItemResult<Result>[]> {
  return new Promise((resolve) => {
    const results = new Array<ItemResult<Result>>(items.length);
    let begun = 0;
    let settled = 0;
    const settle = (index: number, result: ItemResult<Result>): void => {
      results[index] = result;
      settled += 1;
      if (settled === items.length) resolve(results);
      else beginMore();
    };
    const begin = (index: number): void => {
      started(start, items[index] as Item).then(
        (result) => settle(index, { ok: true, result }),
        (error: unknown) => settle(index, { ok: false, error: asClockwiseError(error) }),
      );
    };
    const beginMore = (): void => {
      while (begun < items.length && begun - settled < atOnceMax) {
        begun += 1;
        begin(begun - 1);
      }
    };
    if (items.length === 0) resolve(results);
    beginMore();
  });
}

function started<Item, Result>(
  start: (item: Item) => Promise<Result>,
  item: Item,
): Promise<Result> {
  try {
    return start(item);
  } catch (error) {
    return Promise.reject(error);
  }
}

function asClockwiseError(error: unknown): ClockwiseError {
  if (error instanceof ClockwiseError) return error;
  return new ClockwiseError('BAD_REQUEST', { message: String(error), cause: error });
}
