/**
 * A page of one partition and bucket: what memory holds and no table does, merged with the tables,
 * newest version of each key, in the order of (token, key), from after the cursor on. Tables are read
 * by effects, in the version that counts when the page begins; memory is looked at when the last read is
 * in, with all that was flushed since, so that the page is of one moment.
 *
 * Invariants:
 *   SO1 a page holds the newest version of every key between the cursor and its own end
 *   SO2 a page is read to its end in the tables that it holds, whatever is flushed or merged meanwhile;
 *       one whose memory or tables are taken from it, or of which a range was dropped, is read anew
 *   SO3 a page is answered when all it holds is durable
 *   SO4 a page that says `more` holds at least one record
 *   SO5 a few scans are at work at once, some more wait in the order they came, the rest is refused
 */
import { BoundedQueue } from '@clockwise/kernel/bounded-queue';
import { LANE } from '@clockwise/kernel/core';
import { reachable } from '@clockwise/kernel/probe';
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
import { isHidden, isHiddenBucket, isSettled } from '@clockwise/record/hidden';
import { paddedWords, RECENT, recentsOffset, siblingCount } from '@clockwise/record/layout';
import { BlockScratch } from '@clockwise/storage/block-codec';
import { collectPartition } from '@clockwise/storage/memtable-scan';
import type { BlockRead } from '@clockwise/storage/sstable-reader';
import { compareTokenHalves, type TokenRange } from '@clockwise/storage/token-range';
import type { ReplicaContext } from './replica-context.ts';
import { NOBODY, replyStatus, type Asker } from './reply.ts';
import { RunSource } from './run-source.ts';
import { mergePage, type MergedPage, type PageRecord, type ScanCursor } from './scan-merge.ts';
import type { TableReads } from './table-reads.ts';

/** Scans at work at once: each holds what it has read of every table. */
export const SCANS_MAX = 4;
/** Scans that wait for their turn; one more is refused. */
export const SCANS_WAITING_MAX = 64;
/** Bytes read from each table at a time, beside what the page may hold. */
const READ_BYTES_MORE = 64 * 1024;

interface Scan {
  readonly asker: Asker;
  readonly partition: number;
  readonly range: TokenRange;
  readonly cursor: ScanCursor | undefined;
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** The tables that it holds; -1: none. */
  pin: number;
  /** The ranges dropped when it began. */
  dropCount: number;
  sources: readonly RunSource[];
  readsOpen: number;
}

interface OpenRead {
  readonly scan: Scan;
  readonly source: RunSource;
  readonly blocks: BlockRead;
}

export class ScanOperations {
  readonly #context: ReplicaContext;
  readonly #tableReads: TableReads;
  readonly #reads: Map<number, OpenRead> = new Map();
  readonly #scans: Set<Scan> = new Set();
  readonly #scratch: BlockScratch = new BlockScratch();
  readonly #waiting: BoundedQueue<Scan> = new BoundedQueue(SCANS_WAITING_MAX);

  constructor(context: ReplicaContext, tableReads: TableReads) {
    this.#context = context;
    this.#tableReads = tableReads;
  }

  start(asker: Asker): void {
    const { words, offset, isForeground } = asker;
    const keyByteCount = words[offset + REPLICA_REQUEST.keyAndContext]! & 0xffff;
    const at = offset + REPLICA_READ_HEADER_WORDS + paddedWords(keyByteCount);
    const isVisible = !isHiddenBucket(words[offset + REPLICA_REQUEST.bucketId]!);
    // [GP2]
    if (isVisible && this.#context.held.isPageRefused(words[at + SCAN.partition]!, isForeground)) {
      this.#refuse(asker, ERRORS.NOT_READY.code);
      return;
    }
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

  /** [SO2] Memory is short: the pages at work that hold the oldest of it are read anew. */
  letGo(): void {
    const { versions } = this.#context;
    const oldest = versions.oldestPinnedFloor();
    for (const scan of this.#scans) {
      if (scan.pin === -1 || versions.floorOf(scan.pin) > oldest) continue;
      reachable('scans: a page lets go of what it holds and is read anew');
      this.#unpin(scan);
    }
  }

  #unpin(scan: Scan): void {
    if (scan.pin !== -1) this.#context.versions.unpin(scan.pin);
    scan.pin = -1;
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
      asker: { ...asker, words: copy, offset: 0 },
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
      pin: -1,
      dropCount: 0,
      sources: [],
      readsOpen: 0,
    };
  }

  #begin(scan: Scan): void {
    const { versions, memtable } = this.#context;
    scan.pin = versions.pin(true);
    scan.dropCount = memtable.dropCount;
    const levels = versions.readersOf(scan.pin);
    scan.sources = Array.from(
      { length: levels.runStarts.length - 1 },
      (_, run) => new RunSource(levels, run, scan.range),
    );
    this.#goOn(scan);
  }

  /** Reads more of every run that has more, and ends the page where there is nothing to wait for. */
  #goOn(scan: Scan): void {
    for (const source of scan.sources) {
      if (source.hasMore) this.#readMore(scan, source);
    }
    if (scan.readsOpen === 0) this.#finish(scan);
  }

  #readMore(scan: Scan, source: RunSource): void {
    const { cache } = this.#tableReads;
    const blocks = source.nextRead(cache, this.#scratch, scan.bytesMax + READ_BYTES_MORE);
    if (blocks === undefined) return;
    const read = this.#tableReads.readNumber();
    this.#reads.set(read, { scan, source, blocks });
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
    const { scan, source, blocks } = open;
    scan.readsOpen -= 1;
    if (!this.#scans.has(scan)) return;
    if (scan.pin === -1 && !this.#context.fenced) {
      // Its tables may be gone: what came, if anything, is not looked at.
      if (scan.readsOpen === 0) this.#begin(scan);
      return;
    }
    const isSound = words !== undefined && source.take(blocks, words, this.#scratch);
    if (!isSound || this.#context.fenced) {
      this.#end(scan);
      this.#refuse(scan.asker, ERRORS.READ_FAILED.code);
      this.#beginWaiting();
      return;
    }
    if (scan.readsOpen === 0) this.#finish(scan);
  }

  #finish(scan: Scan): void {
    const { memtable, versions } = this.#context;
    if (scan.dropCount !== memtable.dropCount) {
      // [SO2]
      this.#unpin(scan);
      this.#begin(scan);
      return;
    }
    const floor = versions.floorOf(scan.pin);
    const places = collectPartition(memtable, scan.partition, scan.range, floor);
    const page = mergePage({
      cursor: scan.cursor,
      range: scan.range,
      chunks: memtable.pool.words,
      places,
      tables: scan.sources,
      recordsMax: scan.recordsMax,
      bytesMax: scan.bytesMax,
      combine: this.#tableReads.combine,
    });
    if (page.recordCount === 0 && page.more) {
      // [SO4] All that was read lies before the cursor.
      this.#goOn(scan);
      return;
    }
    this.#end(scan);
    this.#reply(scan.asker, page);
    this.#beginWaiting();
  }

  #end(scan: Scan): void {
    this.#unpin(scan);
    this.#scans.delete(scan);
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
      this.#handOut(record);
      copyWords(record.words, record.offset, words, position, record.wordCount);
      position += record.wordCount;
    }
    sink.end(wordCount);
  }

  /** What reads a mark goes on to read its key: what is noted from now on, it may have missed. */
  #handOut({ words, offset }: PageRecord): void {
    if (!isHidden(words, offset) || siblingCount(words, offset) > 0 || isSettled(words, offset))
      return;
    this.#context.handOut(words[recentsOffset(words, offset) + RECENT.sequence]!);
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
