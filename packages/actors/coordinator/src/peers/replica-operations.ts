/**
 * Operations to replicas: into the ring of a shard of this node, or onto the link to a peer.
 * data plane.
 *
 * Invariants:
 *   RO1 nothing is sent to a shard beyond the credit for its answer, but for one probe of the data path
 */
import { buggify } from '@clockwise/kernel/buggify';
import type { OperationSink } from '@clockwise/kernel/core';
import { sometimes } from '@clockwise/kernel/probe';
import {
  PRIORITY,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
  REQUEST,
  REQUEST_FLAG,
  REQUEST_HEADER_WORDS,
  REQUEST_OPCODE,
  SCAN_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { isHidden, visibleWordCount, writeVisible } from '@clockwise/record/hidden';
import { ENTRY_WORDS, paddedWords, recordWordCount } from '@clockwise/record/layout';
import type { BucketView } from '../ring-view.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { FIELD, INSTANT } from '../requests/slot-layout.ts';

/** The sink for a node, with credit for one more operation; undefined where there is none. */
export function sinkFor(
  context: CoordinatorContext,
  node: number,
  shard: number,
): OperationSink | undefined {
  if (node !== context.ring.ownNode) {
    const link = context.linkOfNode[node]!;
    if (link < 0 || buggify('coordinator: treat a link as down')) return undefined;
    return context.toConnection(link);
  }
  if (context.shardIsUp[shard] === 0 || context.shardIsFull(shard)) return undefined;
  if (buggify('coordinator: treat an own shard as full')) return undefined;
  return context.toShard(shard);
}

/** Takes the credit for the answer of an operation that was written for this node's shard. */
export function countSent(context: CoordinatorContext, node: number, shard: number): void {
  if (node === context.ring.ownNode) {
    context.shardInFlight[shard] = context.shardInFlight[shard]! + 1;
  }
}

/** How long the answer is waited for: what remains, and within this node the instant besides. */
function nameDeadline(
  context: CoordinatorContext,
  sink: OperationSink,
  slot: number,
  node: number,
): void {
  if (context.explains.count > 0) context.explains.asked(context, slot, node);
  context.nameDeadline(sink, slot);
  if (node === context.ring.ownNode) context.nameInstant(sink, slot);
}

/** Where a read repair's store names its slot: nobody waits for the answer, it is only counted. */
export const NO_SLOT = -1;

/** Who asks, for the answer to find its way back. */
export function writeAddress(
  words: Int32Array,
  offset: number,
  context: CoordinatorContext,
  slot: number,
): void {
  words[offset + REPLICA_REQUEST.route] = 0;
  words[offset + REPLICA_REQUEST.slot] = slot;
  words[offset + REPLICA_REQUEST.slotGeneration] = context.slots.words[slot + FIELD.generation]!;
}

export interface KeyToken {
  high: number;
  low: number;
}

/**
 * Asks a node for the record of the key in a request: a replica, or with `hint` a stand-in for the
 * hinted copy that it holds. False: it could not be sent.
 */
export function sendRead(
  context: CoordinatorContext,
  slot: number,
  node: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
  hint: boolean,
  priority: number = PRIORITY.foreground,
): boolean {
  const { slots } = context;
  const fields = slots.words;
  const shard = fields[slot + FIELD.shard]!;
  const sink = sinkFor(context, node, shard);
  if (sink === undefined) return false;
  sink.priority = priority;
  const keyWords = paddedWords(request[requestOffset + REQUEST.keyAndContext]! & 0xffff);
  const wordCount = REPLICA_READ_HEADER_WORDS + keyWords;
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  sometimes(offset < 0, 'coordinator: a channel takes no more reads');
  if (offset < 0) return false;
  const { words } = sink;
  words[offset + REPLICA_REQUEST.opcode] =
    REPLICA_OPCODE.read | (hint ? REPLICA_REQUEST_FLAG.hint << 8 : 0);
  writeAddress(words, offset, context, slot);
  words[offset + REPLICA_REQUEST.bucketId] = fields[slot + FIELD.bucketId]!;
  words[offset + REPLICA_REQUEST.tokenHigh] = token.high;
  words[offset + REPLICA_REQUEST.tokenLow] = token.low;
  words[offset + REPLICA_REQUEST.keyAndContext] =
    request[requestOffset + REQUEST.keyAndContext]! & 0xffff;
  words[offset + REPLICA_REQUEST.valueBytes] = 0;
  copyWords(
    request,
    requestOffset + REQUEST_HEADER_WORDS,
    words,
    offset + REPLICA_READ_HEADER_WORDS,
    keyWords,
  );
  sink.end(wordCount);
  nameDeadline(context, sink, slot, node);
  countSent(context, node, shard);
  return true;
}

/**
 * Has a shard of this node make the dot for a client's put or delete: in its own copy, or where `owed`
 * names positions in the hinted copy that it holds for them. False: it could not be sent.
 */
export function sendWrite(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  forward: boolean,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
  owed: number,
): boolean {
  const { slots } = context;
  const shard = slots.words[slot + FIELD.shard]!;
  const sink = sinkFor(context, context.ring.ownNode, shard);
  if (sink === undefined) return false;
  const keyAndContext = request[requestOffset + REQUEST.keyAndContext]!;
  const valueBytes = request[requestOffset + REQUEST.valueBytes]!;
  const payloadWords =
    paddedWords(keyAndContext & 0xffff) +
    (keyAndContext >>> 16) * ENTRY_WORDS +
    paddedWords(valueBytes);
  const wordCount = REPLICA_WRITE_HEADER_WORDS + payloadWords;
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  if (offset < 0) return false;
  const { words } = sink;
  const opcode = request[requestOffset + REQUEST.opcode]!;
  words[offset + REPLICA_REQUEST.opcode] =
    REPLICA_OPCODE.write |
    (writeFlags(opcode, forward, owed) << 8) |
    ((opcode >>> 24) << 16) |
    (bucket.policy << 24);
  writeAddress(words, offset, context, slot);
  words[offset + REPLICA_REQUEST.bucketId] = bucket.id;
  words[offset + REPLICA_REQUEST.tokenHigh] = token.high;
  words[offset + REPLICA_REQUEST.tokenLow] = token.low;
  words[offset + REPLICA_REQUEST.keyAndContext] = keyAndContext;
  words[offset + REPLICA_REQUEST.valueBytes] = valueBytes;
  words[offset + REPLICA_REQUEST.sessionLow] = request[requestOffset + REQUEST.sessionLow]!;
  words[offset + REPLICA_REQUEST.sessionHigh] = request[requestOffset + REQUEST.sessionHigh]!;
  words[offset + REPLICA_REQUEST.sequence] = request[requestOffset + REQUEST.sequence]!;
  const timeToLive = request[requestOffset + REQUEST.timeToLiveSeconds]! >>> 0;
  words[offset + REPLICA_REQUEST.expirySeconds] =
    timeToLive === 0 ? 0 : Math.ceil(context.wallTimeMs / 1000) + timeToLive;
  words[offset + REPLICA_REQUEST.remainingMs] = Math.ceil(
    slots.instants[slot + INSTANT.due]! - context.now,
  );
  words[offset + REPLICA_REQUEST.replicationClass] = bucket.replicationClass;
  words[offset + REPLICA_REQUEST.seenLow] = request[requestOffset + REQUEST.seenLow]!;
  words[offset + REPLICA_REQUEST.seenHigh] = request[requestOffset + REQUEST.seenHigh]!;
  words[offset + REPLICA_REQUEST.ageMs] = request[requestOffset + REQUEST.ageMs]!;
  words[offset + REPLICA_REQUEST.owed] = owed;
  copyWords(
    request,
    requestOffset + REQUEST_HEADER_WORDS,
    words,
    offset + REPLICA_WRITE_HEADER_WORDS,
    payloadWords,
  );
  sink.end(wordCount);
  nameDeadline(context, sink, slot, context.ring.ownNode);
  countSent(context, context.ring.ownNode, shard);
  return true;
}

function writeFlags(opcode: number, forward: boolean, owed: number): number {
  const requestFlags = opcode >>> 8;
  let flags = forward ? REPLICA_REQUEST_FLAG.forward : 0;
  if ((requestFlags & REQUEST_FLAG.contextGiven) !== 0) flags |= REPLICA_REQUEST_FLAG.contextGiven;
  if ((requestFlags & REQUEST_FLAG.retry) !== 0) flags |= REPLICA_REQUEST_FLAG.retry;
  if (owed !== 0) flags |= REPLICA_REQUEST_FLAG.hint;
  if ((opcode & 0xff) === REQUEST_OPCODE.delete) flags |= REPLICA_REQUEST_FLAG.tombstone;
  return flags;
}

/**
 * Has a node merge a record: into its own copy, or where `owed` names positions into the hinted copy
 * that it holds for them. A hidden record goes out in its visible form. False: it could not be sent.
 */
export function sendStore(
  context: CoordinatorContext,
  slot: number,
  node: number,
  policy: number,
  record: Int32Array,
  recordOffset: number,
  owed: number,
  priority: number,
): boolean {
  return writeStore(context, slot, node, policy, record, recordOffset, owed, 0, priority);
}

/**
 * Has the coordinator of a node in another data centre have its own shard merge a record, and pass it on
 * to the positions in `fanOut` there. False: it could not be sent.
 */
export function sendStoreAcross(
  context: CoordinatorContext,
  slot: number,
  node: number,
  policy: number,
  record: Int32Array,
  recordOffset: number,
  fanOut: number,
): boolean {
  const { foreground } = PRIORITY;
  return writeStore(context, slot, node, policy, record, recordOffset, 0, fanOut, foreground);
}

function writeStore(
  context: CoordinatorContext,
  slot: number,
  node: number,
  policy: number,
  record: Int32Array,
  recordOffset: number,
  owed: number,
  fanOut: number,
  priority: number,
): boolean {
  const shard = context.slots.shard[slot]!;
  const sink = sinkFor(context, node, shard);
  if (sink === undefined) return false;
  const hidden = isHidden(record, recordOffset);
  const recordWords = hidden
    ? visibleWordCount(record, recordOffset)
    : recordWordCount(record, recordOffset);
  const wordCount = REPLICA_STORE_HEADER_WORDS + recordWords;
  sink.priority = priority;
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  sometimes(offset < 0, 'coordinator: a channel takes no more stores');
  if (offset < 0) return false;
  const { words } = sink;
  const flags = owed === 0 ? 0 : REPLICA_REQUEST_FLAG.hint;
  words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.store | (flags << 8) | (policy << 24);
  writeAddress(words, offset, context, slot);
  if (priority === PRIORITY.repair) words[offset + REPLICA_REQUEST.slot] = NO_SLOT;
  words[offset + REPLICA_STORE.owed] = owed;
  words[offset + REPLICA_STORE.fanOut] = fanOut;
  words[offset + REPLICA_STORE.reserved] = 0;
  const at = offset + REPLICA_STORE_HEADER_WORDS;
  if (hidden) writeVisible(record, recordOffset, words, at);
  else copyWords(record, recordOffset, words, at, recordWords);
  sink.end(wordCount);
  nameDeadline(context, sink, slot, node);
  countSent(context, node, shard);
  return true;
}

/** Asks a replica for a page of a partition, from the position in the request. */
export function sendScan(
  context: CoordinatorContext,
  slot: number,
  node: number,
  request: Int32Array,
  requestOffset: number,
  priority: number,
): boolean {
  const { slots } = context;
  const shard = slots.shard[slot]!;
  const sink = sinkFor(context, node, shard);
  if (sink === undefined) return false;
  const keyByteCount = request[requestOffset + REQUEST.keyAndContext]! & 0xffff;
  const payloadWords = paddedWords(keyByteCount) + SCAN_WORDS;
  const wordCount = REPLICA_READ_HEADER_WORDS + payloadWords;
  sink.priority = priority;
  const offset = sink.begin(TAG.replicaRequest, wordCount);
  if (offset < 0) return false;
  const { words } = sink;
  words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.scan;
  writeAddress(words, offset, context, slot);
  words[offset + REPLICA_REQUEST.bucketId] = slots.bucketId[slot]!;
  words[offset + REPLICA_REQUEST.tokenHigh] = 0;
  words[offset + REPLICA_REQUEST.tokenLow] = 0;
  words[offset + REPLICA_REQUEST.keyAndContext] = keyByteCount;
  words[offset + REPLICA_REQUEST.valueBytes] = SCAN_WORDS * 4;
  copyWords(
    request,
    requestOffset + REQUEST_HEADER_WORDS,
    words,
    offset + REPLICA_READ_HEADER_WORDS,
    payloadWords,
  );
  sink.end(wordCount);
  nameDeadline(context, sink, slot, node);
  countSent(context, node, shard);
  return true;
}
