/**
 * O9 for records, at each append: siblings, their bytes, context entries and remembered ids.
 *
 * A client's write may not bring a record beyond its limits, but where it was beyond them before and
 * grows no further (V10). A join is never refused; it may hold what the limits let in at each of the
 * copies and at each stand-in, and no more; a copy whose disk was wiped or damaged forgot what it had let
 * in, and counts once more. What is remembered is bounded in
 * both, apart from what names the id of a living sibling.
 *
 * Invariants:
 *   O9 siblings, their bytes, context entries and recents of a record are within the limits
 */
import type { Limits } from '@clockwise/kernel/limits';
import {
  contextCount,
  RECENT,
  RECENT_WORDS,
  recentCount,
  recentsOffset,
  SIBLING,
} from '@clockwise/record/layout';
import type { Bounded } from './bounded.ts';
import { type EarlierVersion, siblingOffsets } from './causal-ledger-version.ts';

export interface BoundedAppend {
  readonly words: Int32Array;
  readonly record: number;
  /** Offsets of its siblings. */
  readonly siblings: readonly number[];
  readonly before: EarlierVersion;
  /** Whether a client's write made it, and not a join. */
  readonly isWrite: boolean;
  readonly where: () => string;
}

export class RecordBounds {
  readonly #bounded: Bounded;
  readonly #limits: Limits;
  readonly #lifeCount: () => number;

  /** `lifeCount`: copies, stand-ins, and how often one of them may have forgotten. */
  constructor(bounded: Bounded, limits: Limits, lifeCount: () => number) {
    this.#bounded = bounded;
    this.#limits = limits;
    this.#lifeCount = lifeCount;
  }

  appended(append: BoundedAppend): void {
    const { words, record, siblings, before, isWrite, where } = append;
    const { recentOperationsMax } = this.#limits;
    const bounded = this.#bounded;
    const nameless = namelessRecents(words, record, siblings);
    bounded.observe('recents of a record', nameless, recentOperationsMax, where);
    if (!isWrite) this.#joined(append);
    else if (before !== 'forgotten') this.#written(append);
  }

  #joined({ words, record, siblings, where }: BoundedAppend): void {
    const { siblingsMax, siblingBytesMax, valueBytesMax, contextEntriesMax } = this.#limits;
    const lifeCount = this.#lifeCount();
    const bounded = this.#bounded;
    bounded.observe('siblings of a join', siblings.length, siblingsMax * lifeCount, where);
    const bytesMax = Math.max(siblingBytesMax, valueBytesMax) * lifeCount;
    bounded.observe('sibling bytes of a join', valueBytes(words, siblings), bytesMax, where);
    const entries = contextCount(words, record);
    bounded.observe('context entries of a join', entries, contextEntriesMax * lifeCount, where);
  }

  /** [V10] */
  #written({ words, record, siblings, before, where }: BoundedAppend): void {
    const { siblingsMax, siblingBytesMax, contextEntriesMax } = this.#limits;
    const earlier = typeof before === 'string' ? undefined : before;
    const heldSiblings = earlier === undefined ? [] : siblingOffsets(earlier);
    const heldBytes = earlier === undefined ? 0 : valueBytes(earlier.words, heldSiblings);
    const bounded = this.#bounded;
    const count = siblings.length;
    bounded.observe(
      'siblings of a write',
      count,
      Math.max(siblingsMax, heldSiblings.length),
      where,
    );
    if (count > 1) {
      const bytes = valueBytes(words, siblings);
      bounded.observe(
        'sibling bytes of a write',
        bytes,
        Math.max(siblingBytesMax, heldBytes),
        where,
      );
    }
    const entries = contextCount(words, record);
    const entriesMax = Math.max(contextEntriesMax, earlier?.contextCount ?? 0);
    bounded.observe('context entries of a write', entries, entriesMax, where);
  }
}

function valueBytes(words: Int32Array, siblings: readonly number[]): number {
  let sum = 0;
  for (const sibling of siblings) sum += words[sibling + SIBLING.valueBytes]!;
  return sum;
}

/** Recents that are there for their own sake: no living sibling has their id. */
function namelessRecents(words: Int32Array, record: number, siblings: readonly number[]): number {
  let count = 0;
  const first = recentsOffset(words, record);
  const end = first + recentCount(words, record) * RECENT_WORDS;
  for (let recent = first; recent < end; recent += RECENT_WORDS) {
    if (!isNamed(words, recent, siblings)) count += 1;
  }
  return count;
}

function isNamed(words: Int32Array, recent: number, siblings: readonly number[]): boolean {
  for (const sibling of siblings) {
    if (
      words[sibling + SIBLING.sequence] === words[recent + RECENT.sequence] &&
      words[sibling + SIBLING.sessionLow] === words[recent + RECENT.sessionLow] &&
      words[sibling + SIBLING.sessionHigh] === words[recent + RECENT.sessionHigh]
    ) {
      return true;
    }
  }
  return false;
}
