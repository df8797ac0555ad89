/**
 * One page of a partition, merged from R replicas: each sends the records after the cursor in (token,
 * key) order; pages are merged record by record up to where the shortest page ends.
 *
 * Invariants:
 *   SC1 a page goes only as far as every replica that was counted has shown its records
 *   SC2 `complete` is said only of a page that R replicas answered
 *   SC3 a merged page has no more records and bytes than were asked for, but one record at the least
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  PRIORITY,
  REPLY_FLAG,
  REQUEST,
  REQUEST_HEADER_WORDS,
  RESPONSE_FLAG,
  SCAN,
} from '@clockwise/protocol/frame';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { compareRecordPositions } from '@clockwise/record/compare';
import { paddedWords, recordWordCount } from '@clockwise/record/layout';
import { joinRecords, type RecordJoin } from '@clockwise/versioning/join';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { levelIsMet, levelWants } from '../levels.ts';
import { sendScan } from '../peers/replica-operations.ts';
import { respondRecords, respondStatus } from '../requests/respond.ts';

/** Nodes of the own data centre and others; then those of either that are believed down. */
const ROUNDS = 4;

/** A replica's page: whole records, one after the other. */
interface ReplicaPage {
  readonly words: Int32Array;
  readonly recordCount: number;
  readonly more: boolean;
}

export class ScanCore {
  readonly #context: CoordinatorContext;
  readonly #pages: Map<number, ReplicaPage[]> = new Map();

  constructor(context: CoordinatorContext) {
    this.#context = context;
  }

  /** Asks R replicas, or as many as can be reached. Returns STATUS_OK or a refusal. */
  start(slot: number, request: Int32Array, requestOffset: number): number {
    const { slots } = this.#context;
    this.#askMore(slot, request, requestOffset);
    if (slots.asked[slot] === 0) return ERRORS.UNAVAILABLE.code;
    this.#pages.set(slot, []);
    return STATUS_OK;
  }

