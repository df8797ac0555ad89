/**
 * Recovery of the commit log: all segments that the manifest's floor has not passed, in order, each
 * record once; a torn tail is told from damage.
 *
 *     sealed segments      of openings that ended: known by the manifest, with their length
 *     unsealed segments    of the opening that the manifest names (and, where the manifest is an
 *                          older edition, of later ones): the last of them may end in a torn group
 *
 * Invariants:
 *   LR1 a record is given out once, in order of sequence, and none at or below the floor
 *   LR2 damage, or a hole in the sequences, is an outcome of its own; nothing is dropped in silence
 *   LR3 what lies behind a sealed end, or behind the first sequence of the next opening, is a stale
 *       write of a writer that was fenced: no part of the log (H5)
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError } from './disk.ts';
import { logName, parseFileName } from './file-names.ts';
import {
  GROUP_HEADER_BYTES,
  readSequence,
  SEGMENT_HEADER_BYTES,
  type SegmentId,
} from './log-format.ts';
import { firstSequenceOf, readSegment, type SegmentReading } from './log-segment.ts';
import { readFileWords } from './whole-transfer.ts';

/** A segment of an opening that ended: bytes behind `endBytes` do not count. */
export interface SealedSegment {
  readonly opening: number;
  readonly index: number;
  readonly endBytes: number;
  readonly lastSequence: number;
}

/** Called for each record, in order; false: there is no room for it. */
export type RecordVisitor = (words: Int32Array, prefix: number) => boolean;

export interface LogRecoveryOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  /** Names in the folder. */
  readonly names: readonly string[];
  /** What the manifest says: see manifest.ts. */
  readonly opening: number;
  readonly sealed: readonly SealedSegment[];
  readonly floorSequence: number;
  readonly segmentBytesMax: number;
  readonly visit: RecordVisitor;
}

/** Bytes that must be written and synced again: nobody knows whether they are durable. */
export interface UncertainTail {
  readonly name: string;
  readonly fromBytes: number;
  readonly toBytes: number;
}

export type LogRecovery =
  | {
      readonly kind: 'recovered';
      readonly lastSequence: number;
      /** Every segment that the floor has not passed, with its end. */
      readonly sealed: readonly SealedSegment[];
      readonly uncertain: readonly UncertainTail[];
      readonly recordCount: number;
    }
  | { readonly kind: 'damaged'; readonly reason: string; readonly fromSequence: number }
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'no-room' }
  | { readonly kind: 'failed'; readonly error: DiskError };

interface Segment {
  readonly name: string;
  readonly opening: number;
  readonly index: number;
  readonly seal: SealedSegment | undefined;
}

export function recoverLog(options: LogRecoveryOptions): LogRecovery {
  return new LogRecoveryRun(options).run();
}

class LogRecoveryRun {
  readonly #options: LogRecoveryOptions;
  readonly #sealed: SealedSegment[] = [];
  readonly #uncertain: UncertainTail[] = [];
  /** The next sequence that is wanted. */
  #next: number;
  #recordCount = 0;
  #full = false;

  constructor(options: LogRecoveryOptions) {
    this.#options = options;
    this.#next = options.floorSequence + 1;
  }

  run(): LogRecovery {
    const segments = this.#segments();
    const missing = this.#missing(segments);
    if (missing !== undefined) return this.#damaged(missing);
    const firsts: (number | undefined)[] = [];
    for (const segment of segments) {
      const first = this.#firstSequence(segment);
      if (typeof first === 'object') return { kind: 'failed', error: first };
      firsts.push(first);
    }
    for (const [position, segment] of segments.entries()) {
      const nextFirst = firsts.slice(position + 1).find((first) => first !== undefined);
      const stopped = this.#readOne(segment, nextFirst);
      if (stopped !== undefined) return stopped;
      if (this.#full) return { kind: 'no-room' };
    }
    return {
      kind: 'recovered',
      lastSequence: this.#next - 1,
      sealed: this.#sealed,
      uncertain: this.#uncertain,
      recordCount: this.#recordCount,
    };
  }

  /** Segments that are part of the log, in order. */
  #segments(): Segment[] {
    const { names, sealed, opening } = this.#options;
    const segments: Segment[] = [];
    for (const name of names) {
      const file = parseFileName(name);
      if (file?.kind !== 'log') continue;
      const seal = sealed.find((one) => one.opening === file.opening && one.index === file.index);
      // An earlier opening's segment that is not listed was released, or made by a stale writer.
      if (seal === undefined && file.opening < opening) continue;
      segments.push({ name, opening: file.opening, index: file.index, seal });
    }
    return segments.toSorted(
      (left, right) => left.opening - right.opening || left.index - right.index,
    );
  }

