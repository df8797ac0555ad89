/**
 * The toy of the runtime's own tests and micro-benchmark: a coordinator that passes operations on to
 * a shard, and a replica that echoes them. It decides nothing that the store would; it shows that
 * the runtime carries frames.
 */
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  PROTOCOL_VERSION,
  TAG,
} from '@clockwise/protocol/frame';

export const TOY_WORDS = 8;
/** Words of a toy operation; the rest of it is payload. */
export const TOY = { wordCount: 0, opcode: 1, requestId: 2, connection: 3, status: 4 } as const;

/**
 * `direct`: answered by the coordinator. `now`, `durable`: by the replica, by that lane; `durable`
 * appends to the log. `unsynced`: as durable, without asking for a sync.
 */
export const TOY_OPCODE = { direct: 1, now: 2, durable: 3, unsynced: 4 } as const;
export const TOY_STATUS = { ok: 0, unknown: 1 } as const;

/** A frame of `count` operations whose request ids count from `firstId`. */
export function toyFrame(
  opcode: number,
  firstId: number,
  count: number,
  wordCount: number = TOY_WORDS,
): Int32Array {
  const words = new Int32Array(FRAME_HEADER_WORDS + count * wordCount);
  words[FRAME.wordCount] = words.length;
  words[FRAME.tag] = TAG.request | (PROTOCOL_VERSION << 8);
  words[FRAME.operationCount] = count;
  for (let index = 0; index < count; index += 1) {
    const operation = FRAME_HEADER_WORDS + index * wordCount;
    words[operation + OPERATION.wordCount] = wordCount;
    words[operation + TOY.opcode] = opcode;
    words[operation + TOY.requestId] = firstId + index;
  }
  return words;
}

export function copyWords(
  source: Int32Array,
  from: number,
  target: Int32Array,
  to: number,
  wordCount: number,
): void {
  for (let index = 0; index < wordCount; index += 1) target[to + index] = source[from + index]!;
}

/** Calls `each` with the offset of every operation of a frame. */
export function eachOperation(
  words: Int32Array,
  frame: number,
  each: (words: Int32Array, operation: number) => void,
): void {
  const count = words[frame + FRAME.operationCount]!;
  let operation = frame + FRAME_HEADER_WORDS;
  for (let index = 0; index < count; index += 1) {
    each(words, operation);
    operation += words[operation + OPERATION.wordCount]!;
  }
}
