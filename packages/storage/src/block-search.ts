/**
 * The search for one record in a block as it stands in its file: decoded only as far as the record's
 * end, or to the first record that lies behind it. Whoever searches has compared the checksum of all of it.
 *
 * data plane
 *
 * Invariants:
 *   BS1 what is found is what a search among all records of the block finds
 *   BS2 a stream that gives no whole records is DAMAGED_BLOCK as far as it was decoded, never "not found"
 */
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { BLOCK_CODEC, type BlockScratch } from './block-codec.ts';
import { keysEqual } from './keyed-hash.ts';
import { unpackRecord } from './record-pack.ts';
import { BLOCK, BLOCK_HEADER_WORDS } from './sstable-format.ts';
import { comparePlaces } from './table-extent.ts';

/** Results of searches that are no offset: not in the table; in the next block, if at all. */
export const NOT_IN_TABLE = -1;
export const NEXT_BLOCK = -2;
export const DAMAGED_BLOCK = -3;

/** Whether a block of this codec can be decoded in part. */
export function isDecodedInPart(codec: number): boolean {
  return codec === BLOCK_CODEC.lz4 || codec === BLOCK_CODEC.packed || codec === BLOCK_CODEC.rows;
}

/**
 * The word offset in `scratch.words` of the record; or NOT_IN_TABLE: a record stands behind its place;
 * NEXT_BLOCK: none does. REQUIRES: the block whose header stands at word `at`, `bytes` being the same memory,
 * is sound, and of a codec that is decoded in part.
 */
export function searchBlock(
  words: Int32Array,
  bytes: Uint8Array,
  at: number,
  scratch: BlockScratch,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
  keyWords: Int32Array,
  keyOffset: number,
  keyByteCount: number,
): number {
  const rawBytes = words[at + BLOCK.rawBytes]!;
  if (rawBytes <= 0 || rawBytes % 8 !== 0) return DAMAGED_BLOCK;
  const to = rawBytes >>> 2;
  const out = scratch.own(to);
  const codec = words[at + BLOCK.codecAndCount]! & 0xff;
  if (codec === BLOCK_CODEC.rows) {
    return searchRows(
      words,
      bytes,
      at,
      scratch,
      bucketId,
      tokenHigh,
      tokenLow,
      keyWords,
      keyOffset,
      keyByteCount,
    );
  }
  const { decoder } = scratch;
  const isPacked = codec === BLOCK_CODEC.packed;
  let packedAt = at + BLOCK_HEADER_WORDS;
  const packedTo = packedAt + words[at + BLOCK.storedBytes]! / 4;
  if (!isPacked) {
    decoder.begin(bytes, packedAt * 4, packedTo * 4, scratch.bytes, 0, rawBytes);
  }
  let before = 0;
  for (let record = 0; record < to;) {
    if (record + HEADER_WORDS > to) return DAMAGED_BLOCK;
    if (isPacked) {
      packedAt = unpackRecord(words, packedAt, packedTo, out, record, before, to, 0);
      if (packedAt < 0) return DAMAGED_BLOCK;
    } else if (!decoder.run((record + HEADER_WORDS) * 4)) {
      return DAMAGED_BLOCK;
    }
    const end = record + out[record + HEADER.wordCount]!;
    if (end < record + HEADER_WORDS || end > to) return DAMAGED_BLOCK;
    const order = comparePlaces(
      out[record + HEADER.bucketId]!,
      out[record + HEADER.tokenHigh]!,
      out[record + HEADER.tokenLow]!,
      bucketId,
      tokenHigh,
      tokenLow,
    );
    if (order > 0) return NOT_IN_TABLE;
    if (order === 0 && (out[record + HEADER.keyAndContext]! & 0xffff) === keyByteCount) {
      if (!isPacked && !decoder.run(end * 4)) return DAMAGED_BLOCK;
      const key = record + HEADER_WORDS;
      if (keysEqual(out, key, keyWords, keyOffset, keyByteCount)) return record;
    }
    before = record;
    record = end;
  }
  return NEXT_BLOCK;
}

/** The same in rows: the one record alone is decoded, and its token is known. */
function searchRows(
  words: Int32Array,
  bytes: Uint8Array,
  at: number,
  scratch: BlockScratch,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
  keyWords: Int32Array,
  keyOffset: number,
  keyByteCount: number,
): number {
  const { rows, words: out, to } = scratch;
  const from = at + BLOCK_HEADER_WORDS;
  const end = from + words[at + BLOCK.storedBytes]! / 4;
  if (!rows.open(words, bytes, from, end)) return DAMAGED_BLOCK;
  const row = rows.find(bucketId, tokenHigh, tokenLow, keyWords, keyOffset, keyByteCount);
  if (row < 0) return NEXT_BLOCK;
  if (rows.unpack(row, out, scratch.bytes, 0, to) < 0) return DAMAGED_BLOCK;
  out[HEADER.tokenHigh] = tokenHigh;
  out[HEADER.tokenLow] = tokenLow;
  return 0;
}