  #missing(segments: readonly Segment[]): string | undefined {
    const { sealed, floorSequence, opening } = this.#options;
    for (const seal of sealed) {
      if (seal.lastSequence <= floorSequence) continue;
      if (!segments.some((segment) => segment.seal === seal)) {
        return `${logName(seal.opening, seal.index)} is missing`;
      }
    }
    if (opening > 0 && !segments.some((segment) => segment.opening === opening)) {
      return `no segment of opening ${opening} is left`;
    }
    return undefined;
  }

  /**
   * Undefined: nothing says it. A header may be torn where the group behind it is whole: its records
   * count, so that what comes before the segment must not be measured by the one behind it.
   */
  #firstSequence(segment: Segment): number | undefined | DiskError {
    const words = this.#load(segment, SEGMENT_HEADER_BYTES + GROUP_HEADER_BYTES);
    if (!(words instanceof Int32Array)) return words;
    return firstSequenceOf(words, this.#idOf(segment), this.#options.checksum);
  }

  /** Gives out a segment's records; a result ends the recovery. */
  #readOne(segment: Segment, nextFirst: number | undefined): LogRecovery | undefined {
    const { floorSequence } = this.#options;
    const known =
      segment.seal?.lastSequence ?? (nextFirst === undefined ? undefined : nextFirst - 1);
    // All of it is in tables: whatever it holds is not needed.
    if (known !== undefined && known <= floorSequence) {
      reachable('recovery: a segment is passed over because tables hold all of it');
      return undefined;
    }
    const words = this.#load(segment, undefined);
    if (!(words instanceof Int32Array)) return { kind: 'failed', error: words };
    const limit = segment.seal?.endBytes ?? words.length * 4;
    const wanted = this.#next;
    const reading = this.#read(segment, words, limit, nextFirst, (group, from, to) =>
      this.#visitGroup(group, from, to),
    );
    if (reading.header.kind === 'foreign') {
      return { kind: 'foreign', reason: `${segment.name}: ${reading.header.reason}` };
    }
    return this.#judge(segment, reading, { known, wanted });
  }

  /**
   * Whether the segment ended where it may. `known`: its last sequence, if something else says it;
   * `wanted`: the first sequence that no segment before it had.
   */
  #judge(
    segment: Segment,
    reading: SegmentReading,
    { known, wanted }: { readonly known: number | undefined; readonly wanted: number },
  ): LogRecovery | undefined {
    const { lastSequence } = reading;
    const { header } = reading;
    sometimes(header.kind === 'invalid', 'recovery: the header of a segment is not sound');
    sometimes(
      segment.seal !== undefined,
      'recovery: a segment of an earlier opening is read again',
    );
    sometimes(
      segment.opening > this.#options.opening,
      'recovery: a segment is newer than the manifest that counts',
    );
    if (reading.firstSequence > wanted) {
      return this.#damaged(`${segment.name} begins behind a hole in the log`);
    }
    if (known !== undefined && lastSequence < known) {
      return this.#damaged(`${segment.name} ends before its last record`);
    }
    if (reading.testifiedSequence > lastSequence) {
      return this.#damaged(`${segment.name} is damaged before records that were durable`);
    }
    if (known === undefined && reading.untestifiedFrom < reading.endBytes) {
      reachable('recovery: the end of the log is made durable again');
      this.#uncertain.push({
        name: segment.name,
        fromBytes: reading.untestifiedFrom,
        toBytes: reading.endBytes,
      });
    }
    if (lastSequence > this.#options.floorSequence) {
      const { opening, index } = segment;
      this.#sealed.push({ opening, index, endBytes: reading.endBytes, lastSequence });
    }
    return undefined;
  }

  #read(
    segment: Segment,
    words: Int32Array,
    limitBytes: number,
    nextFirst: number | undefined,
    visit: (words: Int32Array, from: number, to: number) => void,
  ): SegmentReading {
    return readSegment(
      words,
      {
        id: this.#idOf(segment),
        checksum: this.#options.checksum,
        expectedSequence: this.#next,
        limitBytes,
        limitSequence: nextFirst ?? Number.MAX_SAFE_INTEGER,
      },
      visit,
    );
  }

  #idOf({ opening, index }: Segment): SegmentId {
    const { storeIdLow, storeIdHigh } = this.#options;
    return { storeIdLow, storeIdHigh, opening, index };
  }

  #visitGroup(words: Int32Array, from: number, to: number): void {
    for (let at = from; at < to && !this.#full;) {
      const sequence = readSequence(words, at + PREFIX.sequenceLow);
      // Below: in a table, or given out by the segment before.
      sometimes(sequence < this.#next, 'recovery: a record of the log is in a table already');
      if (sequence === this.#next) {
        this.#full = !this.#options.visit(words, at);
        this.#recordCount += 1;
        this.#next += 1;
      }
      at += PREFIX_WORDS + words[at + PREFIX_WORDS]!;
    }
  }

  #load(segment: Segment, byteCount: number | undefined): Int32Array | DiskError {
    const { disk, segmentBytesMax } = this.#options;
    const words = readFileWords(disk, segment.name, segmentBytesMax, byteCount ?? segmentBytesMax);
    return words.ok ? words.value : words;
  }

  #damaged(reason: string): LogRecovery {
    reachable('recovery: the log is damaged and said to be');
    return { kind: 'damaged', reason, fromSequence: this.#next };
  }
}
