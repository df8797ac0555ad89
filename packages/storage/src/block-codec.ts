/**
 * How a block's records become the bytes that stand in the file, and back. lz4 is here; deflate is
 * handed in, as this package has no zlib.
 *
 * Invariants:
 *   BC1 a block is stored as it is unless a codec saves an eighth of it
 *   BC2 what is stored gives exactly `rawBytes` bytes and less than 8 bytes of padding are left, or the
 *       block is damaged
 */
import { lz4Compress, lz4Decompress } from './lz4.ts';

/** How a block's bytes are stored; append-only. */
export const BLOCK_CODEC = { none: 0, deflate: 1, lz4: 2 } as const;

export interface BlockCodecs {
  /** A raw deflate stream. */
  deflate(raw: Uint8Array): Uint8Array;
  /** Undefined: the stream is damaged, or gives more than `rawBytes`. May ignore what follows it. */
  inflate(stored: Uint8Array, rawBytes: number): Uint8Array | undefined;
}

/** Without deflate: its blocks are written as they are, and read as damaged. */
export const PURE_CODECS: BlockCodecs = {
  deflate: (raw) => raw,
  inflate: () => undefined,
};

/** The records of the block last opened; borrowed until the next one is. */
export class BlockScratch {
  words: Int32Array = new Int32Array(0);
  from = 0;
  to = 0;
  #decoded: Int32Array = new Int32Array(0);

  /** Room of its own for `wordCount` words, named by `words`, `from` and `to`. */
  own(wordCount: number): Int32Array {
    if (this.#decoded.length < wordCount) {
      this.#decoded = new Int32Array(Math.max(wordCount, this.#decoded.length * 2));
    }
    this.words = this.#decoded;
    this.from = 0;
    this.to = wordCount;
    return this.#decoded;
  }
}

/**
 * Stores `raw` in `target` if a codec makes it smaller: the bytes taken, or -1: store it as it is. [BC1]
 */
export function encodeBlock(
  codec: number,
  codecs: BlockCodecs,
  raw: Uint8Array,
  target: Uint8Array,
): number {
  const bytesMax = Math.min(target.length, raw.length - (raw.length >>> 3));
  if (codec === BLOCK_CODEC.lz4) {
    return lz4Compress(raw, 0, raw.length, target.subarray(0, bytesMax), 0);
  }
  if (codec !== BLOCK_CODEC.deflate) return -1;
  const stored = codecs.deflate(raw);
  if (stored.length > bytesMax || stored.length === raw.length) return -1;
  target.set(stored);
  return stored.length;
}

/** Fills `raw` from what is stored; false: damaged. [BC2] */
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
  if (codec !== BLOCK_CODEC.deflate) return false;
  const inflated = codecs.inflate(stored, raw.length);
  if (inflated === undefined || inflated.length !== raw.length) return false;
  raw.set(inflated);
  return true;
}
