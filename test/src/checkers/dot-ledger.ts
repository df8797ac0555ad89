/**
 * The ledger of dots (O7): fed with every record that any replica of a run appends to its log, it
 * knows each dot ever made, what was written under it, and what its maker knew at that moment.
 *
 * Invariants:
 *   O7 a dot names one write for the life of the run, over crashes and restarts
 */
import { type Dot, encodeRecord, readBytes, type RecordObject } from '@clockwise/record/build';
import {
  contextCount,
  contextOffset,
  ENTRY,
  ENTRY_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  siblingWordCount,
} from '@clockwise/record/layout';
import { WordArena } from '@clockwise/simulator/word-arena';
import { counterAt, cutBelow, siblingOffsets, viewOfRecord } from './causal-ledger-version.ts';
import {
  contextDots,
  dotAt,
  joined,
  type KeyName,
  nameOfDot,
  nameOfKey,
  type OperationName,
  type Violation,
} from './history.ts';

export interface LedgerEntry {
  readonly dot: Dot;
  readonly keyName: string;
  /** The operation's id, as `session/sequence`. */
  readonly operation: string;
  /** The context of the first record that carried the dot: what the write knew, itself included. */
  readonly context: readonly Dot[];
  /** What an overwrite took: all that, but for the siblings which its maker left beside it. */
  readonly taken: readonly Dot[];
  readonly isBesideOthers: boolean;
  readonly where: string;
}

/** Where a context stands and how long it is, and what of it an overwrite took: undefined where that is all. */
interface MadeWords {
  readonly at: number;
  readonly entryCount: number;
  readonly takenWords: Int32Array | undefined;
}

/** Counters count from 1 in their low half. */
const LOW = 0xffff_ffffn;

/** What is asked of few dots is read from the words when it is asked. */
class KnownDot implements LedgerEntry {
  readonly dot: Dot;
  readonly keyName: string;
  readonly where: string;
  /** The context's words, then the sibling's own, as it was first seen, from `#at` on. */
  readonly words: Int32Array;
  readonly sibling: number;
  readonly #at: number;
  readonly #takenWords: Int32Array | undefined;
  #context: readonly Dot[] | undefined;
  #taken: readonly Dot[] | undefined;

  constructor(
    words: Int32Array,
    { at, entryCount, takenWords }: MadeWords,
    keyName: string,
    where: string,
  ) {
    const sibling = at + entryCount * ENTRY_WORDS;
    this.dot = dotAt(words, sibling + SIBLING.incarnationLow);
    this.keyName = keyName;
    this.where = where;
    this.words = words;
    this.sibling = sibling;
    this.#at = at;
    this.#takenWords = takenWords;
  }

  get operation(): string {
    const { words, sibling } = this;
    return nameOfOperation(sessionAt(words, sibling), words[sibling + SIBLING.sequence]! >>> 0);
  }

  get context(): readonly Dot[] {
    const entryCount = (this.sibling - this.#at) / ENTRY_WORDS;
    this.#context ??= contextDots(this.words, this.#at, entryCount);
    return this.#context;
  }

  get taken(): readonly Dot[] {
    if (this.#takenWords === undefined) return this.context;
    this.#taken ??= contextDots(this.#takenWords).filter(({ counter }) => (counter & LOW) > 0n);
    return this.#taken;
  }

  get isBesideOthers(): boolean {
    return this.#takenWords !== undefined;
  }
}

interface IncarnationLedger {
  readonly high: number;
  readonly byCounter: Map<number, KnownDot>;
}

export class DotLedger {
  readonly violations: Violation[] = [];
  readonly #byLow: Map<number, IncarnationLedger[]> = new Map();
  /** By session, then by sequence. */
  readonly #byOperation: Map<bigint, Map<number, LedgerEntry[]>> = new Map();
  readonly #arena: WordArena = new WordArena();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `where`: the shard that appended the record, and its sequence. */
  observe(record: RecordObject, keyText: string, where: string): void {
    const words = encodeRecord(record);
    const keyName = nameOfKey({ bucketId: record.bucketId, key: keyText });
    for (const sibling of siblingOffsets(viewOfRecord(words, 0))) {
      this.observeSibling(words, 0, sibling, keyName, () => where);
    }
  }

  /** One sibling of the record at `record`, both offsets in `words`. */
  observeSibling(
    words: Int32Array,
    record: number,
    sibling: number,
    keyName: string,
    where: () => string,
  ): void {
    const byCounter = this.#incarnation(words, sibling + SIBLING.incarnationLow);
    const counter = counterAt(words, sibling + SIBLING.incarnationLow);
    const known = byCounter.get(counter);
    if (known === undefined) {
      const made = this.#copied(words, record, sibling, keyName, where());
      byCounter.set(counter, made);
      this.#add(sessionAt(words, sibling), words[sibling + SIBLING.sequence]! >>> 0, made);
    } else if (known.keyName !== keyName || !isSameWrite(known, words, sibling)) {
      this.#report(known, this.#copied(words, record, sibling, keyName, where()));
    }
  }

  /** All dots under which an operation was written: more than one where retries met other replicas. */
  dotsOf(session: bigint, sequence: number): readonly LedgerEntry[] {
    return this.#byOperation.get(session)?.get(sequence) ?? NO_ENTRIES;
  }

  #copied(
    words: Int32Array,
    record: number,
    sibling: number,
    keyName: string,
    where: string,
  ): KnownDot {
    const context = contextOffset(words, record);
    const entryCount = contextCount(words, record);
    const siblingEnd = sibling + siblingWordCount(words, sibling);
    const others = siblingOffsets(viewOfRecord(words, record)).filter((at) => at !== sibling);
    const contextEnd = context + entryCount * ENTRY_WORDS;
    const takenWords =
      others.length === 0 ? undefined : this.#arena.copy(words, context, contextEnd);
    if (takenWords !== undefined) {
      for (const other of others) cutBelow(takenWords, words, other);
    }
    // Both in one place, and no view of either: nearly nobody looks at them again.
    const at = this.#arena.reserve(contextEnd - context + siblingEnd - sibling);
    const { placed } = this.#arena;
    placed.set(words.subarray(context, contextEnd), at);
    placed.set(words.subarray(sibling, siblingEnd), at + contextEnd - context);
    return new KnownDot(placed, { at, entryCount, takenWords }, keyName, where);
  }

  #add(session: bigint, sequence: number, entry: LedgerEntry): void {
    this.#size += 1;
    let ofSession = this.#byOperation.get(session);
    if (ofSession === undefined) {
      ofSession = new Map();
      this.#byOperation.set(session, ofSession);
    }
    const dots = ofSession.get(sequence);
    if (dots === undefined) ofSession.set(sequence, [entry]);
    else dots.push(entry);
  }

