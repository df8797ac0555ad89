/**
 * Reads a table from some place to its end, in order, several blocks at a time: what a merge reads
 * its inputs by. Holds the file open until `close`.
 *
 * Invariants:
 *   TC1 the records are those of the table behind `after`, in order, each once
 *   TC2 a failed read or a damaged block ends the cursor with a failure, never as the table's end
 */
import { assert } from '@clockwise/kernel/assert';
import { HEADER } from '@clockwise/record/layout';
import { BlockScratch } from './block-codec.ts';
import type { Disk, DiskError, DiskResult, FileHandle } from './disk.ts';
import type { TableReader } from './sstable-reader.ts';
import { compareTokenHalves } from './token-range.ts';
import { bytesOf, readWhole } from './whole-transfer.ts';

/** A place between two tokens: behind all records of this one. */
export interface KeyBound {
  readonly bucketId: number;
  readonly tokenHigh: number;
  readonly tokenLow: number;
}

const NO_BUFFER = new Int32Array(0);

export class TableCursor {
  /** Where the record stands that `next` came to; borrowed until the next call. */
  words: Int32Array = new Int32Array(0);
  /** Its word offset there; -1: before the first record, or behind the last. */
  record = -1;
  /** Why the cursor ended early. [TC2] */
  failure: DiskError | undefined = undefined;
  blocksRead = 0;
  readonly #disk: Disk;
  readonly #file: FileHandle;
  readonly #reader: TableReader;
  readonly #after: KeyBound | undefined;
  readonly #readBytes: number;
  readonly #scratch: BlockScratch = new BlockScratch();
  #buffer: Int32Array;
  /** The blocks in the buffer: the one to open next and where it stands, and the one behind the last. */
  #block: number;
  #blockAt = 0;
  #blocksEnd: number;
  #isBehind: boolean;

  private constructor(
    disk: Disk,
    file: FileHandle,
    reader: TableReader,
    after: KeyBound | undefined,
    readBytes: number,
    buffer: Int32Array,
  ) {
    this.#disk = disk;
    this.#buffer = buffer;
    this.#file = file;
    this.#reader = reader;
    this.#after = after;
    this.#readBytes = readBytes;
    this.#block =
      after === undefined
        ? 0
        : Math.max(0, reader.locate(after.bucketId, after.tokenHigh, after.tokenLow));
    this.#blocksEnd = this.#block;
    this.#isBehind = after === undefined;
  }

  /** Before the first record behind `after`. `lent`: to read blocks to, until it is closed. */
  static open(
    disk: Disk,
    reader: TableReader,
    after: KeyBound | undefined,
    readBytes: number,
    lent: Int32Array = NO_BUFFER,
  ): DiskResult<TableCursor> {
    assert(readBytes > 0, 'a read is of some bytes');
    const file = disk.open(reader.name, 'read');
    if (!file.ok) return file;
    return { ok: true, value: new TableCursor(disk, file.value, reader, after, readBytes, lent) };
  }

  /** Goes to the next record; false: the table's end, or `failure`. */
  next(): boolean {
    const scratch = this.#scratch;
    if (this.failure !== undefined) return false;
    let record = this.record < 0 ? scratch.to : this.record;
    if (this.record >= 0) record += scratch.words[record + HEADER.wordCount]!;
    for (;;) {
      if (record >= scratch.to) {
        if (!this.#openNext()) {
          this.record = -1;
          return false;
        }
        record = scratch.from;
      }
      if (this.#isBehind || this.#standsBehind(record)) break;
      record += scratch.words[record + HEADER.wordCount]!;
    }
    this.#isBehind = true;
    this.words = scratch.words;
    this.record = record;
    return true;
  }

  close(): void {
    this.#disk.close(this.#file);
  }

  #standsBehind(record: number): boolean {
    const after = this.#after!;
    const { words } = this.#scratch;
    const bucketId = words[record + HEADER.bucketId]!;
    if (bucketId !== after.bucketId) return bucketId >>> 0 > after.bucketId >>> 0;
    const high = words[record + HEADER.tokenHigh]!;
    const low = words[record + HEADER.tokenLow]!;
    return compareTokenHalves(high, low, after.tokenHigh, after.tokenLow) > 0;
  }

  #openNext(): boolean {
    if (this.#block === this.#blocksEnd && !this.#readBlocks()) return false;
    const block = this.#block;
    if (!this.#reader.openBlock(this.#buffer, this.#blockAt, block, this.#scratch)) {
      const detail = `block ${block} of ${this.#reader.name} is damaged`;
      this.failure = { ok: false, code: 'EIO', detail };
      return false;
    }
    this.#blockAt += this.#reader.blockByteCount(block) / 4;
    this.#block += 1;
    this.blocksRead += 1;
    return true;
  }

  /** Reads the next blocks; false: there are none, or the disk failed. */
  #readBlocks(): boolean {
    const reader = this.#reader;
    const first = this.#block;
    if (first >= reader.blockCount) return false;
    let byteCount = reader.blockByteCount(first);
    let end = first + 1;
    while (end < reader.blockCount && byteCount + reader.blockByteCount(end) <= this.#readBytes) {
      byteCount += reader.blockByteCount(end);
      end += 1;
    }
    if (this.#buffer.length * 4 < byteCount) {
      this.#buffer = new Int32Array(Math.max(byteCount, this.#readBytes & ~7) / 4);
    }
    const bytes = bytesOf(this.#buffer, 0, byteCount / 4);
    const read = readWhole(this.#disk, this.#file, bytes, reader.blockOffset(first));
    if (!read.ok) {
      this.failure = read;
      return false;
    }
    // Of a file that is too short, old bytes of the buffer must not stand for the missing ones.
    bytes.fill(0, read.value);
    this.#blockAt = 0;
    this.#blocksEnd = end;
    return true;
  }
}
