/**
 * A walk over a bucket, partition by partition, page by page, as an async iterable. It can stop
 * anywhere and go on from its cursor, in another process too; it says whether every page was merged
 * from as many replicas as were asked for.
 *
 * Invariants:
 *   SN1 `cursor` stands behind the last record handed out: going on from there repeats and skips none
 *   SN2 `complete` is true only when the end was reached and every page on the way was complete
 *   SN3 at most `PARTITIONS_AHEAD` pages are fetched before they are wanted
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { REQUEST_FLAG, REQUEST_OPCODE, SCAN, SCAN_WORDS } from '@clockwise/protocol/frame';
import { levelNumber, type ConsistencyLevel } from './consistency-level.ts';
import type { Dispatcher } from './dispatcher.ts';
import { ClockwiseError, badRequest } from './errors.ts';
import type { Membership } from './membership.ts';
import { integerOption } from './options.ts';
import type { BucketHandle, RequestTable } from './request-table.ts';
import type { ScanPage, ScanPosition, ScanRecord } from './results.ts';
import { cursorText, parseCursor, type ScanCursor } from './scan-cursor.ts';

export interface ScanOptions {
  /** Where an earlier scan stood. */
  readonly cursor?: string;
  /** Records at the most. */
  readonly limit?: number;
  /** Only these, in this order; together with a cursor, the same as then. */
  readonly partitions?: readonly number[];
  /** Records of one page. */
  readonly pageRecordsMax?: number;
  /** Replicas that must answer for each page. */
  readonly r?: ConsistencyLevel;
  readonly strict?: boolean;
  /** Milliseconds for each page. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface ScanEngine {
  readonly dispatcher: Dispatcher;
  readonly table: RequestTable;
  readonly membership: Membership;
}

/** A page under way. Failures are values until somebody waits for them. */
type Fetched =
  { readonly ok: true; readonly page: ScanPage } | { readonly ok: false; readonly error: unknown };

const PARTITIONS_AHEAD = 4;
const INT_MAX = 0x7fff_ffff;

export class Scan implements AsyncIterable<ScanRecord> {
  readonly #engine: ScanEngine;
  readonly #bucket: BucketHandle;
  readonly #options: ScanOptions;
  readonly #level: number;
  readonly #pageRecordsMax: number;
  readonly #limit: number;
  #cursor: ScanCursor | undefined;
  #isComplete = true;
  #isBegun = false;

  constructor(engine: ScanEngine, bucket: BucketHandle, options: ScanOptions) {
    this.#engine = engine;
    this.#bucket = bucket;
    this.#options = options;
    this.#level = levelNumber(options.r);
    const pageRecordsMax = options.pageRecordsMax ?? DEFAULT_LIMITS.scanRecordsMax;
    this.#pageRecordsMax = integerOption('pageRecordsMax', pageRecordsMax, 0xffff);
    this.#limit = integerOption('limit', options.limit ?? INT_MAX, INT_MAX);
    if (options.cursor !== undefined) this.#cursor = parseCursor(options.cursor);
  }

  /** Where to go on from; undefined before the scan has begun. */
  get cursor(): string | undefined {
    return this.#cursor === undefined ? undefined : cursorText(this.#cursor);
  }

  /** Every page so far was merged from as many replicas as were asked for, and the end was reached. */
  get complete(): boolean {
    return this.#isComplete && this.#cursor?.kind === 'end';
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ScanRecord, void, void> {
    if (this.#isBegun) throw badRequest('a scan is walked once: begin another one at its cursor');
    this.#isBegun = true;
    const partitions = this.#partitions();
    const ahead: Promise<Fetched>[] = [];
    let left = this.#limit;
    for (let index = 0; index < partitions.length; index += 1) {
      const partition = partitions[index]!;
      while (ahead.length < Math.min(PARTITIONS_AHEAD, partitions.length - index)) {
        ahead.push(this.#begin(partitions[index + ahead.length]!));
      }
      let page = await taken(ahead.shift()!);
      for (;;) {
        this.#isComplete &&= page.complete;
        for (let record = 0; record < page.records.length; record += 1) {
          this.#cursor = { kind: 'behind', partition, position: page.positions[record]! };
          yield page.records[record]!;
          left -= 1;
          if (left === 0) return;
        }
        if (!page.more) break;
        if (page.last === undefined) throw new ClockwiseError('BAD_FRAME');
        page = await taken(this.#fetch(partition, page.last));
      }
      this.#cursor = this.#startOf(partitions[index + 1]);
    }
    this.#cursor = { kind: 'end' };
  }

  /** Those that are still to be walked, the cursor's own first. */
  #partitions(): readonly number[] {
    const all = this.#options.partitions ?? this.#allPartitions();
    const cursor = this.#cursor;
    if (cursor === undefined) return all;
    if (cursor.kind === 'end') return [];
    const from = all.indexOf(cursor.partition);
    if (from < 0) throw badRequest('the cursor stands in a partition that is not to be scanned');
    return all.slice(from);
  }

  #allPartitions(): readonly number[] {
    const count = this.#engine.membership.welcome?.partitionCount ?? 0;
    return Array.from({ length: count }, (_, partition) => partition);
  }

  #startOf(partition: number | undefined): ScanCursor {
    return partition === undefined ? { kind: 'end' } : { kind: 'start', partition };
  }

  /** A partition's first page: from its beginning, or from where the cursor stood in it. */
  #begin(partition: number): Promise<Fetched> {
    const cursor = this.#cursor;
    const isHere = cursor?.kind === 'behind' && cursor.partition === partition;
    return this.#fetch(partition, isHere ? cursor.position : undefined);
  }

  #fetch(partition: number, position: ScanPosition | undefined): Promise<Fetched> {
    const { dispatcher, table } = this.#engine;
    const { strict, timeoutMs, signal } = this.#options;
    let slot: number;
    try {
      slot = dispatcher.open(REQUEST_OPCODE.scan, this.#bucket, timeoutMs, undefined);
    } catch (error) {
      return Promise.resolve({ ok: false, error });
    }
    table.flags[slot] = strict === true ? REQUEST_FLAG.strict : 0;
    table.level[slot] = this.#level;
    table.key[slot] = position === undefined ? '' : position.key;
    table.value[slot] = scanBytes(partition, position, this.#pageRecordsMax);
    return dispatcher.commit(slot, signal).then(
      (page) => ({ ok: true, page: page as ScanPage }),
      (error: unknown) => ({ ok: false, error }),
    );
  }
}

async function taken(fetched: Promise<Fetched>): Promise<ScanPage> {
  const outcome = await fetched;
  if (!outcome.ok) throw outcome.error;
  return outcome.page;
}

function scanBytes(
  partition: number,
  position: ScanPosition | undefined,
  recordsMax: number,
): Uint8Array {
  const words = new Int32Array(SCAN_WORDS);
  words[SCAN.partition] = partition;
  words[SCAN.hasPosition] = position === undefined ? 0 : 1;
  words[SCAN.tokenHigh] = position?.tokenHigh ?? 0;
  words[SCAN.tokenLow] = position?.tokenLow ?? 0;
  words[SCAN.recordsMax] = recordsMax;
  words[SCAN.bytesMax] = DEFAULT_LIMITS.scanBytesMax;
  return new Uint8Array(words.buffer);
}
