/**
 * What operations resolve to. Values are decoded when the answer comes; context and sibling details
 * are kept as plain numbers and made into objects only where somebody looks.
 *
 * Invariants:
 *   RS1 `values` are the live siblings: tombstones are in `siblings` and in the context only
 *   RS2 `value` is there when there is one live sibling, or what the bucket's `resolve` made of several
 */
import { ENTRY_WORDS, SIBLING, SIBLING_HEADER_WORDS } from '@clockwise/protocol/response-body';
import type { Value } from '@clockwise/protocol/value-codec';
import { Context } from './context.ts';

export type Key = string | Uint8Array;

/** Makes one value of concurrent ones. Must give the same for the same values in any order. */
export type Resolve = (values: readonly Value[]) => Value;

/** One of an object's concurrent versions, without its value. */
export interface SiblingInfo {
  readonly isTombstone: boolean;
  /** Who made it and when in its life, as text: incarnation and counter. */
  readonly dot: string;
  /** Milliseconds since 1970 of its maker's hybrid clock; 0: none. */
  readonly writtenAtMs: number;
  /** Seconds since 1970; 0: never. */
  readonly expirySeconds: number;
  readonly valueBytes: number;
}

/** How an answer came about. */
export interface Provenance {
  /** Replicas that answered in time. */
  readonly answered: number;
  /** How many of them are primaries of the key. */
  readonly primaries: number;
  /** A fallback's answer was counted. */
  readonly sloppy: boolean;
}

/** Context entries, then sibling headers, as the wire has them. */
export interface VersionWords {
  readonly entryCount: number;
  readonly words: readonly number[];
}

export class GetResult implements Provenance {
  /** There is a live value. */
  readonly found: boolean;
  readonly value: Value | undefined;
  readonly values: readonly Value[];
  readonly answered: number;
  readonly primaries: number;
  readonly sloppy: boolean;
  readonly #versions: VersionWords;

  constructor(
    value: Value | undefined,
    values: readonly Value[],
    answered: number,
    sloppy: boolean,
    versions: VersionWords,
  ) {
    this.found = values.length > 0;
    this.value = value;
    this.values = values;
    this.answered = answered & 0xff;
    this.primaries = (answered >>> 8) & 0xff;
    this.sloppy = sloppy;
    this.#versions = versions;
  }

  get context(): Context {
    return contextOf(this.#versions);
  }

  get siblings(): readonly SiblingInfo[] {
    return siblingsOf(this.#versions);
  }
}

export class WriteResult implements Provenance {
  readonly answered: number;
  readonly primaries: number;
  readonly sloppy: boolean;
  readonly #words: readonly number[];

  constructor(answered: number, sloppy: boolean, words: readonly number[]) {
    this.answered = answered & 0xff;
    this.primaries = (answered >>> 8) & 0xff;
    this.sloppy = sloppy;
    this.#words = words;
  }

  /** Covers this write: the context to replace it with. */
  get context(): Context {
    return new Context(this.#words);
  }
}

/** One object that a scan came by. */
export class ScanRecord {
  /** Text where the key's bytes are UTF-8, else the bytes. */
  readonly key: Key;
  readonly value: Value | undefined;
  readonly values: readonly Value[];
  readonly #versions: VersionWords;

  constructor(
    key: Key,
    value: Value | undefined,
    values: readonly Value[],
    versions: VersionWords,
  ) {
    this.key = key;
    this.value = value;
    this.values = values;
    this.#versions = versions;
  }

  get context(): Context {
    return contextOf(this.#versions);
  }

  get siblings(): readonly SiblingInfo[] {
    return siblingsOf(this.#versions);
  }
}

/** Where a scan can go on: behind the last record of a page. */
export interface ScanPosition {
  readonly tokenHigh: number;
  readonly tokenLow: number;
  readonly key: Uint8Array;
}

export interface ScanPage {
  readonly records: readonly ScanRecord[];
  /** Positions behind each of the records. */
  readonly positions: readonly ScanPosition[];
  /** Behind all that the page covers, deleted objects too; undefined where it covers none. */
  readonly last: ScanPosition | undefined;
  readonly more: boolean;
  readonly complete: boolean;
}

function contextOf({ entryCount, words }: VersionWords): Context {
  return new Context(words.slice(0, entryCount * ENTRY_WORDS));
}

function siblingsOf({ entryCount, words }: VersionWords): readonly SiblingInfo[] {
  const siblings: SiblingInfo[] = [];
  for (
    let sibling = entryCount * ENTRY_WORDS;
    sibling < words.length;
    sibling += SIBLING_HEADER_WORDS
  ) {
    const at = (word: number): number => words[sibling + word]! >>> 0;
    const hybrid = at(SIBLING.hybridHigh) * 0x1_0000 + (at(SIBLING.hybridLow) >>> 16);
    const counter = at(SIBLING.counterHigh) * 0x1_0000_0000 + at(SIBLING.counterLow);
    siblings.push({
      isTombstone: (at(SIBLING.flagsAndCodec) & 1) !== 0,
      dot: `${hex(at(SIBLING.incarnationHigh))}${hex(at(SIBLING.incarnationLow))}:${counter}`,
      writtenAtMs: hybrid,
      expirySeconds: at(SIBLING.expirySeconds),
      valueBytes: at(SIBLING.valueBytes),
    });
  }
  return siblings;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
