/**
 * What the causal ledger remembers: for each key every dot that was made, and what its write truly
 * superseded.
 *
 * Invariants:
 *   CL1 an event supersedes only dots made before it, so whoever looks for what superseded a dot looks
 *       at later events only, and at each of them once
 */
import { ENTRY, ENTRY_WORDS, SIBLING, SIBLING_FLAG } from '@clockwise/record/layout';
import {
  counterAt,
  coveredCounter,
  nameOfDotAs,
  type VersionStep,
  type VersionView,
} from './causal-ledger-version.ts';

/** Both halves as they stand in words; they count unsigned. */
export interface HybridTime {
  readonly low: number;
  readonly high: number;
}

/** One write. */
export interface DotRecord {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly counter: number;
  /** Its place among the events of its key. */
  readonly order: number;
  readonly operation: string;
  readonly isTombstone: boolean;
  readonly expires: boolean;
  readonly hybridHigh: number;
  readonly hybridLow: number;
  /** Entries of the context that says what the write superseded. */
  readonly superseded: Int32Array;
  /** Events of its key that superseded it, as far as anybody looked. */
  readonly supersededBy: DotRecord[];
  /** Events up to this place have been looked at. */
  lookedAt: number;
  /** Shards that ever appended a version which covers it. */
  readonly holders: string[];
}

interface IncarnationDots {
  readonly low: number;
  readonly high: number;
  readonly dots: DotRecord[];
}

export class KeyDots {
  readonly keyName: string;
  readonly events: DotRecord[] = [];
  readonly #byLow: Map<number, IncarnationDots[]> = new Map();
  readonly #byOperation: Map<string, DotRecord[]> = new Map();

  constructor(keyName: string) {
    this.keyName = keyName;
  }

  /** The write whose sibling stands at `sibling`. */
  add(words: Int32Array, sibling: number, superseded: Int32Array): DotRecord {
    const dot = sibling + SIBLING.incarnationLow;
    const flags = words[sibling + SIBLING.flagsAndCodec]!;
    const order = this.events.length;
    const made: DotRecord = new NamedLater({
      low: words[dot + ENTRY.incarnationLow]!,
      high: words[dot + ENTRY.incarnationHigh]!,
      counter: counterAt(words, dot),
      order,
      operation: operationAt(words, sibling),
      isTombstone: (flags & SIBLING_FLAG.tombstone) !== 0,
      expires: words[sibling + SIBLING.expirySeconds] !== 0,
      hybridHigh: words[sibling + SIBLING.hybridHigh]! >>> 0,
      hybridLow: words[sibling + SIBLING.hybridLow]! >>> 0,
      superseded,
      supersededBy: [],
      lookedAt: order,
      holders: [],
    });
    this.events.push(made);
    this.#incarnation(made.low, made.high).dots.push(made);
    const others = this.#byOperation.get(made.operation);
    if (others === undefined) this.#byOperation.set(made.operation, [made]);
    else others.push(made);
    return made;
  }

  /** The dot in four words at `dot`, if it was made on this key. */
  find(words: Int32Array, dot: number): DotRecord | undefined {
    const incarnation = this.#find(words[dot]!, words[dot + 1]!);
    if (incarnation === undefined) return undefined;
    const { dots } = incarnation;
    const counter = counterAt(words, dot);
    const found = dots[firstAbove(dots, counter - 1)];
    return found?.counter === counter ? found : undefined;
  }

  /** Adds to `found` the dots of an incarnation with counters in (from, to]. */
  between(low: number, high: number, from: number, to: number, found: DotRecord[]): void {
    const dots = this.#find(low, high)?.dots;
    if (dots === undefined) return;
    for (let place = firstAbove(dots, from); place < dots.length; place += 1) {
      const dot = dots[place]!;
      if (dot.counter > to) return;
      found.push(dot);
    }
  }

  /** All dots under which an operation was written. */
  ofOperation(operation: string): readonly DotRecord[] {
    return this.#byOperation.get(operation) ?? NO_DOTS;
  }

  /** [CL1] An event that the context covers and that superseded the dot. */
  supersederOf(dot: DotRecord, context: VersionView): DotRecord | undefined {
    for (const known of dot.supersededBy) if (isCovered(known, context)) return known;
    while (dot.lookedAt < this.events.length - 1) {
      dot.lookedAt += 1;
      const event = this.events[dot.lookedAt]!;
      if (!supersedes(event, dot)) continue;
      dot.supersededBy.push(event);
      if (isCovered(event, context)) return event;
    }
    return undefined;
  }