  /** A replica's page: `recordCount` records from `offset` on. */
  onScanned(
    slot: number,
    node: number,
    flags: number,
    recordCount: number,
    words: Int32Array,
    offset: number,
    wordCount: number,
  ): void {
    const { slots, ring, limits } = this.#context;
    const placement = ring.tables[slots.replicationClass[slot]!]!;
    const position = positionOfReplica(placement, slots.partition[slot]!, node);
    const bit = 1 << position;
    if (position < 0 || (slots.asked[slot]! & ~slots.answered[slot]! & bit) === 0) return;
    if (!slots.mayKeep(wordCount, limits.keptRequestBytesMax)) {
      reachable('scan: a page is one too many to be held');
      this.onFailed(slot, position, ERRORS.OVERLOADED.code);
      return;
    }
    slots.answered[slot] = slots.answered[slot]! | bit;
    slots.largeWords += wordCount;
    this.#pages.get(slot)!.push({
      words: words.slice(offset, offset + wordCount),
      recordCount,
      more: (flags & REPLY_FLAG.more) !== 0,
    });
    this.#settle(slot);
  }

  onFailed(slot: number, position: number, status: number): void {
    const { slots } = this.#context;
    slots.failed[slot] = slots.failed[slot]! | (1 << position);
    slots.status[slot] = status;
    if (slots.hasKept(slot)) {
      // Another replica may stand in for the one that failed.
      reachable('scan: a replica fails and another is asked');
      this.#askMore(slot, slots.keptWords(slot), slots.keptOffset(slot));
    }
    this.#settle(slot);
  }

  /** The deadline: what has come is answered, and said to be incomplete. */
  onDue(slot: number): void {
    const { slots } = this.#context;
    sometimes(slots.answered[slot] !== 0, 'scan: the deadline ends a page that R did not answer');
    if (slots.answered[slot] === 0) respondStatus(this.#context, slot, ERRORS.TIMEOUT.code);
    else this.#answer(slot);
    this.#end(slot);
  }

  /**
   * Asks until the level is met if all that were asked answer: first nodes of the own data centre, those
   * last that are believed down.
   */
  #askMore(slot: number, request: Int32Array, requestOffset: number): void {
    const context = this.#context;
    const { slots, ring, suspected } = context;
    const placement = ring.tables[slots.replicationClass[slot]!]!;
    const first = slots.partition[slot]! * placement.stride;
    const home = ring.dataCentreOf[ring.ownNode];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let position = 0; position < placement.stride; position += 1) {
        const bit = 1 << position;
        const node = placement.table[first + position]!;
        const isHere = ring.dataCentreOf[node] === home;
        if (round !== (isHere ? 0 : 1) + 2 * suspected[node]!) continue;
        const hopedFor = slots.asked[slot]! & ~slots.failed[slot]!;
        if ((slots.asked[slot]! & bit) !== 0) continue;
        if (!levelWants(context, slot, hopedFor, position)) continue;
        if (sendScan(context, slot, node, request, requestOffset, PRIORITY.foreground)) {
          slots.asked[slot] = slots.asked[slot]! | bit;
        }
      }
    }
  }

  #settle(slot: number): void {
    const { slots } = this.#context;
    const open = slots.asked[slot]! & ~slots.answered[slot]! & ~slots.failed[slot]!;
    if (open !== 0 && !levelIsMet(this.#context, slot, slots.answered[slot]!)) return;
    if (slots.answered[slot] === 0) {
      respondStatus(this.#context, slot, slots.status[slot] || ERRORS.UNAVAILABLE.code);
    } else {
      this.#answer(slot);
    }
    this.#end(slot);
  }

  #end(slot: number): void {
    const { slots } = this.#context;
    for (const { words } of this.#pages.get(slot) ?? []) slots.largeWords -= words.length;
    this.#pages.delete(slot);
    slots.release(slot);
  }

  /** [SC3] */
  #boundsOf(slot: number): PageBounds {
    const { slots, limits } = this.#context;
    const words = slots.keptWords(slot);
    const request = slots.keptOffset(slot);
    const keyByteCount = words[request + REQUEST.keyAndContext]! & 0xffff;
    const scan = request + REQUEST_HEADER_WORDS + paddedWords(keyByteCount);
    return {
      recordsMax: Math.min(words[scan + SCAN.recordsMax]!, limits.scanRecordsMax),
      bytesMax: Math.min(words[scan + SCAN.bytesMax]!, limits.scanBytesMax),
    };
  }

  #answer(slot: number): void {
    const { slots } = this.#context;
    const pages = this.#pages.get(slot) ?? [];
    const complete = levelIsMet(this.#context, slot, slots.answered[slot]!);
    const join = this.#context.join(slots.lww[slot] === 1);
    const merged = mergePages(pages, join, this.#boundsOf(slot));
    const flags = (complete ? RESPONSE_FLAG.complete : 0) | (merged.more ? RESPONSE_FLAG.more : 0);
    respondRecords(this.#context, slot, merged.records, flags);
  }
}

/** What a page may hold. */
export interface PageBounds {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

interface MergedPage {
  /** Alive or not, each in a memory of its own; the next page starts after the last. */
  readonly records: readonly Int32Array[];
  readonly more: boolean;
}

/**
 * [SC1] Merges pages in order; stops where a page that has more behind it ends, or [SC3] where the
 * merged page is full.
 */
export function mergePages(
  pages: readonly ReplicaPage[],
  join: RecordJoin,
  bounds: PageBounds,
): MergedPage {
  const offsets = pages.map(() => 0);
  const left = pages.map((page) => page.recordCount);
  const records: Int32Array[] = [];
  let byteCount = 0;
  for (;;) {
    const exhausted = pages.findIndex((page, index) => left[index] === 0 && page.more);
    if (exhausted >= 0) return { records, more: true };
    const least = leastPage(pages, offsets, left);
    if (least < 0) return { records, more: false };
    if (records.length >= bounds.recordsMax) return { records, more: true };
    const record = takeRecord(pages, offsets, left, least, join);
    byteCount += record.length * 4;
    if (records.length > 0 && byteCount > bounds.bytesMax) return { records, more: true };
    records.push(record);
  }
}

function leastPage(
  pages: readonly ReplicaPage[],
  offsets: readonly number[],
  left: readonly number[],
): number {
  let least = -1;
  for (let index = 0; index < pages.length; index += 1) {
    if (left[index] === 0) continue;
    if (
      least < 0 ||
      compareRecordPositions(
        pages[index]!.words,
        offsets[index]!,
        pages[least]!.words,
        offsets[least]!,
      ) < 0
    ) {
      least = index;
    }
  }
  return least;
}

/** Takes the least record from every page that stands at it, joined. */
function takeRecord(
  pages: readonly ReplicaPage[],
  offsets: number[],
  left: number[],
  least: number,
  join: RecordJoin,
): Int32Array {
  const { words } = pages[least]!;
  const start = offsets[least]!;
  let joined = words.slice(start, start + recordWordCount(words, start));
  for (let index = 0; index < pages.length; index += 1) {
    if (left[index] === 0) continue;
    const page = pages[index]!.words;
    const offset = offsets[index]!;
    if (compareRecordPositions(page, offset, words, start) !== 0) continue;
    const size = recordWordCount(page, offset);
    if (index !== least) {
      const out = new Int32Array(joined.length + size);
      joined = out.slice(0, joinRecords(join, joined, 0, page, offset, out, 0));
    }
    offsets[index] = offset + size;
    left[index] = left[index]! - 1;
  }
  return joined;
}
