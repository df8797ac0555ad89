/**
 * Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002):
 * the smallest part of a list with which something still fails, as far as taking away ever smaller
 * pieces finds it.
 *
 * Invariants:
 *   DD1 what is returned fails, and is in the order of what was given
 *   DD2 unless the trials ran out, taking any one item away makes it pass
 */

export interface Trials {
  /** Counts down; at 0 nothing more is tried. */
  left: number;
}

/** REQUIRES: `fails(items)`. */
export function minimize<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => boolean,
  trials: Trials,
): readonly Item[] {
  const stillFails = (candidate: readonly Item[]): boolean => {
    if (trials.left <= 0) return false;
    trials.left -= 1;
    return fails(candidate);
  };
  if (items.length > 0 && stillFails([])) return [];
  let kept = items;
  let pieceSize = Math.ceil(kept.length / 2);
  while (kept.length > 1 && trials.left > 0) {
    const smaller = withoutOnePiece(kept, pieceSize, stillFails);
    if (smaller !== undefined) {
      kept = smaller;
      pieceSize = Math.min(pieceSize, Math.ceil(kept.length / 2));
    } else if (pieceSize === 1) break;
    else pieceSize = Math.ceil(pieceSize / 2);
  }
  return kept;
}

/** Takes away as many pieces as it can in one pass. Undefined: none. */
function withoutOnePiece<Item>(
  items: readonly Item[],
  pieceSize: number,
  stillFails: (items: readonly Item[]) => boolean,
): readonly Item[] | undefined {
  let kept = items;
  // From the end, so that what is left of the list keeps its places.
  for (let end = items.length; end > 0; end -= pieceSize) {
    const candidate = [...kept.slice(0, Math.max(0, end - pieceSize)), ...kept.slice(end)];
    if (candidate.length < kept.length && candidate.length > 0 && stillFails(candidate)) {
      kept = candidate;
    }
  }
  return kept.length < items.length ? kept : undefined;
}
