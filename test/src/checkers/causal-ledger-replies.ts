/**
 * The causal ledger's second half: what clients are told. A get's answer covers what was read and
 * nothing else, so that the next write with its context replaces only what its client could see.
 *
 * Invariants:
 *   O2f every entry of an answer's context is a dot that was made on that key
 *   O2g of what a get's answer covers it shows all that no event that it covers superseded, but for
 *       tombstones, expired values, and what one operation made a second time (V11, V12); in a `lww`
 *       bucket it shows the latest of what it covers
 *   O2h a get's answer shows only what it covers
 *   O2i the answer of a put or delete covers a dot that its operation made
 *       (not where a later write of a `lww` bucket made it needless)
 *   O2j as many replicas as its level asks for have appended what was answered with success, and as many
 *       primaries among them as the answer says; a stand-in's own shelf of hinted copies counts as one
 */
import { ENTRY_WORDS, SIBLING } from '@clockwise/record/layout';
import { WordArena } from '@clockwise/simulator/word-arena';
import type { CausalLedger } from './causal-ledger.ts';
import {
  type DotRecord,
  gainedDots,
  isCovered,
  isLater,
  type KeyDots,
} from './causal-ledger-dots.ts';
import {
  nameOfEntry,
  siblingOffsets,
  VersionStep,
  type VersionView,
} from './causal-ledger-version.ts';
import type { Violation } from './history.ts';

export interface AnsweredGet {
  /** Who asked, for the text. */
  readonly who: string;
  readonly keyName: string;
  readonly isLww: boolean;
  /** Context entries, then siblings, as in the answer's body. */
  readonly shown: VersionView;
}

export interface AnsweredWrite {
  readonly who: string;
  readonly keyName: string;
  /** By `operationName`. */
  readonly operation: string;
  /** The new context; no siblings. */
  readonly shown: VersionView;
  /** How many replicas have acknowledged it, by what its level says. */
  readonly replicaCount: number;
  /** How many of them are primaries, by what the answer says. */
  readonly primaryCount: number;
  /** Nothing was made of it, for something later was there. */
  readonly isNeedless: boolean;
}

/** What was alive under a context: where later answers go on from. */
interface JudgedView {
  readonly context: VersionView;
  readonly alive: readonly DotRecord[];
}

/** How the name of a shard ends under which its hinted copies are judged. */
export const STAND_IN_SHELF = '/hints';
const VIEWS_KEPT = 4;
const VIOLATIONS_MAX = 50;

export class CausalReplies {
  readonly violations: Violation[] = [];
  getCount = 0;
  readonly #ledger: CausalLedger;
  readonly #views: Map<string, JudgedView[]> = new Map();
  readonly #step: VersionStep = new VersionStep();
  readonly #arena: WordArena = new WordArena();

  constructor(ledger: CausalLedger) {
    this.#ledger = ledger;
  }

