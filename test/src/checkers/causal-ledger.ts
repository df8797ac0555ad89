/**
 * The causal ledger, O2 step by step: fed with every record that any replica of a run appends, beside
 * the version of the key that the replica held before, it knows for each dot what its write truly
 * superseded, and judges each step when it is made.
 *
 * A write truly supersedes what the context of its request covers; an overwrite (a request without a
 * context) what its maker held; an overwrite that comes again after its first try may have happened
 * (rule R, decision 0011) the siblings that its maker held and its session could have seen before. In a `lww` bucket nothing is superseded but by a later sibling: hybrid
 * time, then incarnation, then counter.
 *
 * Invariants:
 *   O2a a write's context is what its maker held, what its request covered, and the new dot: no more, no
 *       less; of what its maker held it drops what its request covers (an overwrite: all), and only that
 *   O2b what a version covers and does not hold was superseded by an event that it covers too; what it
 *       holds was superseded by none such (`lww`: it holds the latest of what it covers)
 *   O2c a replica's context of a key never shrinks, but where its store lost data in a crash
 *   O2d every entry of a context is a dot that was made on that key
 *   O2e the incarnation of a dot belongs to the opening that made it
 *   O2k a retried overwrite replaces siblings whose time is at or below what its session had seen when
 *       it was first sent, and no others
 *
 * Boundary: who feeds it says what the replica held before (replica-mirror.ts), cut back where a store
 * opened with less.
 */
import { ENTRY_WORDS, SIBLING } from '@clockwise/record/layout';
import { WordArena } from '@clockwise/simulator/word-arena';
import {
  type DotRecord,
  gainedDots,
  isCovered,
  hasSeen,
  type HybridTime,
  isLater,
  KeyDots,
  operationAt,
  operationName,
  supersedes,
} from './causal-ledger-dots.ts';
import {
  counterAt,
  coversDotAt,
  cutBelow,
  type EarlierVersion,
  nameOfEntry,
  siblingOffsets,
  VersionStep,
  type VersionView,
} from './causal-ledger-version.ts';
import type { Violation } from './history.ts';

/** A put or delete, as its client began it. */
export interface AskedWrite {
  readonly sessionLow: number;
  readonly sessionHigh: number;
  readonly sequence: number;
  readonly keyName: string;
  /** Entries; undefined: an overwrite. */
  readonly context: Int32Array | undefined;
  /** The hybrid time that its session had seen when it was first sent; zero: none. */
  readonly seen: HybridTime;
}

/** One append. */
export interface AppendedVersion {
  /** 'n1/0'. */
  readonly shard: string;
  /** Differs for each opening of a store. */
  readonly opening: string;
  readonly sequence: number;
  readonly keyName: string;
  readonly isLww: boolean;
  readonly before: EarlierVersion;
  readonly after: VersionView;
  /**
   * By operation: whether this opening has been asked for it as a retry only (`yes`), as a first try only
   * (`no`), or as both. Left out: it is not known.
   */
  readonly wasRetried?: (operation: string) => WasRetried;
}

export type WasRetried = 'yes' | 'no' | 'both';

const NO_CONTEXT = new Int32Array(0);
const NOTHING_MADE: readonly number[] = [];
const VIOLATIONS_MAX = 50;

export class CausalLedger {
  readonly violations: Violation[] = [];
  /** Of the append judged last: what changed. Valid until the next one. */
  readonly step: VersionStep = new VersionStep();
  writeCount = 0;
  joinCount = 0;
  readonly #keys: Map<string, KeyDots> = new Map();
  readonly #asked: Map<string, AskedWrite> = new Map();
  /** By incarnation: the opening that makes its dots. */
  readonly #openings: Map<string, string> = new Map();
  readonly #arena: WordArena = new WordArena();
  readonly #followsSeen: boolean;

  /** `followsSeen`: no clock is so far from another that its time would not be followed (HC2). */
  constructor({ followsSeen }: { readonly followsSeen: boolean } = { followsSeen: true }) {
    this.#followsSeen = followsSeen;
  }

  asked(write: AskedWrite): void {
    this.#asked.set(operationName(write.sessionLow, write.sessionHigh, write.sequence), write);
  }

