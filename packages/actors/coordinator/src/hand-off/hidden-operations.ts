/**
 * Operations on the hidden records of this node's own shard: marks of what is owed, and what has been
 * delivered of them (record/hidden.ts). They never leave the node. data plane.
 *
 * Boundary: credit and addresses are those of replica-operations.ts.
 */
import {
  REPLICA_NOTE,
  REPLICA_NOTE_HEADER_WORDS,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_SETTLE,
  REPLICA_SETTLE_HEADER_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { HIDDEN_KEY_BYTES, writeHiddenKey } from '@clockwise/record/hidden';
import { HEADER, keyBytes, keyOffset, paddedWords } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { countSent, type KeyToken, sinkFor, writeAddress } from '../peers/replica-operations.ts';

/** What a note is about: the key of a bucket, and its token. */
export interface NotedKey {
  bucketId: number;
  token: KeyToken;
  words: Int32Array;
  offset: number;
  byteCount: number;
}

/**
 * Has the own shard remember that positions are owed a key. The answer names the slot's generation.
 * False: it could not be sent.
 */
export function sendNote(
  context: CoordinatorContext,
  slot: number,
  hiddenBucket: number,
  key: Readonly<NotedKey>,
  owed: number,
): boolean {
  const shard = context.slots.shard[slot]!;
  const sink = sinkFor(context, context.ring.ownNode, shard);
  if (sink === undefined) return false;
  const hiddenBytes = key.byteCount + HIDDEN_KEY_BYTES;
  const wordCount = REPLICA_NOTE_HEADER_WORDS + paddedWords(hiddenBytes);
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  if (offset < 0) return false;
  const { words } = sink;
  words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.note;
  writeAddress(words, offset, context, slot);
  words[offset + REPLICA_REQUEST.bucketId] = hiddenBucket;
  words[offset + REPLICA_REQUEST.tokenHigh] = key.token.high;
  words[offset + REPLICA_REQUEST.tokenLow] = key.token.low;
  words[offset + REPLICA_REQUEST.keyAndContext] = hiddenBytes;
  words[offset + REPLICA_NOTE.owed] = owed;
  const at = offset + REPLICA_NOTE_HEADER_WORDS;
  writeHiddenKey(key.bucketId, key.words, key.offset, key.byteCount, words, at);
  sink.end(wordCount);
  countSent(context, context.ring.ownNode, shard);
  return true;
}

/**
 * Has the own shard forget that positions are owed what a hidden record holds, where the record is
 * still of the slot's version. False: it could not be sent.
 */
export function sendSettle(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
  positions: number,
): boolean {
  const { slots } = context;
  const shard = slots.shard[slot]!;
  const sink = sinkFor(context, context.ring.ownNode, shard);
  if (sink === undefined) return false;
  const keyByteCount = keyBytes(record, recordOffset);
  const keyWords = paddedWords(keyByteCount);
  const wordCount = REPLICA_SETTLE_HEADER_WORDS + keyWords;
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  if (offset < 0) return false;
  const { words } = sink;
  words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.settle;
  writeAddress(words, offset, context, slot);
  words[offset + REPLICA_REQUEST.bucketId] = record[recordOffset + HEADER.bucketId]!;
  words[offset + REPLICA_REQUEST.tokenHigh] = record[recordOffset + HEADER.tokenHigh]!;
  words[offset + REPLICA_REQUEST.tokenLow] = record[recordOffset + HEADER.tokenLow]!;
  words[offset + REPLICA_REQUEST.keyAndContext] = keyByteCount;
  words[offset + REPLICA_SETTLE.positions] = positions;
  words[offset + REPLICA_SETTLE.versionLow] = slots.versionLow[slot]!;
  words[offset + REPLICA_SETTLE.versionHigh] = slots.versionHigh[slot]!;
  const at = offset + REPLICA_SETTLE_HEADER_WORDS;
  copyWords(record, keyOffset(recordOffset), words, at, keyWords);
  sink.end(wordCount);
  countSent(context, context.ring.ownNode, shard);
  return true;
}
