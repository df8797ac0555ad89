/**
 * The layout of a recording file: a header, what the core was built from, then blocks: one for each
 * step, and one that says why the recording ends. docs/formats/recording.md has the whole picture.
 *
 *     header (8 words) | setup (an encoded value) | block | block | ...
 *     block: head (5 words) | payload
 *
 * Words are little-endian. Positions and numbers are append-only within a version.
 */
import { crc32 } from 'node:zlib';

/** `CWRC` as bytes. */
export const RECORDING_MAGIC = 0x4352_5743;
export const RECORDING_VERSION = 1;

export const FILE_HEADER_WORDS = 8;
export const FILE_HEADER = {
  magic: 0,
  version: 1,
  /** Bytes of the setup; it is filled up to whole words, and its checksum is of these. */
  setupBytes: 2,
  setupChecksum: 3,
  /** Of the words before it. */
  checksum: 7,
} as const;

export const BLOCK_HEAD_WORDS = 5;
export const BLOCK_HEAD = {
  kind: 0,
  payloadWords: 1,
  /** Of a step its number, from 1. */
  number: 2,
  /** Of the words before it: a damaged length is not taken for a file that was cut off. */
  headChecksum: 3,
  payloadChecksum: 4,
} as const;

export const BLOCK_KIND = { step: 1, end: 2 } as const;

/** The one payload word of an end. */
export const END_REASON = { stopped: 1, bound: 2, threw: 3 } as const;
export type EndReason = (typeof END_REASON)[keyof typeof END_REASON];

export const END_BLOCK_BYTES: number = (BLOCK_HEAD_WORDS + 1) * 4;

export function checksumOf(words: Int32Array, from: number, wordCount: number): number {
  return crc32(new Uint8Array(words.buffer, words.byteOffset + from * 4, wordCount * 4)) | 0;
}

/** Bytes of a recording without a step. */
export function bytesWithoutSteps(setup: Uint8Array): number {
  return FILE_HEADER_WORDS * 4 + ((setup.length + 3) & ~3) + END_BLOCK_BYTES;
}

export function fileHeader(setup: Uint8Array): Int32Array {
  const words = new Int32Array(FILE_HEADER_WORDS);
  words[FILE_HEADER.magic] = RECORDING_MAGIC;
  words[FILE_HEADER.version] = RECORDING_VERSION;
  words[FILE_HEADER.setupBytes] = setup.length;
  const filled = new Int32Array((setup.length + 3) >> 2);
  new Uint8Array(filled.buffer).set(setup);
  words[FILE_HEADER.setupChecksum] = checksumOf(filled, 0, filled.length);
  words[FILE_HEADER.checksum] = checksumOf(words, 0, FILE_HEADER.checksum);
  return words;
}