  answeredGet(answer: AnsweredGet): void {
    this.getCount += 1;
    const { keyName, shown, who } = answer;
    const dots = this.#ledger.keyDots(keyName);
    const base = this.#baseOf(keyName, shown);
    const areKnown = this.#areGainedDots(who, keyName, shown, dots);
    const visible = siblingOffsets(shown).map((sibling) =>
      dots.find(shown.words, sibling + SIBLING.incarnationLow),
    );
    for (const dot of visible) {
      if (dot !== undefined && isCovered(dot, shown)) continue;
      const name = dot === undefined ? 'a dot that was never made' : dot.name;
      this.#report(answer, 'O2h', `shows ${name}, which its context does not cover`);
    }
    if (!areKnown) return;
    const alive = this.#alive(answer, dots, base);
    for (const dot of visible) {
      if (dot === undefined || alive.includes(dot)) continue;
      this.#report(answer, 'O2g', `shows ${dot.name}, which was superseded by what it covers`);
    }
    for (const dot of alive) {
      if (visible.includes(dot) || mayBeHidden(dot, dots, shown)) continue;
      this.#report(
        answer,
        'O2g',
        `covers ${dot.name}, which nothing superseded, and does not show it`,
      );
    }
  }

  answeredWrite(answer: AnsweredWrite): void {
    const { who, keyName, operation, shown, replicaCount, primaryCount, isNeedless } = answer;
    this.#areDots(who, keyName, shown);
    const made = this.#ledger.keyDots(keyName).ofOperation(operation);
    if (isNeedless) return;
    if (!made.some((dot) => isCovered(dot, shown))) {
      this.#report({ who, keyName }, 'O2i', 'covers no dot that the operation made');
    }
    // Nearly always there is one dot, and the primaries among its holders are enough.
    if (made.length === 1) {
      const held = primaryCountOf(made[0]!.holders);
      if (held >= replicaCount && held >= primaryCount) return;
    }
    const holders = new Set(made.flatMap((dot) => dot.holders));
    const primaries = [...holders].filter((holder) => !isShelf(holder));
    if (holders.size < replicaCount) {
      const text = `says that ${replicaCount} replicas have it, but only ${[...holders].join(' ')} appended it`;
      this.#report({ who, keyName }, 'O2j', text);
    }
    if (primaries.length < primaryCount) {
      const text = `says that ${primaryCount} primaries have it, but only ${primaries.join(' ')} appended it`;
      this.#report({ who, keyName }, 'O2j', text);
    }
  }

  /** [O2f] Returns whether all is well. */
  #areDots(who: string, keyName: string, shown: VersionView): boolean {
    const dots = this.#ledger.keyDots(keyName);
    let isWell = true;
    for (let index = 0; index < shown.contextCount; index += 1) {
      const entry = shown.context + index * ENTRY_WORDS;
      if (dots.find(shown.words, entry) !== undefined) continue;
      isWell = false;
      this.#reportUnmade(who, keyName, shown.words, entry);
    }
    return isWell;
  }

  /** [O2f] As `#areDots`, of what the context gained; the rest was judged with the view below it. */
  #areGainedDots(who: string, keyName: string, shown: VersionView, dots: KeyDots): boolean {
    let isWell = true;
    for (const { entry } of this.#step.gained) {
      if (dots.find(shown.words, entry) !== undefined) continue;
      isWell = false;
      this.#reportUnmade(who, keyName, shown.words, entry);
    }
    return isWell;
  }

  #reportUnmade(who: string, keyName: string, words: Int32Array, entry: number): void {
    const text = `covers ${nameOfEntry(words, entry)}, a dot that was never made on this key`;
    this.#report({ who, keyName }, 'O2f', text);
  }

  /** The newest view of which the context covers all; `#step` is the step from there. */
  #baseOf(keyName: string, shown: VersionView): JudgedView | undefined {
    const views = this.#views.get(keyName);
    if (views !== undefined) {
      for (let place = views.length - 1; place >= 0; place -= 1) {
        this.#step.compareContexts(views[place]!.context, shown);
        if (this.#step.lost.length === 0) return views[place];
      }
    }
    this.#step.compare(undefined, shown);
    return undefined;
  }

  /** What of the covered dots nothing that is covered superseded. REQUIRES: `#step` is that from `base`. */
  #alive(answer: AnsweredGet, dots: KeyDots, base: JudgedView | undefined): readonly DotRecord[] {
    const { keyName, shown, isLww } = answer;
    if (base !== undefined && this.#step.gained.length === 0) return base.alive;
    const gained = gainedDots(this.#step, dots, shown);
    const candidates = [...(base?.alive ?? []), ...gained];
    const alive = isLww
      ? latestOf(candidates)
      : candidates.filter((dot) => dots.supersederOf(dot, shown) === undefined);
    const end = shown.context + shown.contextCount * ENTRY_WORDS;
    const context: VersionView = {
      words: this.#arena.copy(shown.words, shown.context, end),
      context: 0,
      contextCount: shown.contextCount,
      siblings: 0,
      siblingCount: 0,
    };
    let views = this.#views.get(keyName);
    if (views === undefined) {
      views = [];
      this.#views.set(keyName, views);
    }
    views.push({ context, alive });
    if (views.length > VIEWS_KEPT) views.shift();
    return alive;
  }

  #report({ who, keyName }: { who: string; keyName: string }, rule: string, text: string): void {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    this.violations.push({
      oracle: 'O2',
      text: `[${rule}] an answer to ${who} of ${keyName} ${text}`,
    });
  }
}

function isShelf(holder: string): boolean {
  return holder.endsWith(STAND_IN_SHELF);
}

function primaryCountOf(holders: readonly string[]): number {
  let count = 0;
  for (const holder of holders) if (!isShelf(holder)) count += 1;
  return count;
}

function latestOf(dots: readonly DotRecord[]): readonly DotRecord[] {
  let latest: DotRecord | undefined;
  for (const dot of dots) if (latest === undefined || isLater(dot, latest)) latest = dot;
  return latest === undefined ? [] : [latest];
}

/** Readers are not shown deletes, what has expired, and an operation's second dot. */
function mayBeHidden(dot: DotRecord, dots: KeyDots, shown: VersionView): boolean {
  if (dot.isTombstone || dot.expires) return true;
  return dots.ofOperation(dot.operation).some((other) => other !== dot && isCovered(other, shown));
}