  keyDots(keyName: string): KeyDots {
    let dots = this.#keys.get(keyName);
    if (dots === undefined) {
      dots = new KeyDots(keyName);
      this.#keys.set(keyName, dots);
    }
    return dots;
  }

  /** Returns whether it was a write: whether a dot was made. */
  appended(version: AppendedVersion): boolean {
    const { before, after } = version;
    const { step } = this;
    const dots = this.keyDots(version.keyName);
    step.compare(typeof before === 'string' ? undefined : before, after);
    let made = NOTHING_MADE;
    for (const sibling of step.appeared) {
      if (dots.find(after.words, sibling + SIBLING.incarnationLow) !== undefined) continue;
      made = made.length === 0 ? [sibling] : [...made, sibling];
    }
    if (made.length === 0) this.joinCount += 1;
    else this.#judgeWrite(version, dots, made);
    const gained = gainedDots(step, dots, after);
    for (const { holders } of gained) {
      if (!holders.includes(version.shard)) holders.push(version.shard);
    }
    this.#judgeContext(version, dots);
    if (version.isLww) this.#judgeLatest(version, dots, gained);
    else this.#judgeSiblings(version, dots, gained);
    return made.length > 0;
  }

  #report(version: AppendedVersion, rule: string, text: string): void {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    const { shard, sequence, opening, keyName } = version;
    const where = `${keyName} at ${shard}, sequence ${sequence} of ${opening}`;
    this.violations.push({ oracle: 'O2', text: `[${rule}] ${where}: ${text}` });
  }

  /** [O2a, O2e] A sibling with a dot that nobody knew: it was made here. */
  #judgeWrite(version: AppendedVersion, dots: KeyDots, made: readonly number[]): void {
    const { before, after, isLww } = version;
    this.writeCount += 1;
    if (made.length > 1) {
      const names = made.map((sibling) => siblingName(after, sibling)).join(' ');
      this.#report(version, 'O2d', `holds ${names}, of which a write makes but one`);
    }
    for (const sibling of made) {
      const asked = this.#asked.get(operationAt(after.words, sibling));
      const given = isLww ? undefined : (asked?.context ?? this.#seenContext(version, asked));
      const superseded = given ?? heldContext(this.#arena, before, after);
      const dot = dots.add(after.words, sibling, superseded);
      this.#judgeOrigin(version, dot, asked);
      if (before === 'forgotten' || made.length > 1) continue;
      this.#judgeWrittenContext(version, dot, given);
      this.#judgeReplaced(version, dot, given);
    }
  }

  /**
   * [O2k] What a retried overwrite replaced. Undefined: it was none, or replaced all that its maker held:
   * then that is the same.
   */
  #seenContext(version: AppendedVersion, asked: AskedWrite | undefined): Int32Array | undefined {
    const { before, after } = version;
    const { vanished, stayed } = this.step;
    if (asked === undefined || typeof before === 'string') return undefined;
    const { sessionLow, sessionHigh, sequence } = asked;
    const operation = operationName(sessionLow, sessionHigh, sequence);
    const wasRetried = version.wasRetried?.(operation) ?? 'no';
    if (wasRetried === 'no' || (wasRetried === 'both' && stayed.length === 0)) return undefined;
    const dots = this.keyDots(version.keyName);
    const dotAt = (words: Int32Array, sibling: number): DotRecord | undefined =>
      dots.find(words, sibling + SIBLING.incarnationLow);
    for (const sibling of vanished) {
      const dot = dotAt(before.words, sibling);
      if (dot === undefined || hasSeen(asked.seen, dot)) continue;
      const text = `the retried overwrite ${operation} drops ${dot.name}, which is later than what its session had seen`;
      this.#report(version, 'O2k', text);
    }
    for (const sibling of stayed) {
      const dot = dotAt(after.words, sibling);
      if (dot === undefined || !this.#followsSeen || !hasSeen(asked.seen, dot)) continue;
      const text = `the retried overwrite ${operation} keeps ${dot.name}, which its session had seen`;
      this.#report(version, 'O2k', text);
    }
    return stayed.length === 0 ? undefined : dotEntries(before.words, vanished);
  }

  /** [O2e] */
  #judgeOrigin(version: AppendedVersion, dot: DotRecord, asked: AskedWrite | undefined): void {
    if (asked === undefined) this.#report(version, 'O2a', `${dot.name} was asked for by nobody`);
    else if (asked.keyName !== version.keyName) {
      this.#report(version, 'O2a', `${dot.name} was asked for on ${asked.keyName}`);
    }
    const incarnation = `${dot.high}.${dot.low}`;
    const opening = this.#openings.get(incarnation);
    if (opening === undefined) this.#openings.set(incarnation, version.opening);
    else if (opening !== version.opening) {
      const text = `${dot.name} is of the incarnation under which ${opening} made dots`;
      this.#report(version, 'O2e', text);
    }
  }

  /** [O2a] Nothing beside the request's context and the new dot was added, and nothing of it left out. */
  #judgeWrittenContext(
    version: AppendedVersion,
    dot: DotRecord,
    given: Int32Array | undefined,
  ): void {
    const { after } = version;
    const context = given ?? NO_CONTEXT;
    const count = context.length / ENTRY_WORDS;
    for (const { entry } of this.step.gained) {
      const isOwn = isDotAt(after.words, entry, dot);
      if (isOwn || coversDotAt(context, 0, count, after.words, entry)) continue;
      const name = nameOfEntry(after.words, entry);
      const text = `the write of ${dot.name} covers ${name}, which neither its maker held nor its request covered`;
      this.#report(version, 'O2a', text);
    }
    if (!isCovered(dot, after)) {
      this.#report(version, 'O2a', `the write of ${dot.name} does not cover it`);
    }
    for (let entry = 0; entry < context.length; entry += ENTRY_WORDS) {
      if (coversDotAt(after.words, after.context, after.contextCount, context, entry)) continue;
      const text = `the write of ${dot.name} forgets ${nameOfEntry(context, entry)} of its request`;
      this.#report(version, 'O2a', text);
    }
  }

  /** [O2a] What the request covers is replaced, and only that; an overwrite replaces all. */
  #judgeReplaced(version: AppendedVersion, dot: DotRecord, given: Int32Array | undefined): void {
    const { before, after } = version;
    const { vanished, stayed, appeared } = this.step;
    if (given === undefined) {
      for (const sibling of stayed) {
        const text = `the overwrite ${dot.name} keeps ${siblingName(after, sibling)}`;
        this.#report(version, 'O2a', text);
      }
    } else {
      const count = given.length / ENTRY_WORDS;
      for (const sibling of stayed) {
        const at = sibling + SIBLING.incarnationLow;
        if (!coversDotAt(given, 0, count, after.words, at)) continue;
        const text = `the write of ${dot.name} keeps ${siblingName(after, sibling)}, which its request covers`;
        this.#report(version, 'O2a', text);
      }
      for (const sibling of vanished) {
        const { words } = before as VersionView;
        const at = sibling + SIBLING.incarnationLow;
        if (coversDotAt(given, 0, count, words, at)) continue;
        const text = `the write of ${dot.name} drops ${nameOfEntry(words, at)}, which its request does not cover`;
        this.#report(version, 'O2a', text);
      }
    }
    for (const sibling of appeared) {
      if (isDotAt(after.words, sibling + SIBLING.incarnationLow, dot)) continue;
      const text = `the write of ${dot.name} brings ${siblingName(after, sibling)}, which its maker did not hold`;
      this.#report(version, 'O2a', text);
    }
  }

  /** [O2c, O2d] */
  #judgeContext(version: AppendedVersion, dots: KeyDots): void {
    const { before, after } = version;
    for (const entry of this.step.lost) {
      const { words } = before as VersionView;
      const name = nameOfEntry(words, entry);
      this.#report(version, 'O2c', `no longer covers ${name}, which the version before it covers`);
    }
    for (const { entry } of this.step.gained) {
      if (dots.find(after.words, entry) !== undefined) continue;
      const name = nameOfEntry(after.words, entry);
      this.#report(version, 'O2d', `covers ${name}, a dot that was never made on this key`);
    }
  }

  /** [O2b] */
  #judgeSiblings(version: AppendedVersion, dots: KeyDots, gained: readonly DotRecord[]): void {
    const { before, after } = version;
    const { step } = this;
    for (const dot of gained) {
      const isHeld = holds(after, step.appeared, dot);
      const superseder = dots.supersederOf(dot, after);
      if (!isHeld && superseder === undefined) {
        this.#report(
          version,
          'O2b',
          `covers ${dot.name} and lost it: no event that it covers superseded it`,
        );
      } else if (isHeld && superseder !== undefined) {
        this.#report(version, 'O2b', `holds ${dot.name}, which ${superseder.name} superseded`);
      }
    }
    for (const sibling of step.vanished) {
      const dot = dots.find((before as VersionView).words, sibling + SIBLING.incarnationLow);
      if (dot === undefined || dots.supersederOf(dot, after) !== undefined) continue;
      const text = `${dot.name} vanished: no event that is covered superseded it`;
      this.#report(version, 'O2b', text);
    }
    for (const sibling of step.stayed) {
      const dot = dots.find(after.words, sibling + SIBLING.incarnationLow);
      const superseder = gained.find((event) => dot !== undefined && supersedes(event, dot));
      if (dot === undefined || superseder === undefined || superseder === dot) continue;
      this.#report(version, 'O2b', `keeps ${dot.name}, which ${superseder.name} superseded`);
    }
  }

  /** [O2b] `lww`: one sibling, the latest of all that is covered. */
  #judgeLatest(version: AppendedVersion, dots: KeyDots, gained: readonly DotRecord[]): void {
    const { before, after } = version;
    const { step } = this;
    const [only] = siblingOffsets(after);
    const winner =
      only === undefined ? undefined : dots.find(after.words, only + SIBLING.incarnationLow);
    if (winner === undefined || after.siblingCount !== 1) {
      this.#report(version, 'O2b', `holds ${after.siblingCount} siblings in a lww bucket`);
      return;
    }
    const earlier = step.vanished.map((sibling) =>
      dots.find((before as VersionView).words, sibling + SIBLING.incarnationLow),
    );
    for (const loser of [...earlier, ...gained]) {
      if (loser === undefined || loser === winner || isLater(winner, loser)) continue;
      this.#report(
        version,
        'O2b',
        `holds ${winner.name}, and covers ${loser.name}, which is later`,
      );
    }
    const hasComeBack = step.appeared.length > 0 && !gained.includes(winner);
    if (hasComeBack && before !== 'forgotten') {
      this.#report(version, 'O2b', `holds ${winner.name}, which it had covered and given up`);
    }
  }
}

