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

  /** Who brought an entry that the context does not cover; undefined: it covers all. */
  missedBy(context: readonly Dot[]): Source | undefined {
    const counters = new Map(context.map(({ incarnation, counter }) => [incarnation, counter]));
    for (const { dot, source } of this.#highest.values()) {
      if ((counters.get(dot.incarnation) ?? 0n) < dot.counter) return source;
    }
    return undefined;
  }
}
