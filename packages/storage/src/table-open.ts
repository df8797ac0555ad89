/**
 * Opens a table that a manifest names: reads and checks its footer, index and filter.
 *
 * Invariants:
 *   TO1 a footer or index that is not what was written keeps the table shut; a filter does not (TR1)
 */
import { type BlockCodecs, PURE_CODECS } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError, FileHandle } from './disk.ts';
import { tableName } from './file-names.ts';
import type { TableMetadata } from './manifest.ts';
import { decodeFooter, FOOTER_BYTES, INDEX_ENTRY_WORDS, partChecksum } from './sstable-format.ts';
import { TableReader } from './sstable-reader.ts';
import { bytesOf, readWhole } from './whole-transfer.ts';

export type TableOpening =
  | { readonly kind: 'open'; readonly reader: TableReader }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: DiskError };

/**
 * Reads footer, index and filter of a table that the manifest names. `room` for exactly so many words of
 * either, for as long as the table is there.
 */
export function openTable(
  disk: Disk,
  wanted: TableMetadata,
  checksum: Checksum,
  codecs: BlockCodecs = PURE_CODECS,
  room: (wordCount: number) => Int32Array = newWords,
): TableOpening {
  return open(disk, { wanted, checksum, codecs, withFilter: true, room });
}

/**
 * Without the filter, which who reads a table from end to end does not need. `room` for so many words of
 * index: a buffer that the caller lends for as long as it uses the reader.
 */
export function openTableIndex(
  disk: Disk,
  wanted: TableMetadata,
  checksum: Checksum,
  codecs: BlockCodecs = PURE_CODECS,
  room: (wordCount: number) => Int32Array = newWords,
): TableOpening {
  return open(disk, { wanted, checksum, codecs, withFilter: false, room });
}

function newWords(wordCount: number): Int32Array {
  return new Int32Array(wordCount);
}

interface OpenOptions {
  readonly wanted: TableMetadata;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  readonly withFilter: boolean;
  readonly room: (wordCount: number) => Int32Array;
}

function open(disk: Disk, options: OpenOptions): TableOpening {
  const name = tableName(options.wanted.fileNumber);
  const file = disk.open(name, 'read');
  if (!file.ok) {
    if (file.code !== 'ENOENT') return { kind: 'failed', error: file };
    return { kind: 'damaged', reason: `${name} is missing` };
  }
  const opening = openTableFile(disk, file.value, options);
  disk.close(file.value);
  return opening;
}

function openTableFile(disk: Disk, file: FileHandle, options: OpenOptions): TableOpening {
  const { wanted, checksum, codecs, withFilter, room } = options;
  const { fileNumber } = wanted;
  const name = tableName(fileNumber);
  const size = disk.size(file);
  if (!size.ok) return { kind: 'failed', error: size };
  if (size.value !== wanted.byteCount) {
    return { kind: 'damaged', reason: `${name} has another length than the manifest says` };
  }
  const footerWords = readWords(disk, file, size.value - FOOTER_BYTES, FOOTER_BYTES);
  if (!(footerWords instanceof Int32Array)) return { kind: 'failed', error: footerWords };
  const reading = decodeFooter(footerWords, checksum);
  if (reading.kind !== 'valid') return { ...reading, reason: `${name}: ${reading.reason}` };
  const { footer } = reading;
  const indexBytes = footer.blockCount * INDEX_ENTRY_WORDS * 4;
  if (
    footer.table.fileNumber !== fileNumber ||
    footer.indexBytesFrom + indexBytes !== footer.filterBytesFrom ||
    footer.filterBytesFrom + footer.filterWords * 4 + FOOTER_BYTES !== size.value
  ) {
    return { kind: 'damaged', reason: `${name}: the footer does not fit the file` };
  }
  const index = readWords(disk, file, footer.indexBytesFrom, indexBytes, room);
  if (!(index instanceof Int32Array)) return { kind: 'failed', error: index };
  const place = { fileNumber, offsetUnits: footer.indexBytesFrom / 8 };
  if (partChecksum(checksum, place, index) !== footer.indexChecksum) {
    return { kind: 'damaged', reason: `${name}: index checksum` };
  }
  const filterBytes = withFilter ? footer.filterWords * 4 : 0;
  const filter = readWords(
    disk,
    file,
    footer.filterBytesFrom,
    filterBytes,
    withFilter ? room : newWords,
  );
  if (!(filter instanceof Int32Array)) return { kind: 'failed', error: filter };
  const reader = new TableReader({ footer, index, filter }, checksum, codecs, wanted);
  return { kind: 'open', reader };
}

function readWords(
  disk: Disk,
  file: FileHandle,
  position: number,
  byteCount: number,
  room: (wordCount: number) => Int32Array = newWords,
): Int32Array | DiskError {
  const words = room(byteCount / 4).subarray(0, byteCount / 4);
  const read = readWhole(disk, file, bytesOf(words), position);
  if (!read.ok) return read;
  return read.value === byteCount ? words : words.subarray(0, read.value >>> 2);
}
