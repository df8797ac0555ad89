/**
 * Reads a recording file: refuses what is damaged or of another version, before anything is replayed
 * from it.
 *
 * Invariants:
 *   RR1 every byte that is used stands under a checksum that was compared
 *   RR2 a file that ends within a block ends with the block before: its process was killed
 */
import { readFileSync } from 'node:fs';
import {
  BLOCK_HEAD,
  BLOCK_HEAD_WORDS,
  BLOCK_KIND,
  checksumOf,
  END_REASON,
  FILE_HEADER,
  FILE_HEADER_WORDS,
  RECORDING_MAGIC,
  RECORDING_VERSION,
} from './recording-format.ts';
import { decodeValue } from './value-codec.ts';

/** How a recording ends; `killed`: it says nothing, for its process had no time to. */
export type RecordingEnd = keyof typeof END_REASON | 'killed';

export interface Recording {
  readonly setup: unknown;
  /** Payloads by step, the first one's number is 1. */
  readonly steps: readonly Int32Array[];
  readonly end: RecordingEnd;
  readonly byteCount: number;
}

export type RecordingReading =
  | { readonly ok: true; readonly recording: Recording }
  | { readonly ok: false; readonly reason: string };

export function readRecording(file: string): RecordingReading {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    return refused((error as Error).message);
  }
  return parseRecording(bytes);
}

/** The content of a recording file. */
export function parseRecording(bytes: Uint8Array): RecordingReading {
  const byteCount = bytes.length;
  const wordCount = byteCount >> 2;
  const words = new Int32Array(wordCount);
  new Uint8Array(words.buffer).set(bytes.subarray(0, wordCount * 4));
  if (wordCount < FILE_HEADER_WORDS || words[FILE_HEADER.magic] !== RECORDING_MAGIC) {
    return refused('it is no recording');
  }
  const version = words[FILE_HEADER.version]!;
  if (version !== RECORDING_VERSION) {
    return refused(`its format is version ${version}; this program reads ${RECORDING_VERSION}`);
  }
  if (words[FILE_HEADER.checksum] !== checksumOf(words, 0, FILE_HEADER.checksum)) {
    return refused('its header is damaged');
  }
  const setupBytes = words[FILE_HEADER.setupBytes]!;
  const first = FILE_HEADER_WORDS + ((setupBytes + 3) >> 2);
  if (first > wordCount) return refused('it ends within what the core was built from');
  const setup = new Uint8Array(words.buffer, FILE_HEADER_WORDS * 4, setupBytes);
  const setupWords = first - FILE_HEADER_WORDS;
  if (words[FILE_HEADER.setupChecksum] !== checksumOf(words, FILE_HEADER_WORDS, setupWords)) {
    return refused('what the core was built from is damaged');
  }
  const blocks = readBlocks(words, first, wordCount);
  if (!blocks.ok) return blocks;
  const { steps, end } = blocks;
  return { ok: true, recording: { setup: decodeValue(setup), steps, end, byteCount } };
}

type Blocks =
  | { readonly ok: true; readonly steps: readonly Int32Array[]; readonly end: RecordingEnd }
  | { readonly ok: false; readonly reason: string };

function readBlocks(words: Int32Array, first: number, wordCount: number): Blocks {
  const steps: Int32Array[] = [];
  let at = first;
  while (at + BLOCK_HEAD_WORDS <= wordCount) {
    const damaged = refused(`it is damaged behind step ${steps.length}`);
    if (words[at + BLOCK_HEAD.headChecksum] !== checksumOf(words, at, BLOCK_HEAD.headChecksum)) {
      return damaged;
    }
    const payloadWords = words[at + BLOCK_HEAD.payloadWords]!;
    const payload = at + BLOCK_HEAD_WORDS;
    const next = payload + payloadWords;
    // [RR2]
    if (next > wordCount) break;
    if (words[at + BLOCK_HEAD.payloadChecksum] !== checksumOf(words, payload, payloadWords)) {
      return damaged;
    }
    const kind = words[at + BLOCK_HEAD.kind]!;
    if (kind === BLOCK_KIND.end) return ended(steps, words[payload]!, next === wordCount);
    if (kind !== BLOCK_KIND.step || words[at + BLOCK_HEAD.number] !== steps.length + 1) {
      return refused(`what stands behind step ${steps.length} is not the next one`);
    }
    steps.push(words.subarray(payload, next));
    at = next;
  }
  return { ok: true, steps, end: 'killed' };
}

function ended(steps: readonly Int32Array[], reason: number, isLast: boolean): Blocks {
  const names = Object.keys(END_REASON) as (keyof typeof END_REASON)[];
  const end = names.find((name) => END_REASON[name] === reason);
  if (end === undefined || !isLast) return refused('it does not end as recordings end');
  return { ok: true, steps, end };
}

function refused(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}
