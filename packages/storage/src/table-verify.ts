/**
 * Reads a table for people: what its footer says, and whether footer, index, filter and every block
 * are what was written there.
 *
 * Invariants:
 *   TV1 a table in which any byte of footer, index, filter or a block has changed has a fault
 *   TV2 a damaged block is named with the tokens whose reads it fails; the others are checked on
 */
import { compareRecordPositions } from '@clockwise/record/compare';
import { HEADER, KIND } from '@clockwise/record/layout';
import { BLOCK_CODEC, BlockScratch } from './block-codec.ts';
import type { Disk, DiskResult, FileHandle } from './disk.ts';
import {
  type FileExplanation,
  type FileToExplain,
  storeIdText,
  tokenText,
  unreadable,
} from './file-explanation.ts';
import type { TableMetadata } from './manifest.ts';
import { decodeFooter, FOOTER_BYTES, type FooterReading, TABLE_VERSION } from './sstable-format.ts';
import { openTable } from './table-open.ts';
import type { TableReader } from './sstable-reader.ts';
import { readWhole } from './whole-transfer.ts';

export type FooterLoad =
  | { readonly kind: 'read'; readonly byteCount: number; readonly reading: FooterReading }
  | { readonly kind: 'failed'; readonly fault: string };

/** The footer of a table, whatever the manifest says of it. */
export function loadFooter({ disk, name, tools }: FileToExplain): FooterLoad {
  const file = disk.open(name, 'read');
  if (!file.ok) return { kind: 'failed', fault: unreadable(name, file) };
  const load = readFooter(disk, file.value);
  disk.close(file.value);
  if (!load.ok) return { kind: 'failed', fault: unreadable(name, load) };
  const { byteCount, words } = load.value;
  return { kind: 'read', byteCount, reading: decodeFooter(words, tools.checksum) };
}

function readFooter(
  disk: Disk,
  file: FileHandle,
): DiskResult<{ readonly byteCount: number; readonly words: Int32Array }> {
  const size = disk.size(file);
  if (!size.ok) return size;
  const words = new Int32Array(FOOTER_BYTES / 4);
  const from = Math.max(0, size.value - FOOTER_BYTES);
  const read = readWhole(disk, file, new Uint8Array(words.buffer), from);
  if (!read.ok) return read;
  return { ok: true, value: { byteCount: size.value, words } };
}

export function explainTable(file: FileToExplain, fileNumber: number): FileExplanation {
  const { name } = file;
  const load = loadFooter(file);
  const base = { name, kind: 'table', version: 0, byteCount: 0, rows: [] } as const;
  if (load.kind === 'failed') return { ...base, faults: [load.fault] };
  const { byteCount, reading } = load;
  if (reading.kind === 'foreign') {
    return { ...base, byteCount, faults: [`${name}: ${reading.reason}`] };
  }
  if (reading.kind === 'damaged') {
    const at = Math.max(0, byteCount - FOOTER_BYTES);
    const fault = `${name} at byte ${at}: ${reading.reason}; a store that names it does not open`;
    return { ...base, byteCount, faults: [fault] };
  }
  const { footer } = reading;
  const { table, storeIdLow, storeIdHigh } = footer;
  const rows = [
    ['store', storeIdText(storeIdLow, storeIdHigh)],
    ...tableRows(table),
    ['blocks', `${footer.blockCount}, ${codecName(footer.codec)}`],
    ['index', `${footer.filterBytesFrom - footer.indexBytesFrom} bytes`],
    ['filter', `${footer.filterWords * 4} bytes, ${footer.filterProbes} probes`],
  ] as const;
  const faults =
    table.fileNumber === fileNumber ? [] : [`${name}: it is the table of another name`];
  if (faults.length === 0) faults.push(...partFaults(file, table));
  return { name, kind: 'table', version: TABLE_VERSION, byteCount, rows, faults };
}

function tableRows(table: TableMetadata): (readonly [string, string])[] {
  const { firstTokenHigh, firstTokenLow, lastTokenHigh, lastTokenLow } = table;
  const first = `${table.firstBucketId}/${tokenText(firstTokenHigh, firstTokenLow)}`;
  const last = `${table.lastBucketId}/${tokenText(lastTokenHigh, lastTokenLow)}`;
  const { earliestExpirySeconds: earliest, latestExpirySeconds: latest } = table;
  return [
    ['level', `${table.level} when it was written`],
    ['records', `${table.recordCount}, ${table.rawBytes} bytes`],
    ['tombstones', String(table.tombstoneCount)],
    ['deltas', String(table.deltaCount)],
    [
      'expiring',
      table.expiringCount === 0 ? '0' : `${table.expiringCount}, ${earliest} to ${latest}`,
    ],
    ['bucket/token', `${first} to ${last}`],
    ['sequences', `${table.firstSequence} to ${table.lastSequence}`],
    ['largest record', `${table.largestRecordWords * 4} bytes`],
  ];
}

