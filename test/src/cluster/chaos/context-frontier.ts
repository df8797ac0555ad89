/**
 * The maximum of contexts, with the operation that brought each entry: what somebody must have seen.
 */
import type { Dot } from '@clockwise/record/build';

export class ContextFrontier<Source> {
  readonly #highest: Map<bigint, { readonly dot: Dot; readonly source: Source }> = new Map();

  add(context: readonly Dot[], source: Source): void {
    for (const dot of context) {
      const known = this.#highest.get(dot.incarnation);
      if (known !== undefined && known.dot.counter >= dot.counter) continue;
      this.#highest.set(dot.incarnation, { dot, source });
    }
  }

  /** Who brought an entry that covers the dot; undefined: nobody. */
  coveredBy(dot: Dot): Source | undefined {
    const known = this.#highest.get(dot.incarnation);
    return known !== undefined && known.dot.counter >= dot.counter ? known.source : undefined;
  }
}
