/**
 * A page of one partition and bucket: what memory holds and no table does, merged with the tables,
 * newest version of each key, in the order of (token, key), from after the cursor on. Tables are read
 * by effects; memory is looked at when the last read is in, so that the page is of one moment.
 *
 * Invariants:
 *   SO1 a page holds the newest version of every key between the cursor and its own end
 *   SO2 a page of which a flush changed the tables while it was read is read anew
 *   SO3 a page is answered when all it holds is durable
 *   SO4 a page that says `more` holds at least one record
 *   SO5 a few scans are at work at once, some more wait in the order they came, the rest is refused
 */
import { BoundedQueue } from '@clockwise/kernel/bounded-queue';
import { LANE } from '@clockwise/kernel/core';
import { partitionStart } from '@clockwise/placement/token';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLY_FLAG,
  REPLY_KIND,
  SCAN,
  TAG,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { paddedWords } from '@clockwise/record/layout';
import { BlockScratch } from '@clockwise/storage/block-codec';
import { collectPartition } from '@clockwise/storage/memtable-scan';
import type { BlockRead, TableReader } from '@clockwise/storage/sstable-reader';
import { compareTokenHalves, type TokenRange } from '@clockwise/storage/token-range';
import type { ReplicaContext } from './replica-context.ts';
import { NOBODY, replyStatus, type Asker } from './reply.ts';
import { mergePage, type MergedPage, type PageSource, type ScanCursor } from './scan-merge.ts';
import type { TableReads } from './table-reads.ts';
import type { TableSet } from './table-set.ts';

/** Scans at work at once: each holds what it has read of every table. */
export const SCANS_MAX = 4;
/** Scans that wait for their turn; one more is refused. */
export const SCANS_WAITING_MAX = 64;
/** Bytes read from each table at a time, beside what the page may hold. */
const READ_BYTES_MORE = 64 * 1024;

/** What has been read of one table. */
interface TableSource {
  readonly reader: TableReader;
  readonly source: PageSource;
  nextBlock: number;
}

interface Scan {
  readonly asker: Asker;
  readonly partition: number;
  readonly range: TokenRange;
  readonly cursor: ScanCursor | undefined;
  readonly recordsMax: number;
  readonly bytesMax: number;
  version: number;
  tables: TableSource[];
  readsOpen: number;
}

interface OpenRead {
  readonly scan: Scan;
  readonly table: TableSource;
  readonly blocks: BlockRead;
}

export class ScanOperations {
  readonly #context: ReplicaContext;
  readonly #tables: TableSet;
  readonly #numbers: TableReads;
  readonly #reads: Map<number, OpenRead> = new Map();
  readonly #scans: Set<Scan> = new Set();
  readonly #scratch: BlockScratch = new BlockScratch();
  readonly #waiting: BoundedQueue<Scan> = new BoundedQueue(SCANS_WAITING_MAX);

  constructor(context: ReplicaContext, tables: TableSet, numbers: TableReads) {
    this.#context = context;
    this.#tables = tables;
    this.#numbers = numbers;
  }

  start(asker: Asker): void {
    if (!this.#waiting.push(this.#scanOf(asker))) this.#refuse(asker, ERRORS.OVERLOADED.code);
    this.#beginWaiting();
  }

  /** [RP2] */
  forgetAsker(source: number): void {
    for (const scan of this.#scans) forget(scan.asker, source);
    for (let left = this.#waiting.count; left > 0; left -= 1) {
      const scan = this.#waiting.shift()!;
      forget(scan.asker, source);
      this.#waiting.push(scan);
    }
  }

  #beginWaiting(): void {
    while (this.#scans.size < SCANS_MAX) {
      const scan = this.#waiting.shift();
      if (scan === undefined) return;
      if (this.#context.fenced) {
        this.#refuse(scan.asker, ERRORS.DISK_FAILED.code);
        continue;
      }
      this.#scans.add(scan);
      this.#begin(scan);
    }
  }

  #scanOf(asker: Asker): Scan {
    const { words, offset } = asker;
    const { limits, leaves } = this.#context;
    const copy = words.slice(offset, offset + words[offset + REPLICA_REQUEST.wordCount]!);
    const keyByteCount = copy[REPLICA_REQUEST.keyAndContext]! & 0xffff;
    const key = REPLICA_READ_HEADER_WORDS;
    const at = key + paddedWords(keyByteCount);
    const bucketId = copy[REPLICA_REQUEST.bucketId]!;
    const partition = copy[at + SCAN.partition]!;
    const { partitionBits } = leaves;
    const start = partitionStart(partition, partitionBits);
    const hasCursor = copy[at + SCAN.hasPosition] !== 0;
    const tokenHigh = copy[at + SCAN.tokenHigh]!;
    const tokenLow = copy[at + SCAN.tokenLow]!;
    // A cursor is the client's word: one before the partition begins at the partition.
    const isInside = hasCursor && compareTokenHalves(tokenHigh, tokenLow, start, 0) >= 0;
    return {
      asker: { source: asker.source, words: copy, offset: 0 },
      partition,
      range: {
        bucketId,
        fromHigh: isInside ? tokenHigh : start,
        fromLow: isInside ? tokenLow : 0,
        toHigh: start | (0xffff_ffff >>> partitionBits),
        toLow: -1,
      },
      cursor: hasCursor ? { tokenHigh, tokenLow, words: copy, key, keyByteCount } : undefined,
      recordsMax: atMost(copy[at + SCAN.recordsMax]!, limits.scanRecordsMax),
      bytesMax: atMost(copy[at + SCAN.bytesMax]!, limits.scanBytesMax),
      version: 0,
      tables: [],
      readsOpen: 0,
    };
  }

