/**
 * Which tables were written by a merge lately, and under which horizon: they would lose nothing by
 * being written again, but for what the horizon has passed since. Kept in memory only: after a restart
 * a table may be rewritten once for nothing.
 *
 * Invariants:
 *   RW1 a table is not named for a horizon that is far behind the one given: it is looked at again
 */
import type { TableMetadata } from '../manifest.ts';

interface Rewriting {
  readonly seconds: number;
  readonly isBottom: boolean;
}

/** A horizon that rises steadily is worth another look at the same table so often. */
const LOOK_AGAIN_SECONDS = 3600;
/** Beyond so many tables, those that are gone are forgotten. */
const TABLES_MAX = 4096;

export class RewrittenTables {
  readonly #tables: Map<number, Rewriting> = new Map();

  add(fileNumber: number, rewriting: Rewriting): void {
    this.#tables.set(fileNumber, rewriting);
  }

  /** What the picker asks for, the horizon being at `seconds`. [RW1] */
  under(seconds: number): {
    readonly rewrittenForExpiry: ReadonlySet<number>;
    readonly rewrittenForTombstones: ReadonlySet<number>;
  } {
    const current = [...this.#tables].filter(
      ([, rewriting]) => seconds - rewriting.seconds < LOOK_AGAIN_SECONDS,
    );
    const atBottom = current.filter(([, rewriting]) => rewriting.isBottom);
    return {
      rewrittenForExpiry: new Set(current.map(([fileNumber]) => fileNumber)),
      rewrittenForTombstones: new Set(atBottom.map(([fileNumber]) => fileNumber)),
    };
  }

  forgetGone(tables: readonly TableMetadata[]): void {
    if (this.#tables.size <= Math.max(TABLES_MAX, tables.length * 2)) return;
    const alive = new Set(tables.map(({ fileNumber }) => fileNumber));
    for (const fileNumber of this.#tables.keys()) {
      if (!alive.has(fileNumber)) this.#tables.delete(fileNumber);
    }
  }
}
