/**
 * A version of a key as words, and the step from one version to the next: what its context gained and
 * lost, which siblings came, went and stayed. Written without the product's own comparisons: they are
 * what is judged.
 *
 * Boundary: contexts and siblings are in canonical order (by incarnation, then counter, unsigned), as
 * validateRecord demands.
 */
import {
  contextCount,
  contextOffset,
  ENTRY,
  ENTRY_WORDS,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';

/** Context entries and siblings somewhere in words. */
export interface VersionView {
  readonly words: Int32Array;
  readonly context: number;
  readonly contextCount: number;
  readonly siblings: number;
  readonly siblingCount: number;
}

/** `forgotten`: there was one, and nobody knows any more what it held. */
export type EarlierVersion = VersionView | 'none' | 'forgotten';

export function viewOfRecord(words: Int32Array, record: number): VersionView {
  return {
    words,
    context: contextOffset(words, record),
    contextCount: contextCount(words, record),
    siblings: siblingsOffset(words, record),
    siblingCount: siblingCount(words, record),
  };
}

/**
 * A counter as a number: the high half, in which an incarnation's opening second stands, by its lower 20
 * bits, so that it is exact. Counters of one incarnation stand in their order by that.
 */
export function counterAt(words: Int32Array, entry: number): number {
  const high = words[entry + ENTRY.counterHigh]! & 0xf_ffff;
  return (words[entry + ENTRY.counterLow]! >>> 0) + high * 2 ** 32;
}

/** The counter up to which `context` covers an incarnation; 0: it does not name it. */
export function coveredCounter(
  words: Int32Array,
  context: number,
  count: number,
  low: number,
  high: number,
): number {
  const end = context + count * ENTRY_WORDS;
  for (let entry = context; entry < end; entry += ENTRY_WORDS) {
    if (words[entry] === low && words[entry + 1] === high) return counterAt(words, entry);
  }
  return 0;
}

/** Whether the dot in four words at `dot` is covered. */
export function coversDotAt(
  words: Int32Array,
  context: number,
  count: number,
  dotWords: Int32Array,
  dot: number,
): boolean {
  const low = dotWords[dot + ENTRY.incarnationLow]!;
  const high = dotWords[dot + ENTRY.incarnationHigh]!;
  return coveredCounter(words, context, count, low, high) >= counterAt(dotWords, dot);
}

export function nameOfEntry(words: Int32Array, entry: number): string {
  const low = words[entry + ENTRY.incarnationLow]!;
  const high = words[entry + ENTRY.incarnationHigh]!;
  return nameOfDotAs(low, high, counterAt(words, entry));
}

/** By the low half of the counter: the high half is the same for all of an incarnation. */
export function nameOfDotAs(low: number, high: number, counter: number): string {
  const incarnation = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return `${incarnation.toString(16)}:${counter >>> 0}`;
}

/** Offsets of the siblings of a view, in their order. */
export function siblingOffsets(view: VersionView): number[] {
  const offsets: number[] = [];
  let sibling = view.siblings;
  for (let left = view.siblingCount; left > 0; left -= 1) {
    offsets.push(sibling);
    sibling += siblingWordCount(view.words, sibling);
  }
  return offsets;
}

/** Takes the sibling's dot, and all later ones of its incarnation, out of what entries cover. */
export function cutBelow(entries: Int32Array, words: Int32Array, sibling: number): void {
  const dot = sibling + SIBLING.incarnationLow;
  const counter = counterAt(words, dot) - 1;
  for (let entry = 0; entry < entries.length; entry += ENTRY_WORDS) {
    if (entries[entry] !== words[dot] || entries[entry + 1] !== words[dot + 1]) continue;
    if (counterAt(entries, entry) <= counter) continue;
    // Counters count from 1 above their high half.
    entries[entry + ENTRY.counterLow] = words[dot + ENTRY.counterLow]! - 1;
  }
}

/** One entry that a context gained: its offset in the later words, and what was covered before. */
export interface GainedEntry {
  readonly entry: number;
  readonly from: number;
}

/** The step between two versions of one key. Made once, filled for each step. */
export class VersionStep {
  readonly gained: GainedEntry[] = [];
  /** Entries (offsets in the earlier words) of which the later context covers less. */
  readonly lost: number[] = [];
  /** Siblings: offsets in the later words, the earlier, the later. */
  readonly appeared: number[] = [];
  readonly vanished: number[] = [];
  readonly stayed: number[] = [];

  compare(before: VersionView | undefined, after: VersionView): void {
    this.compareContexts(before ?? NOTHING, after);
    this.#compareSiblings(before ?? NOTHING, after);
  }

  /** What is gained and lost; no siblings. */
  compareContexts(before: VersionView, after: VersionView): void {
    this.gained.length = 0;
    this.lost.length = 0;
    this.appeared.length = 0;
    this.vanished.length = 0;
    this.stayed.length = 0;
    let left = before.context;
    let right = after.context;
    const endLeft = left + before.contextCount * ENTRY_WORDS;
    const endRight = right + after.contextCount * ENTRY_WORDS;
    while (left < endLeft || right < endRight) {
      let order = left === endLeft ? 1 : -1;
      if (left < endLeft && right < endRight) {
        order = compareIncarnations(before.words, left, after.words, right);
      }
      if (order < 0) {
        this.lost.push(left);
        left += ENTRY_WORDS;
      } else if (order > 0) {
        this.gained.push({ entry: right, from: 0 });
        right += ENTRY_WORDS;
      } else {
        const from = counterAt(before.words, left);
        const to = counterAt(after.words, right);
        if (to > from) this.gained.push({ entry: right, from });
        else if (to < from) this.lost.push(left);
        left += ENTRY_WORDS;
        right += ENTRY_WORDS;
      }
    }
  }

  #compareSiblings(before: VersionView, after: VersionView): void {
    let left = before.siblings;
    let right = after.siblings;
    let leftLeft = before.siblingCount;
    let leftRight = after.siblingCount;
    while (leftLeft > 0 || leftRight > 0) {
      let order = leftLeft === 0 ? 1 : -1;
      if (leftLeft > 0 && leftRight > 0)
        order = compareDotsAt(before.words, left, after.words, right);
      if (order < 0) this.vanished.push(left);
      else if (order > 0) this.appeared.push(right);
      else this.stayed.push(right);
      if (order <= 0) {
        left += siblingWordCount(before.words, left);
        leftLeft -= 1;
      }
      if (order >= 0) {
        right += siblingWordCount(after.words, right);
        leftRight -= 1;
      }
    }
  }
}

const NOTHING: VersionView = {
  words: new Int32Array(0),
  context: 0,
  contextCount: 0,
  siblings: 0,
  siblingCount: 0,
};

function compareIncarnations(
  left: Int32Array,
  leftAt: number,
  right: Int32Array,
  rightAt: number,
): number {
  const high =
    (left[leftAt + ENTRY.incarnationHigh]! >>> 0) - (right[rightAt + ENTRY.incarnationHigh]! >>> 0);
  if (high !== 0) return high;
  return (
    (left[leftAt + ENTRY.incarnationLow]! >>> 0) - (right[rightAt + ENTRY.incarnationLow]! >>> 0)
  );
}

/** Of two siblings. */
function compareDotsAt(
  left: Int32Array,
  leftAt: number,
  right: Int32Array,
  rightAt: number,
): number {
  const leftDot = leftAt + SIBLING.incarnationLow;
  const rightDot = rightAt + SIBLING.incarnationLow;
  const order = compareIncarnations(left, leftDot, right, rightDot);
  return order !== 0 ? order : counterAt(left, leftDot) - counterAt(right, rightDot);
}