  #begin(scan: Scan): void {
    scan.version = this.#tables.version;
    scan.tables = this.#tables.readers.map((reader) => ({
      reader,
      source: { parts: [], hasMore: true },
      nextBlock: -1,
    }));
    for (const table of scan.tables) this.#readMore(scan, table);
    if (scan.readsOpen === 0) this.#finish(scan);
  }

  #readMore(scan: Scan, table: TableSource): void {
    const byteCountMax = scan.bytesMax + READ_BYTES_MORE;
    const blocks = table.reader.scanRead(scan.range, table.nextBlock, byteCountMax);
    if (blocks === undefined) {
      table.source.hasMore = false;
      return;
    }
    const read = this.#numbers.readNumber();
    this.#reads.set(read, { scan, table, blocks });
    scan.readsOpen += 1;
    this.#context.counters.diskReads += 1;
    const { file, offset, byteCount } = blocks;
    this.#context.out.effect({ kind: 'read', read, file, offset, byteCount });
  }

  /** `words` is undefined where the read failed; they are borrowed. */
  readEnded(read: number, words: Int32Array | undefined): void {
    const open = this.#reads.get(read);
    if (open === undefined) return;
    this.#reads.delete(read);
    const { scan, table, blocks } = open;
    scan.readsOpen -= 1;
    if (!this.#scans.has(scan)) return;
    const parts = words === undefined ? undefined : this.#recordsOf(table.reader, blocks, words);
    if (parts === undefined || this.#context.fenced) {
      this.#scans.delete(scan);
      this.#refuse(scan.asker, ERRORS.READ_FAILED.code);
      this.#beginWaiting();
      return;
    }
    table.source.parts.push(...parts);
    table.nextBlock = blocks.firstBlock + blocks.blockCount;
    const further = table.reader.scanRead(scan.range, table.nextBlock, 0);
    table.source.hasMore = further !== undefined;
    if (scan.readsOpen === 0) this.#finish(scan);
  }

  /** A copy of each block's records; undefined: one of the blocks is damaged. */
  #recordsOf(reader: TableReader, blocks: BlockRead, words: Int32Array): Int32Array[] | undefined {
    const parts: Int32Array[] = [];
    let at = 0;
    for (let index = 0; index < blocks.blockCount; index += 1) {
      const block = blocks.firstBlock + index;
      if (!reader.openBlock(words, at, block, this.#scratch)) return undefined;
      const { words: records, from, to } = this.#scratch;
      parts.push(records.slice(from, to));
      at += reader.blockByteCount(block) / 4;
    }
    return parts;
  }

  #finish(scan: Scan): void {
    if (scan.version !== this.#tables.version) {
      // [SO2]
      this.#begin(scan);
      return;
    }
    const { memtable } = this.#context;
    const places = collectPartition(memtable, scan.partition, scan.range);
    const page = mergePage({
      cursor: scan.cursor,
      range: scan.range,
      chunks: memtable.pool.words,
      places,
      tables: scan.tables.map((table) => table.source),
      recordsMax: scan.recordsMax,
      bytesMax: scan.bytesMax,
    });
    if (page.recordCount === 0 && page.more) {
      // [SO4] All that was read lies before the cursor.
      for (const table of scan.tables) if (table.source.hasMore) this.#readMore(scan, table);
      if (scan.readsOpen === 0) this.#finish(scan);
      return;
    }
    this.#scans.delete(scan);
    this.#reply(scan.asker, page);
    this.#beginWaiting();
  }

  #reply(asker: Asker, page: MergedPage): void {
    if (asker.source === NOBODY) return;
    const wordCount = REPLICA_REPLY_HEADER_WORDS + page.wordCount;
    // [SO3]
    const sink = this.#context.out.send(asker.source, LANE.durable);
    const start = sink.begin(TAG.replicaReply, wordCount);
    if (start < 0) {
      this.#refuse(asker, ERRORS.OVERLOADED.code);
      return;
    }
    const { words } = sink;
    words.fill(0, start, start + REPLICA_REPLY_HEADER_WORDS);
    const flags = REPLY_FLAG.inline | (page.more ? REPLY_FLAG.more : 0);
    words[start + REPLICA_REPLY.kind] = REPLY_KIND.scanned | (flags << 24);
    words[start + REPLICA_REPLY.route] = asker.words[REPLICA_REQUEST.route]!;
    words[start + REPLICA_REPLY.slot] = asker.words[REPLICA_REQUEST.slot]!;
    words[start + REPLICA_REPLY.slotGeneration] = asker.words[REPLICA_REQUEST.slotGeneration]!;
    words[start + REPLICA_REPLY.recordWords] = page.wordCount;
    words[start + REPLICA_REPLY.recordCount] = page.recordCount;
    let position = start + REPLICA_REPLY_HEADER_WORDS;
    for (const record of page.records) {
      copyWords(record.words, record.offset, words, position, record.wordCount);
      position += record.wordCount;
    }
    sink.end(wordCount);
  }

  #refuse(asker: Asker, status: number): void {
    replyStatus(this.#context, asker, REPLY_KIND.scanned, status, LANE.now);
  }
}

function forget(asker: Asker, source: number): void {
  if (asker.source === source) asker.source = NOBODY;
}

function atMost(asked: number, limit: number): number {
  return asked <= 0 || asked > limit ? limit : asked;
}
