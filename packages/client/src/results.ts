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
import { RESPONSE_FLAG } from '@clockwise/protocol/frame';
import type { OperationId } from './errors.ts';
import { Context } from './context.ts';
import type { Explanation } from './explanation.ts';
import { SessionClock } from './session-clock.ts';

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
  /** A stand-in's answer was needed or counted. */
  readonly sloppy: boolean;
  /** The weakest that an acknowledgement had; of a read: of what was read. */
  readonly durability: Durability;
  /** How the answer came about, replica by replica; where `explain` asked for it. */
  readonly explanation: Explanation | undefined;
}

/** `sync`: on disk before the answer; `interval`: within a second or so; `none`: when it is flushed. */
export type Durability = 'sync' | 'interval' | 'none';
const DURABILITIES: readonly Durability[] = ['sync', 'interval', 'none'];

/** What the header of an answer says. */
export interface AnswerHeader {
  /** RESPONSE.answered. */
  readonly answered: number;
  /** RESPONSE_FLAG bits. */
  readonly flags: number;
  readonly hybridLow: number;
  readonly hybridHigh: number;
  readonly explanation: Explanation | undefined;
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
  readonly durability: Durability;
  readonly explanation: Explanation | undefined;
  readonly #versions: VersionWords;
  readonly #timeLow: number;
  readonly #timeHigh: number;

  constructor(
    value: Value | undefined,
    values: readonly Value[],
    header: AnswerHeader,
    versions: VersionWords,
  ) {
    this.found = values.length > 0;
    this.value = value;
    this.values = values;
    this.answered = header.answered & 0xff;
    this.primaries = (header.answered >>> 8) & 0xff;
    this.sloppy = (header.flags & RESPONSE_FLAG.sloppy) !== 0;
    this.durability = durabilityOf(header);
    this.explanation = header.explanation;
    this.#versions = versions;
    this.#timeLow = header.hybridLow;
    this.#timeHigh = header.hybridHigh;
  }

  get context(): Context {
    const { words, entryCount } = this.#versions;
    const entries = words.slice(0, entryCount * ENTRY_WORDS);
    return new Context(entries, this.#timeLow, this.#timeHigh);
  }

  get siblings(): readonly SiblingInfo[] {
    return siblingsOf(this.#versions);
  }

  /** Whether a sibling here is what the write of this operation id made. */
  hasOperation({ sessionLow, sessionHigh, sequence }: OperationId): boolean {
    const { words, entryCount } = this.#versions;
    let sibling = entryCount * ENTRY_WORDS;
    for (; sibling < words.length; sibling += SIBLING_HEADER_WORDS) {
      if (
        words[sibling + SIBLING.sessionLow] === sessionLow &&
        words[sibling + SIBLING.sessionHigh] === sessionHigh &&
        words[sibling + SIBLING.sequence] === sequence
      ) {
        return true;
      }
    }
    return false;
  }
}

export class WriteResult implements Provenance {
  readonly answered: number;
  readonly primaries: number;
  readonly sloppy: boolean;
  readonly durability: Durability;
  /** An earlier try had made it: this one made nothing. */
  readonly duplicate: boolean;
  readonly explanation: Explanation | undefined;
  readonly #words: readonly number[];
  readonly #timeLow: number;
  readonly #timeHigh: number;

  constructor(header: AnswerHeader, words: readonly number[]) {
    this.answered = header.answered & 0xff;
    this.primaries = (header.answered >>> 8) & 0xff;
    this.sloppy = (header.flags & RESPONSE_FLAG.sloppy) !== 0;
    this.duplicate = (header.flags & RESPONSE_FLAG.duplicate) !== 0;
    this.durability = durabilityOf(header);
    this.explanation = header.explanation;
    this.#words = words;
    this.#timeLow = header.hybridLow;
    this.#timeHigh = header.hybridHigh;
  }

  /** Covers this write: the context to replace it with. */
  get context(): Context {
    return new Context(this.#words, this.#timeLow, this.#timeHigh);
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
    return contextOfRecord(this.#versions);
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

function durabilityOf({ answered }: AnswerHeader): Durability {
  return DURABILITIES[(answered >>> 16) & 0xff]!;
}

/** With the highest time of its siblings: a page of a scan does not say it of each record. */
function contextOfRecord({ entryCount, words }: VersionWords): Context {
  const clock = new SessionClock();
  const entryWords = entryCount * ENTRY_WORDS;
  for (let sibling = entryWords; sibling < words.length; sibling += SIBLING_HEADER_WORDS) {
    clock.observe(words[sibling + SIBLING.hybridLow]!, words[sibling + SIBLING.hybridHigh]!);
  }
  return new Context(words.slice(0, entryWords), clock.low, clock.high);
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
    const counter = (BigInt(at(SIBLING.counterHigh)) << 32n) | BigInt(at(SIBLING.counterLow));
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