  #find(low: number, high: number): IncarnationDots | undefined {
    const all = this.#byLow.get(low);
    if (all === undefined) return undefined;
    for (const incarnation of all) if (incarnation.high === high) return incarnation;
    return undefined;
  }

  #incarnation(low: number, high: number): IncarnationDots {
    const found = this.#find(low, high);
    if (found !== undefined) return found;
    const made: IncarnationDots = { low, high, dots: [] };
    this.#byLow.set(low, [...(this.#byLow.get(low) ?? []), made]);
    return made;
  }
}

/** The dots of the key that a step's context covers anew. */
export function gainedDots(
  step: VersionStep,
  dots: KeyDots,
  { words }: VersionView,
): readonly DotRecord[] {
  if (step.gained.length === 0) return NO_DOTS;
  const found: DotRecord[] = [];
  for (const { entry, from } of step.gained) {
    dots.between(words[entry]!, words[entry + 1]!, from, counterAt(words, entry), found);
  }
  return found;
}

export function isCovered(dot: DotRecord, { words, context, contextCount }: VersionView): boolean {
  return coveredCounter(words, context, contextCount, dot.low, dot.high) >= dot.counter;
}

/** Whether the event's write knew the dot and replaced it. */
export function supersedes(event: DotRecord, dot: DotRecord): boolean {
  const { superseded } = event;
  const count = superseded.length / ENTRY_WORDS;
  return coveredCounter(superseded, 0, count, dot.low, dot.high) >= dot.counter;
}

/** The order by which `lww` chooses: hybrid time, then incarnation, then counter, all unsigned. */
export function isLater(left: DotRecord, right: DotRecord): boolean {
  if (left.hybridHigh !== right.hybridHigh) return left.hybridHigh > right.hybridHigh;
  if (left.hybridLow !== right.hybridLow) return left.hybridLow > right.hybridLow;
  if (left.high !== right.high) return left.high >>> 0 > right.high >>> 0;
  if (left.low !== right.low) return left.low >>> 0 > right.low >>> 0;
  return left.counter > right.counter;
}

/** Whether who had seen this time may have seen what was written at the dot's. */
export function hasSeen({ low, high }: HybridTime, dot: DotRecord): boolean {
  if (dot.hybridHigh !== high >>> 0) return dot.hybridHigh < high >>> 0;
  return dot.hybridLow <= low >>> 0;
}

export function operationAt(words: Int32Array, sibling: number): string {
  return operationName(
    words[sibling + SIBLING.sessionLow]!,
    words[sibling + SIBLING.sessionHigh]!,
    words[sibling + SIBLING.sequence]!,
  );
}

export function operationName(sessionLow: number, sessionHigh: number, sequence: number): string {
  return `${sessionHigh >>> 0}.${sessionLow >>> 0}/${sequence >>> 0}`;
}

/** The index of the first dot whose counter is above; dots ascend by counter. */
function firstAbove(dots: readonly DotRecord[], counter: number): number {
  let low = 0;
  let high = dots.length;
  // Most questions are about the newest dots.
  if (high > 0 && dots[high - 1]!.counter <= counter) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (dots[middle]!.counter <= counter) low = middle + 1;
    else high = middle;
  }
  return low;
}

const NO_DOTS: readonly DotRecord[] = [];

/** Names are for texts of violations: this one is made when somebody asks. */
class NamedLater implements DotRecord {
  readonly low: number;
  readonly high: number;
  readonly counter: number;
  readonly order: number;
  readonly operation: string;
  readonly isTombstone: boolean;
  readonly expires: boolean;
  readonly hybridHigh: number;
  readonly hybridLow: number;
  readonly superseded: Int32Array;
  readonly supersededBy: DotRecord[];
  lookedAt: number;
  readonly holders: string[];

  constructor(made: Omit<DotRecord, 'name'>) {
    this.low = made.low;
    this.high = made.high;
    this.counter = made.counter;
    this.order = made.order;
    this.operation = made.operation;
    this.isTombstone = made.isTombstone;
    this.expires = made.expires;
    this.hybridHigh = made.hybridHigh;
    this.hybridLow = made.hybridLow;
    this.superseded = made.superseded;
    this.supersededBy = made.supersededBy;
    this.lookedAt = made.lookedAt;
    this.holders = made.holders;
  }

  get name(): string {
    return nameOfDotAs(this.low, this.high, this.counter);
  }
}