  #report(known: KnownDot, found: KnownDot): void {
    this.violations.push({
      oracle: 'O7',
      text:
        `dot ${nameOfDot(known.dot)} names ${known.operation} = ${contentAt(known.words, known.sibling)} on ${known.keyName} ` +
        `(first at ${known.where}) and ${found.operation} = ${contentAt(found.words, found.sibling)} on ${found.keyName} (at ${found.where})`,
    });
  }

  #incarnation(words: Int32Array, dot: number): Map<number, KnownDot> {
    const low = words[dot + ENTRY.incarnationLow]!;
    const high = words[dot + ENTRY.incarnationHigh]!;
    const all = this.#byLow.get(low);
    if (all !== undefined) {
      for (const known of all) if (known.high === high) return known.byCounter;
    }
    const made: IncarnationLedger = { high, byCounter: new Map() };
    this.#byLow.set(low, [...(all ?? []), made]);
    return made.byCounter;
  }
}

function sessionAt(words: Int32Array, sibling: number): bigint {
  return joined(words, sibling + SIBLING.sessionLow, sibling + SIBLING.sessionHigh);
}

/** Equal operations, kinds and values, word for word; times are the replicas' own. */
function isSameWrite(known: KnownDot, words: Int32Array, sibling: number): boolean {
  const { words: knownWords, sibling: knownSibling } = known;
  const length = siblingWordCount(knownWords, knownSibling);
  if (length !== siblingWordCount(words, sibling)) return false;
  for (let word = 0; word < length; word += 1) {
    if (word === SIBLING.hybridLow || word === SIBLING.hybridHigh) continue;
    if (knownWords[knownSibling + word] !== words[sibling + word]!) return false;
  }
  return true;
}

/** How the clients of a run are known to the replicas. */
export type SessionOf = (client: number) => bigint;

export function dotsOfEntry(
  ledger: DotLedger,
  sessionOf: SessionOf,
  entry: OperationName & KeyName,
): readonly LedgerEntry[] {
  return ledger.dotsOf(sessionOf(entry.client), entry.operation);
}

function nameOfOperation(session: bigint, sequence: number): string {
  return `${session.toString(16)}/${sequence}`;
}

function contentAt(words: Int32Array, sibling: number): string {
  const flags = words[sibling + SIBLING.flagsAndCodec]!;
  if ((flags & SIBLING_FLAG.tombstone) !== 0) return 'tombstone';
  const byteCount = words[sibling + SIBLING.valueBytes]!;
  const bytes = readBytes(words, sibling + SIBLING_HEADER_WORDS, byteCount);
  return contentOf((flags >>> 8) & 0xff, bytes);
}

/** A value by its codec, its length and 64 bits of hash (FNV-1a, and its like): long ones are many. */
function contentOf(codec: number, bytes: Uint8Array): string {
  let first = 0x811c9dc5 | 0;
  let second = 0x9e3779b9 | 0;
  for (const byte of bytes) {
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul(second ^ byte ^ (first >>> 15), 0x85ebca6b);
  }
  return `${codec}:${bytes.length}:${(first >>> 0).toString(16)}${(second >>> 0).toString(16)}`;
}

const NO_ENTRIES: readonly LedgerEntry[] = [];
