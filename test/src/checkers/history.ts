/**
 * What the clients of a run did and saw: the only thing, beside the ledger of dots and the state at
 * the end, that checkers judge by.
 */
import type { Dot } from '@clockwise/record/build';
import { ENTRY, ENTRY_WORDS } from '@clockwise/record/layout';

/** `ok`: answered as applied. `not-applied`: every attempt was. `unknown`: all else. */
export type WriteOutcome = 'ok' | 'not-applied' | 'unknown';

export interface OperationName {
  readonly client: number;
  /** The operation's number at its client, which is also the sequence of its id. */
  readonly operation: number;
}

export interface KeyName {
  readonly bucketId: number;
  readonly key: string;
  /** As `nameOfKey` has it, where somebody made it before. */
  readonly keyName?: string | undefined;
}

export interface WriteEntry extends OperationName, KeyName, Manner {
  readonly kind: 'put' | 'delete';
  /** Undefined: the write overwrites, whatever its replica holds then. */
  readonly context: readonly Dot[] | undefined;
  /** Of a put; unique in the run. */
  readonly value: string | undefined;
  readonly level: number;
  readonly invokedAt: number;
  /** Infinity where nothing is known of its end. */
  readonly completedAt: number;
  readonly outcome: WriteOutcome;
  /** More than one request was sent for it. Left out: no. */
  readonly isRetried?: boolean | undefined;
  /** The context that an acknowledged write was answered with. Left out: nobody asked for it. */
  readonly answer?: readonly Dot[] | undefined;
}

/** How an operation was asked for and answered. Left out: no. */
export interface Manner {
  /** Only primaries were to count. */
  readonly isStrict?: boolean | undefined;
  /** The answer says that a stand-in was needed or counted. */
  readonly isSloppy?: boolean | undefined;
}

export interface ReadEntry extends OperationName, KeyName, Manner {
  readonly kind: 'get';
  /** Its answer was to stand on so many primaries that no later read of its level misses it. */
  readonly isMonotonic?: boolean | undefined;
  readonly level: number;
  readonly invokedAt: number;
  readonly completedAt: number;
  /** Undefined: the get failed. */
  readonly values: readonly string[] | undefined;
  readonly context: readonly Dot[];
}

export type HistoryEntry = WriteEntry | ReadEntry;

/** What a get of all replicas returned of a key when all had come to rest. */
export interface FinalState extends KeyName {
  readonly values: readonly string[];
  readonly context: readonly Dot[];
}

export interface Violation {
  /** The oracle: 'O1', 'O4' and so on. */
  readonly oracle: string;
  readonly text: string;
}

export function nameOfKey({ bucketId, key, keyName }: KeyName): string {
  return keyName ?? `${bucketId}/${key}`;
}

export function nameOfDot(dot: Dot): string {
  return `${dot.incarnation.toString(16)}:${dot.counter}`;
}

export function covers(context: readonly Dot[], dot: Dot): boolean {
  const { incarnation, counter } = dot;
  for (const entry of context) {
    if (entry.incarnation === incarnation && entry.counter >= counter) return true;
  }
  return false;
}

export function isWriteEntry(entry: HistoryEntry): entry is WriteEntry {
  return entry.kind !== 'get';
}

/** A counter as a number, as `counterAt` has it. */
export function counterNumber(counter: bigint): number {
  return Number(BigInt.asUintN(52, counter));
}

/** Context entries as they stand in words; of `from` on, so many. */
export function contextDots(
  words: Int32Array,
  from: number = 0,
  count: number = Math.floor(words.length / ENTRY_WORDS),
): Dot[] {
  const dots: Dot[] = [];
  const end = from + count * ENTRY_WORDS;
  for (let entry = from; entry < end; entry += ENTRY_WORDS) {
    dots.push(dotAt(words, entry));
  }
  return dots;
}

/** The dot in four words. */
export function dotAt(words: Int32Array, entry: number): Dot {
  return {
    incarnation: joined(words, entry + ENTRY.incarnationLow, entry + ENTRY.incarnationHigh),
    counter: joined(words, entry + ENTRY.counterLow, entry + ENTRY.counterHigh),
  };
}

/** Two words, and the same bits as one number: one BigInt is made, and none on the way to it. */
const PAIR = new Int32Array(2);
const JOINED = new BigUint64Array(PAIR.buffer);

export function joined(words: Int32Array, low: number, high: number): bigint {
  PAIR[0] = words[low]!;
  PAIR[1] = words[high]!;
  return JOINED[0]!;
}