/** What an overwrite supersedes: what its maker held; where nobody knows that, what it covers and does not hold. */
function heldContext(arena: WordArena, before: EarlierVersion, after: VersionView): Int32Array {
  if (before === 'none') return NO_CONTEXT;
  const { words, context, contextCount } = before === 'forgotten' ? after : before;
  const held = arena.copy(words, context, context + contextCount * ENTRY_WORDS);
  if (before !== 'forgotten') return held;
  for (const sibling of siblingOffsets(after)) cutBelow(held, words, sibling);
  return held;
}

/** The dots of siblings as entries, in the order of the siblings: of one incarnation the last counts. */
function dotEntries(words: Int32Array, siblings: readonly number[]): Int32Array {
  const entries = new Map<string, Int32Array>();
  for (const sibling of siblings) {
    const dot = sibling + SIBLING.incarnationLow;
    entries.set(`${words[dot]}.${words[dot + 1]}`, words.slice(dot, dot + ENTRY_WORDS));
  }
  return Int32Array.from([...entries.values()].flatMap((entry) => [...entry]));
}

function isEntryOf(words: Int32Array, entry: number, dot: DotRecord): boolean {
  return words[entry] === dot.low && words[entry + 1] === dot.high;
}

function siblingName(view: VersionView, sibling: number): string {
  return nameOfEntry(view.words, sibling + SIBLING.incarnationLow);
}

function holds(view: VersionView, siblings: readonly number[], dot: DotRecord): boolean {
  for (const sibling of siblings) {
    if (isDotAt(view.words, sibling + SIBLING.incarnationLow, dot)) return true;
  }
  return false;
}

function isDotAt(words: Int32Array, at: number, dot: DotRecord): boolean {
  return isEntryOf(words, at, dot) && counterAt(words, at) === dot.counter;
}
