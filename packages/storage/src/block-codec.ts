/**
 * How a block's records become the bytes that stand in the file, and back. lz4, packing and rows are
 * here; deflate is handed in, as this package has no zlib, and what the token of a key is.
 *
 * Invariants:
 *   BC1 a block is stored as it is unless a codec saves an eighth of it
 *   BC2 what is stored gives exactly `rawBytes` bytes and less than 8 bytes of padding are left, or the
 *       block is damaged
 */
import { copyWords } from '@clockwise/record/copy';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { BlockRows } from './block-rows.ts';
import { RowsPacker, type TokenOf } from './block-rows-writer.ts';
import { lz4Compress } from './lz4.ts';
import { Lz4Decoder, lz4Decompress } from './lz4-decode.ts';
import { RecordPacker, unpackRecords } from './record-pack.ts';

/** How a block's bytes are stored; append-only. */
export const BLOCK_CODEC = { none: 0, deflate: 1, lz4: 2, packed: 3, rows: 4 } as const;

/** What whoever sets up a store may ask for: packed is what flushes take by themselves. */
export const TABLE_CODECS: readonly number[] = [
  BLOCK_CODEC.none,
  BLOCK_CODEC.deflate,
  BLOCK_CODEC.lz4,
  BLOCK_CODEC.rows,
];

/**
 * The codec of a node's flushes where its merges have `codec`: the next merge writes them anew, and
 * packing takes a sixth of the time of lz4, for which those would wait who are served beside it.
 */
export function flushCodec(codec: number): number {
  return codec === BLOCK_CODEC.none ? BLOCK_CODEC.none : BLOCK_CODEC.packed;
}

/** One for all blocks of a thread. */
const PACKER: RecordPacker = new RecordPacker(0);
const ROWS_PACKER: RowsPacker = new RowsPacker();
const ROWS: BlockRows = new BlockRows();
const TOKEN = { high: 0, low: 0 };

export interface BlockCodecs {
  /** A raw deflate stream. */
  deflate(raw: Uint8Array): Uint8Array;
  /** Undefined: the stream is damaged, or gives more than `rawBytes`. May ignore what follows it. */
  inflate(stored: Uint8Array, rawBytes: number): Uint8Array | undefined;
  /** The token of a key, so that it need not be stored; undefined: it is stored, and rows without it are damaged. */
  readonly tokenOf: TokenOf | undefined;
}

/** Without deflate: its blocks are written as they are, and read as damaged. */
export const PURE_CODECS: BlockCodecs = {
  deflate: (raw) => raw,
  inflate: () => undefined,
  tokenOf: undefined,
};

/** The records of the block last opened; borrowed until the next one is. */
export class BlockScratch {
  words: Int32Array = new Int32Array(0);
  from = 0;
  to = 0;
  /** Of `own`'s room, as bytes. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly decoder: Lz4Decoder = new Lz4Decoder();
  readonly rows: BlockRows = new BlockRows();
  #decoded: Int32Array = new Int32Array(0);

  /** Room of its own for `wordCount` words, named by `words`, `from` and `to`. */
  own(wordCount: number): Int32Array {
    if (this.#decoded.length < wordCount) {
      this.#decoded = new Int32Array(Math.max(wordCount, this.#decoded.length * 2));
      this.bytes = new Uint8Array(this.#decoded.buffer);
    }
    this.words = this.#decoded;
    this.from = 0;
    this.to = wordCount;
    return this.#decoded;
  }
}

/**
 * Stores raw[from, to) in `target` if lz4 or deflate makes it smaller: the bytes taken, or -1: store it
 * as it is. [BC1]
 */
export function encodeBlock(
  codec: number,
  codecs: BlockCodecs,
  raw: Uint8Array,
  target: Uint8Array,
  from: number = 0,
  to: number = raw.length,
): number {
  const bytesMax = Math.min(target.length, storedMax(to - from));
  if (codec === BLOCK_CODEC.lz4 || codec === BLOCK_CODEC.rows) {
    return lz4Compress(raw, from, to, target, 0, bytesMax);
  }
  if (codec !== BLOCK_CODEC.deflate) return -1;
  const stored = codecs.deflate(raw.subarray(from, to));
  if (stored.length > bytesMax || stored.length === to - from) return -1;
  target.set(stored);
  return stored.length;
}

/**
 * Puts records at words [from, to) in their own place packed, if that makes them smaller: the words
 * taken, or -1: they stand as they are. [BC1]
 */
export function packBlock(words: Int32Array, from: number, to: number): number {
  PACKER.begin(to - from);
  PACKER.add(words, from, to);
  const { out, outWords } = PACKER;
  if (outWords * 4 > storedMax((to - from) * 4)) return -1;
  copyWords(out, 0, words, from, outWords);
  return outWords;
}

/**
 * Puts records at words [from, to) in their own place as rows, if that makes them smaller: the words taken,
 * or -1: they make no rows. [BC1]
 */
export function packRows(words: Int32Array, from: number, to: number, codecs: BlockCodecs): number {
  const wordCount = ROWS_PACKER.pack(words, from, to, codecs.tokenOf);
  if (wordCount < 0 || wordCount * 4 > storedMax((to - from) * 4)) return -1;
  copyWords(ROWS_PACKER.out, 0, words, from, wordCount);
  return wordCount;
}

/** Fills `raw` with the records of rows; false: they are not as many words. */
function unpackRows(codecs: BlockCodecs, stored: Uint8Array, raw: Uint8Array): boolean {
  const words = wordsOf(stored);
  const out = wordsOf(raw);
  if (!ROWS.open(words, stored, 0, words.length)) return false;
  const { tokenOf } = codecs;
  if (ROWS.tokensOfKeys && tokenOf === undefined) return false;
  let record = 0;
  for (let row = 0; row < ROWS.count; row += 1) {
    const end = ROWS.unpack(row, out, raw, record, out.length);
    if (end < 0) return false;
    if (ROWS.tokensOfKeys && tokenOf !== undefined) {
      const keyBytes = out[record + HEADER.keyAndContext]! & 0xffff;
      tokenOf(TOKEN, out[record + HEADER.bucketId]!, out, record + HEADER_WORDS, keyBytes);
      out[record + HEADER.tokenHigh] = TOKEN.high;
      out[record + HEADER.tokenLow] = TOKEN.low;
    }
    record = end;
  }
  return record === out.length;
}

/** [BC1] */
function storedMax(rawBytes: number): number {
  return rawBytes - (rawBytes >>> 3);
}

function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}

/**
 * Fills `raw` from what is stored; false: damaged. [BC2]
 * REQUIRES: both begin at words of their buffers.
 */
export function decodeBlock(
  codec: number,
  codecs: BlockCodecs,
  stored: Uint8Array,
  raw: Uint8Array,
): boolean {
  if (codec === BLOCK_CODEC.lz4) {
    const end = lz4Decompress(stored, 0, stored.length, raw, 0, raw.length);
    return end >= 0 && stored.length - end < 8;
  }
  if (codec === BLOCK_CODEC.packed) {
    const words = wordsOf(stored);
    return unpackRecords(words, 0, words.length, wordsOf(raw), raw.length >>> 2, 0);
  }
  if (codec === BLOCK_CODEC.rows) return unpackRows(codecs, stored, raw);
  if (codec !== BLOCK_CODEC.deflate) return false;
  const inflated = codecs.inflate(stored, raw.length);
  if (inflated === undefined || inflated.length !== raw.length) return false;
  raw.set(inflated);
  return true;
}