function codecName(codec: number): string {
  const names = Object.entries(BLOCK_CODEC);
  return names.find(([, id]) => id === codec)?.[0] ?? `codec ${codec}`;
}

function partFaults(file: FileToExplain, table: TableMetadata): string[] {
  const { disk, name, tools, isWhole } = file;
  const opening = openTable(disk, table, tools.checksum, tools.codecs);
  if (opening.kind === 'failed') return [unreadable(name, opening.error)];
  if (opening.kind !== 'open') {
    return [`${opening.reason}; a store that names it does not open`];
  }
  const { reader } = opening;
  const faults: string[] = [];
  if (!reader.filterSound) {
    const at = reader.parts.footer.filterBytesFrom;
    faults.push(
      `${name} at byte ${at}: the filter is damaged; nothing is missed, but each lookup reads a block`,
    );
  }
  return isWhole ? [...faults, ...new BlockWalk(file, reader).run()] : faults;
}

/** Reads block after block, and compares what they hold with what the footer says. */
class BlockWalk {
  readonly #file: FileToExplain;
  readonly #reader: TableReader;
  readonly #scratch: BlockScratch = new BlockScratch();
  readonly #faults: string[] = [];
  #records = 0;
  #tombstones = 0;
  #missedByFilter = 0;
  #disorder = 0;
  /** The last record before, in words of its own. */
  #last: Int32Array | undefined = undefined;

  constructor(file: FileToExplain, reader: TableReader) {
    this.#file = file;
    this.#reader = reader;
  }

  run(): string[] {
    const { disk, name } = this.#file;
    const file = disk.open(name, 'read');
    if (!file.ok) return [unreadable(name, file)];
    for (let block = 0; block < this.#reader.blockCount; block += 1) {
      this.#walk(file.value, block);
    }
    disk.close(file.value);
    return [...this.#faults, ...this.#sums()];
  }

  #walk(file: FileHandle, block: number): void {
    const reader = this.#reader;
    const byteCount = reader.blockByteCount(block);
    const words = new Int32Array(byteCount / 4);
    const bytes = new Uint8Array(words.buffer);
    const read = readWhole(this.#file.disk, file, bytes, reader.blockOffset(block));
    if (!read.ok) {
      this.#blockFault(block, `cannot be read (${read.code})`);
    } else if (!reader.openBlock(words, 0, block, this.#scratch)) {
      this.#blockFault(block, 'is damaged');
    } else {
      this.#takeRecords();
    }
  }

  /** [TV2] */
  #blockFault(block: number, what: string): void {
    const reader = this.#reader;
    const { name } = reader;
    const place = `at byte ${reader.blockOffset(block)}, ${reader.blockByteCount(block)} bytes`;
    const [from, to] = [placeOfBlock(reader, block), placeOfBlock(reader, block + 1)];
    this.#faults.push(
      `block ${block} of ${name} (${place}) ${what}: reads of bucket/token ${from} to ${to} ` +
        'answer READ_FAILED',
    );
    this.#last = undefined;
  }

  #takeRecords(): void {
    const { words, from, to } = this.#scratch;
    for (let record = from; record < to;) {
      this.#records += 1;
      if ((words[record + HEADER.kind]! & 0xff) === KIND.tombstone) this.#tombstones += 1;
      const bucketId = words[record + HEADER.bucketId]!;
      const high = words[record + HEADER.tokenHigh]!;
      const low = words[record + HEADER.tokenLow]!;
      if (!this.#reader.mayContain(bucketId, high, low)) this.#missedByFilter += 1;
      const end = record + words[record + HEADER.wordCount]!;
      const last = this.#last;
      if (last !== undefined && compareRecordPositions(last, 0, words, record) >= 0) {
        this.#disorder += 1;
      }
      this.#last = words.slice(record, end);
      record = end;
    }
  }

  #sums(): string[] {
    const { table, name } = this.#reader;
    const faults: string[] = [];
    const isWhole = this.#faults.length === 0;
    if (isWhole && this.#records !== table.recordCount) {
      faults.push(
        `${name}: it holds ${this.#records} records; its footer says ${table.recordCount}`,
      );
    }
    if (isWhole && this.#tombstones !== table.tombstoneCount) {
      const said = `its footer says ${table.tombstoneCount}`;
      faults.push(`${name}: it holds ${this.#tombstones} tombstones; ${said}`);
    }
    if (this.#missedByFilter > 0) {
      faults.push(`${name}: its filter denies ${this.#missedByFilter} records that it holds`);
    }
    if (this.#disorder > 0) {
      faults.push(`${name}: ${this.#disorder} records stand before one that belongs before them`);
    }
    return faults;
  }
}

/** The bucket and token of a block's first record; behind the last block, those of the last record. */
function placeOfBlock({ table, index, blockCount }: TableReader, block: number): string {
  if (block >= blockCount) {
    return `${table.lastBucketId}/${tokenText(table.lastTokenHigh, table.lastTokenLow)}`;
  }
  return `${index.bucketOf(block)}/${tokenText(index.tokenHighOf(block), index.tokenLowOf(block))}`;
}
