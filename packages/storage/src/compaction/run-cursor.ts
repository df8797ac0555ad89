/**
 * Reads the tables of one run one after the other, as if they were one. One file is open at a time.
 *
 * Invariants:
 *   RU1 the records are those of the run behind `after`, in order, each once
 *   RU2 a table that cannot be read ends the cursor with a failure, never as the run's end
 */
import type { BlockCodecs } from '../block-codec.ts';
import type { Checksum } from '../checksum.ts';
import type { Disk, DiskError } from '../disk.ts';
import type { TableMetadata } from '../manifest.ts';
import { SPARE_BUFFERS } from '../spare-buffers.ts';
import { openTableIndex } from '../table-open.ts';
import { type KeyBound, TableCursor } from '../table-cursor.ts';
import { comparePlaces } from '../table-extent.ts';

/** One read of an input; of a smaller table, all of it. */
const READ_BYTES = 128 * 1024;

export interface TableSource {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
}

export class RunCursor {
  /** Where the record stands that `next` came to; borrowed until the next call. */
  words: Int32Array = new Int32Array(0);
  /** Its word offset there; -1: before the first record, or behind the last. */
  record = -1;
  /** Of the table that the record stands in. */
  lastSequence = 0;
  /** Why the cursor ended early. [RU2] */
  failure: DiskError | undefined = undefined;
  readonly #source: TableSource;
  readonly #after: KeyBound | undefined;
  /** Those that reach behind `after`. */
  readonly #tables: readonly TableMetadata[];
  #next = 0;
  /** What is read of its tables, one after the other. */
  #buffer: Int32Array | undefined = undefined;
  #cursor: TableCursor | undefined = undefined;
  /** The index of the table that is open. */
  #index: Int32Array | undefined = undefined;

  /** REQUIRES: `tables` are in the order of (bucket, token), and no two of them meet. */
  constructor(source: TableSource, tables: readonly TableMetadata[], after: KeyBound | undefined) {
    this.#source = source;
    this.#after = after;
    this.#tables = after === undefined ? tables : tables.filter((table) => reaches(table, after));
  }

  /** Goes to the next record; false: the run's end, or `failure`. */
  next(): boolean {
    while (this.failure === undefined) {
      if (this.#cursor === undefined && !this.#openNext()) break;
      const cursor = this.#cursor!;
      if (cursor.next()) {
        this.words = cursor.words;
        this.record = cursor.record;
        return true;
      }
      if (cursor.failure !== undefined) this.#fail(this.#tables[this.#next - 1]!, cursor.failure);
      this.#closeTable();
    }
    this.record = -1;
    return false;
  }

  /** Nothing of what it came to is read after this. */
  close(): void {
    this.#closeTable();
    if (this.#buffer !== undefined) SPARE_BUFFERS.give(this.#buffer);
    this.#buffer = undefined;
    this.record = -1;
  }

  #closeTable(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
    if (this.#index !== undefined) SPARE_BUFFERS.give(this.#index);
    this.#index = undefined;
  }

  #openNext(): boolean {
    const table = this.#tables[this.#next];
    if (table === undefined) return false;
    this.#next += 1;
    const { disk, checksum, codecs } = this.#source;
    const opening = openTableIndex(disk, table, checksum, codecs, (wordCount) => {
      this.#index = SPARE_BUFFERS.take(wordCount);
      return this.#index;
    });
    if (opening.kind !== 'open') {
      const detail = opening.kind === 'failed' ? '' : `a merge reads a table: ${opening.reason}`;
      this.#fail(
        table,
        opening.kind === 'failed' ? opening.error : { ok: false, code: 'EIO', detail },
      );
      return false;
    }
    const readBytes = Math.min(READ_BYTES, table.byteCount);
    // Of a small table the buffer is smaller, and the run's next table may be large.
    if (this.#buffer === undefined || this.#buffer.length * 4 < readBytes) {
      if (this.#buffer !== undefined) SPARE_BUFFERS.give(this.#buffer);
      this.#buffer = SPARE_BUFFERS.take(Math.ceil(readBytes / 8) * 2);
    }
    const cursor = TableCursor.open(disk, opening.reader, this.#after, readBytes, this.#buffer);
    if (!cursor.ok) {
      this.#fail(table, cursor);
      return false;
    }
    this.#cursor = cursor.value;
    this.lastSequence = table.lastSequence;
    return true;
  }

  /** [RU2] A lack of descriptors is no table's fault. */
  #fail({ fileNumber }: TableMetadata, failure: DiskError): void {
    this.failure = failure.code === 'EMFILE' ? failure : { ...failure, fileNumber };
  }
}

function reaches(table: TableMetadata, { bucketId, tokenHigh, tokenLow }: KeyBound): boolean {
  const { lastBucketId, lastTokenHigh, lastTokenLow } = table;
  return (
    comparePlaces(lastBucketId, lastTokenHigh, lastTokenLow, bucketId, tokenHigh, tokenLow) > 0
  );
}
