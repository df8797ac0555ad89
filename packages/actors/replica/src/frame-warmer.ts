/**
 * Brings what a frame's operations will look at into the processor's caches before any of them runs:
 * first the slots of the index, then the records and the leaves of the hash tree. Each load misses the caches for a key that was not
 * used lately; done one after the other for a whole frame, the misses overlap, where operations that
 * run one by one wait for each (group prefetching: Chen, Ailamaki, Gibbons, Mowry, ICDE 2004).
 *
 * data plane
 *
 * Invariants:
 *   WM1 nothing but time depends on it: it changes no state that an operation sees
 */
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_NOTE_HEADER_WORDS,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_SETTLE_HEADER_WORDS,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import type { LeafTable } from '@clockwise/merkle/leaf-table';
import type { Memtable } from '@clockwise/storage/memtable';
import { isHinted } from './hint-operation.ts';

/** Fewer operations are not worth the passes; more are left to themselves. */
const OPERATIONS_MIN = 8;
const OPERATIONS_MAX = 512;

export class FrameWarmer {
  /** By operation of the frame: the hash of its key; zero for operations without one. */
  readonly hashes: Int32Array = new Int32Array(OPERATIONS_MAX);
  /** Tokens of those that may write, whose leaves of the hash tree change. */
  readonly #tokens: Int32Array = new Int32Array(OPERATIONS_MAX);
  /** Keeps the loads from being optimised away. */
  touched = 0;

  /** Returns how many operations, from the first on, have their hash in `hashes`. */
  warm(memtable: Memtable, leaves: LeafTable, words: Int32Array, frame: number): number {
    const wanted = words[frame + FRAME.operationCount]!;
    if (wanted < OPERATIONS_MIN) return 0;
    const count = wanted < OPERATIONS_MAX ? wanted : OPERATIONS_MAX;
    const { hashes } = this;
    const tokens = this.#tokens;
    let tokenCount = 0;
    const { index } = memtable;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let operation = 0; operation < count; operation += 1) {
      hashes[operation] = keyHash(memtable, words, offset);
      if ((words[offset + REPLICA_REQUEST.opcode]! & 0xff) !== REPLICA_OPCODE.read) {
        tokens[tokenCount] = tokenHighOf(words, offset);
        tokenCount += 1;
      }
      offset += words[offset + OPERATION.wordCount]!;
    }
    let touched = 0;
    for (let operation = 0; operation < count; operation += 1) {
      touched ^= index.touchSlot(hashes[operation]!);
    }
    for (let operation = 0; operation < count; operation += 1) {
      touched ^= index.touchRecord(hashes[operation]!);
    }
    for (let token = 0; token < tokenCount; token += 1) touched ^= leaves.touch(tokens[token]!);
    for (let operation = 0; operation < count; operation += 1) {
      touched ^= index.touchTail(hashes[operation]!);
    }
    this.touched ^= touched;
    return count;
  }
}

/** Of an operation without a key any word of it: it names a leaf, though not one that matters. */
function tokenHighOf(words: Int32Array, offset: number): number {
  const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
  const isStore = opcode === REPLICA_OPCODE.store;
  const token = isStore ? REPLICA_STORE_HEADER_WORDS + HEADER.tokenHigh : REPLICA_REQUEST.tokenHigh;
  return words[offset + token]!;
}

/** The hash of a keyed operation's key; zero without one, and where the key is not the one asked for. */
export function keyHash(memtable: Memtable, words: Int32Array, offset: number): number {
  if (isHinted(words, offset)) return 0;
  const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
  if (opcode === REPLICA_OPCODE.store) {
    const record = offset + REPLICA_STORE_HEADER_WORDS;
    const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
    const bucketId = words[record + HEADER.bucketId]!;
    return memtable.hash(bucketId, words, record + HEADER_WORDS, keyByteCount);
  }
  const position = keyPosition(opcode);
  if (position < 0) return 0;
  const keyByteCount = words[offset + REPLICA_REQUEST.keyAndContext]! & 0xffff;
  return memtable.hash(
    words[offset + REPLICA_REQUEST.bucketId]!,
    words,
    offset + position,
    keyByteCount,
  );
}

/** Where the key stands in an operation, or -1: it has none. */
export function keyPosition(opcode: number): number {
  switch (opcode) {
    case REPLICA_OPCODE.read:
      return REPLICA_READ_HEADER_WORDS;
    case REPLICA_OPCODE.write:
      return REPLICA_WRITE_HEADER_WORDS;
    case REPLICA_OPCODE.store:
      return REPLICA_STORE_HEADER_WORDS + HEADER_WORDS;
    case REPLICA_OPCODE.note:
      return REPLICA_NOTE_HEADER_WORDS;
    case REPLICA_OPCODE.settle:
      return REPLICA_SETTLE_HEADER_WORDS;
    default:
      return -1;
  }
}
