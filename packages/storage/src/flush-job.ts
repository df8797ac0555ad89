/**
 * Turns a frozen chunk into a table, without a copy of the chunk: a pure function of the chunk's words
 * and a disk, run in the pool. Nobody learns of the table before the manifest names it.
 *
 * Invariants:
 *   FJ1 the table holds, of each key in the chunk, the newest version and no other; and nothing that a
 *       range drop took away, so that a table reaches past a drop's sequence only without it
 *   FJ2 the leaves after it are the leaves before it, less what the chunk's records replaced, plus what
 *       they installed (modulo 2^64), over all of them and not only the newest; but for those that a
 *       range drop took away, whose leaves are zero already
 *   FJ3 when the result is ok, file and name are durable
 */
import { assert } from '@clockwise/kernel/assert';
import { sometimes } from '@clockwise/kernel/probe';
import { HEADER, HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { type BlockCodecs, PURE_CODECS } from './block-codec.ts';
import { CHUNK_HEADER_WORDS } from './chunk.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskResult } from './disk.ts';
import { compareKeys, keysEqual } from './keyed-hash.ts';
import { writeLeaves } from './leaves-file.ts';
import { readSequence } from './log-format.ts';
import type { RangeDrop, TableMetadata } from './manifest.ts';
import { sortRecords } from './record-sort.ts';
import { SPARE_BUFFERS } from './spare-buffers.ts';
import { TableWriter } from './sstable-writer.ts';
import { isRecordInRange } from './token-range.ts';

export interface FlushInput {
  /** The chunk's words [CHUNK_HEADER_WORDS, usedWords) are [prefix | record] runs. */
  readonly words: Int32Array;
  readonly usedWords: number;
  readonly recordCount: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Taken from the manifest's counter before the job began. */
  readonly fileNumber: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly blockBytes: number;
  /** A BLOCK_CODEC. */
  readonly codec: number;
  readonly bloomBitsPerKey: number;
  /** All that are known when the job begins, also those that wait for their edition. */
  readonly rangeDrops: readonly RangeDrop[];
  /** Hash-tree leaves as of the floor, two words each; undefined: the store keeps none. */
  readonly leaves: FlushLeaves | undefined;
}

export interface FlushLeaves {
  /** Another number of the manifest's counter. */
  readonly fileNumber: number;
  readonly words: Int32Array;
}

export interface FlushOutput {
  /** Undefined: range drops took all. */
  readonly table: TableMetadata | undefined;
  /** The leaves as of the chunk's last sequence, in a buffer of their own. */
  readonly leaves: Int32Array | undefined;
}

export function flushChunk(
  disk: Disk,
  checksum: Checksum,
  input: FlushInput,
  codecs: BlockCodecs = PURE_CODECS,
): DiskResult<FlushOutput> {
  const table = writeTable(disk, checksum, input, codecs);
  if (!table.ok) return table;
  const leaves = leavesAfter(input);
  if (leaves !== undefined && input.leaves !== undefined) {
    const { fileNumber } = input.leaves;
    const written = writeLeaves(
      disk,
      { fileNumber, sequence: input.lastSequence, leaves },
      checksum,
    );
    if (!written.ok) return written;
  }
  const synced = disk.syncDirectory();
  if (!synced.ok) return synced;
  return { ok: true, value: { table: table.value, leaves } };
}

function writeTable(
  disk: Disk,
  checksum: Checksum,
  input: FlushInput,
  codecs: BlockCodecs,
): DiskResult<TableMetadata | undefined> {
  const offsets = SPARE_BUFFERS.take(input.recordCount);
  const written = writeRecords(disk, checksum, input, codecs, offsets);
  SPARE_BUFFERS.give(offsets);
  return written;
}

/** `offsets`: room for all records. */
function writeRecords(
  disk: Disk,
  checksum: Checksum,
  input: FlushInput,
  codecs: BlockCodecs,
  offsets: Int32Array,
): DiskResult<TableMetadata | undefined> {
  const newest = newestRecords(input, offsets);
  let count = 0;
  for (let index = 0; index < newest; index += 1) {
    const record = offsets[index]!;
    if (isDropped(input, record)) continue;
    offsets[count] = record;
    count += 1;
  }
  if (count === 0) return { ok: true, value: undefined };
  const created = TableWriter.create({
    disk,
    checksum,
    fileNumber: input.fileNumber,
    level: 0,
    storeIdLow: input.storeIdLow,
    storeIdHigh: input.storeIdHigh,
    blockBytes: input.blockBytes,
    codec: input.codec,
    codecs,
    bloomBitsPerKey: input.bloomBitsPerKey,
    firstSequence: input.firstSequence,
    lastSequence: input.lastSequence,
  });
  if (!created.ok) return created;
  const writer = created.value;
  for (let index = 0; index < count; index += 1) {
    writer.add(input.words, offsets[index]!);
  }
  return writer.finish();
}

/** Whether a range drop took the record at word `record` away. */
function isDropped({ words, rangeDrops }: FlushInput, record: number): boolean {
  if (rangeDrops.length === 0) return false;
  const sequence = readSequence(words, record - PREFIX_WORDS + PREFIX.sequenceLow);
  return rangeDrops.some(
    (drop) => sequence <= drop.sequence && isRecordInRange(words, record, drop),
  );
}

/** Puts the word offsets of each key's newest record in `newest`, in the order of tables; how many. */
function newestRecords(input: FlushInput, newest: Int32Array): number {
  const { words, recordCount } = input;
  const offsets = SPARE_BUFFERS.take(recordCount);
  const bucketIds = SPARE_BUFFERS.take(recordCount);
  const tokenHighs = SPARE_BUFFERS.take(recordCount);
  const tokenLows = SPARE_BUFFERS.take(recordCount);
  const order = SPARE_BUFFERS.take(recordCount);
  let count = 0;
  for (let at = CHUNK_HEADER_WORDS; at < input.usedWords;) {
    const record = at + PREFIX_WORDS;
    offsets[count] = record;
    bucketIds[count] = words[record + HEADER.bucketId]!;
    tokenHighs[count] = words[record + HEADER.tokenHigh]!;
    tokenLows[count] = words[record + HEADER.tokenLow]!;
    count += 1;
    at = record + words[record + HEADER.wordCount]!;
  }
  assert(count === recordCount, 'the chunk holds as many records as it says');
  const keyBytes = (record: number): number => words[record + HEADER.keyAndContext]! & 0xffff;
  const compare = (left: number, right: number): number => {
    const [a, b] = [offsets[left]!, offsets[right]!];
    const [keyA, keyB] = [a + HEADER_WORDS, b + HEADER_WORDS];
    return compareKeys(words, keyA, keyBytes(a), words, keyB, keyBytes(b));
  };
  sortRecords({ count, bucketIds, tokenHighs, tokenLows, compareKeys: compare }, order);
  let kept = 0;
  for (let index = 0; index < count; index += 1) {
    const number = order[index]!;
    const next = index + 1 < count ? order[index + 1]! : -1;
    // The sort is stable and records lie in order of sequence: the last of a key is its newest.
    const isOlder =
      next >= 0 &&
      tokenLows[number] === tokenLows[next] &&
      tokenHighs[number] === tokenHighs[next] &&
      sameKey(words, offsets[number]!, offsets[next]!);
    if (isOlder) continue;
    newest[kept] = offsets[number]!;
    kept += 1;
  }
  sometimes(kept < count, 'flush: a chunk holds older versions of its keys');
  for (const buffer of [offsets, bucketIds, tokenHighs, tokenLows, order]) {
    SPARE_BUFFERS.give(buffer);
  }
  return kept;
}

/** REQUIRES: their tokens are equal. */
function sameKey(words: Int32Array, left: number, right: number): boolean {
  const keyBytes = words[left + HEADER.keyAndContext]! & 0xffff;
  return (
    words[left + HEADER.bucketId] === words[right + HEADER.bucketId] &&
    (words[right + HEADER.keyAndContext]! & 0xffff) === keyBytes &&
    keysEqual(words, left + HEADER_WORDS, words, right + HEADER_WORDS, keyBytes)
  );
}

function leavesAfter(input: FlushInput): Int32Array | undefined {
  if (input.leaves === undefined) return undefined;
  const leaves = input.leaves.words.slice();
  const { words } = input;
  for (let at = CHUNK_HEADER_WORDS; at < input.usedWords;) {
    if (!isDropped(input, at + PREFIX_WORDS)) applyLeafChange(leaves, words, at);
    at += PREFIX_WORDS + words[at + PREFIX_WORDS + HEADER.wordCount]!;
  }
  return leaves;
}

/**
 * Takes a record's change into `leaves` (two words each, a power of two of them, by the top bits of
 * the token): what its prefix at `prefix` says it replaced goes, what it installed comes.
 */
export function applyLeafChange(leaves: Int32Array, words: Int32Array, prefix: number): void {
  const leafBits = 31 - Math.clz32(leaves.length / 2);
  const tokenHigh = words[prefix + PREFIX_WORDS + HEADER.tokenHigh]!;
  const at = ((tokenHigh >>> 1) >>> (31 - leafBits)) * 2;
  const low =
    (leaves[at]! >>> 0) -
    (words[prefix + PREFIX.leafReplacedLow]! >>> 0) +
    (words[prefix + PREFIX.leafInstalledLow]! >>> 0);
  leaves[at] = low;
  leaves[at + 1] =
    leaves[at + 1]! -
    words[prefix + PREFIX.leafReplacedHigh]! +
    words[prefix + PREFIX.leafInstalledHigh]! +
    Math.floor(low / 0x1_0000_0000);
}
