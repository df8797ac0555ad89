/**
 * Answers to whoever asked: a client, or the coordinator that passed a client's request on.
 * data plane.
 *
 * Invariants:
 *   RE1 a request gets at most one answer
 *   RE2 answers to clients may wait for one another as long as admission says; those to peers, to who has
 *       little time left, and refusals may not
 */
import { assert } from '@clockwise/kernel/assert';
import type { OperationSink } from '@clockwise/kernel/core';
import { reachable } from '@clockwise/kernel/probe';
import {
  EXPLANATION,
  EXPLANATION_HEADER_WORDS,
  REQUEST_FLAG,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { bodyExplanation } from '@clockwise/protocol/response-body';
import { decodeUtf8, encodeUtf8 } from '@clockwise/protocol/utf8';
import { writeBytes } from '@clockwise/protocol/word-bytes';
import { copyWords } from '@clockwise/record/copy';
import {
  contextCount,
  contextOffset,
  ENTRY_WORDS,
  paddedWords,
  recentsOffset,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { relayedText } from './explain-log.ts';
import { FIELD, INSTANT } from './slot-layout.ts';

/** So many times the patience must be left of an answer's time. */
const LEFT_FACTOR = 4;

/**
 * Where a response to this slot's connection is written; undefined where the connection has gone: then
 * the client learns by its deadline.
 */
function openResponse(context: CoordinatorContext, slot: number): OperationSink | undefined {
  const { slots, connections } = context;
  const fields = slots.words;
  assert(fields[slot + FIELD.responded] === 0, '[RE1] a request gets one answer');
  fields[slot + FIELD.responded] = 1;
  slots.endAwaiting(slot);
  noteLatency(context, slot);
  const connection = fields[slot + FIELD.connection]!;
  if (!connections.isOpen(connection, fields[slot + FIELD.connectionGeneration]!)) {
    reachable('respond: the client has gone before its answer');
    context.counters.responsesDropped += 1;
    return undefined;
  }
  const sink = context.toConnection(connection);
  sink.patienceMs = patienceOf(context, slot, connection);
  return sink;
}

/** [RE2] Milliseconds. A peer asks for others, who would wait twice. */
function patienceOf(context: CoordinatorContext, slot: number, connection: number): number {
  const { patienceMs } = context.admission;
  if (patienceMs === 0) return 0;
  const leftMs = context.slots.due[slot]! - context.now;
  const isClient = context.connections.state[connection] === CONNECTION_STATE.client;
  return isClient && leftMs > patienceMs * LEFT_FACTOR ? patienceMs : 0;
}

/** Room for a response in a connection's frame, or -1 where it takes no more: again the client learns by its deadline. */
function beginResponse(
  context: CoordinatorContext,
  sink: OperationSink,
  wordCount: number,
): number {
  const offset = sink.begin(TAG.response, wordCount);
  if (offset < 0) {
    reachable('respond: the connection of a client takes no more answers');
    context.counters.responsesDropped += 1;
    return -1;
  }
  context.counters.responses += 1;
  return offset;
}

/**
 * What waited to its end for others, though somebody had answered, says nothing of this node's load:
 * one silent replica would keep out all who do not need it.
 */
function noteLatency(context: CoordinatorContext, slot: number): void {
  const { slots, now } = context;
  const { instants } = slots;
  if (now >= instants[slot + INSTANT.due]! && slots.answered[slot] !== 0) return;
  context.admission.answered(now - instants[slot + INSTANT.startedAt]!, now);
}

function writeHeader(
  words: Int32Array,
  offset: number,
  context: CoordinatorContext,
  slot: number,
  status: number,
  counts: number,
  account: Int32Array,
): void {
  const fields = context.slots.words;
  // Towards a strict answer stand-ins count for nothing, and it says nothing of them.
  const isStrict = (fields[slot + FIELD.flags]! & REQUEST_FLAG.strict) !== 0;
  const primaries = fields[slot + FIELD.answered]! & ~fields[slot + FIELD.sloppy]!;
  const answered = isStrict ? primaries : fields[slot + FIELD.answered]!;
  const sloppy = answered & ~primaries;
  const flags =
    (account.length === 0 ? 0 : RESPONSE_FLAG.explained) |
    (sloppy === 0 ? 0 : RESPONSE_FLAG.sloppy) |
    (fields[slot + FIELD.duplicate] === 0 ? 0 : RESPONSE_FLAG.duplicate);
  words[offset + RESPONSE.status] = status | (flags << 16) | (fields[slot + FIELD.opcode]! << 24);
  words[offset + RESPONSE.requestId] = fields[slot + FIELD.requestId]!;
  words[offset + RESPONSE.counts] = counts;
  const answeredCount = bitCount(answered);
  const primaryCount = primaries === answered ? answeredCount : bitCount(primaries);
  words[offset + RESPONSE.answered] =
    answeredCount | (primaryCount << 8) | (fields[slot + FIELD.durability]! << 16);
  const isOverload = status === ERRORS.OVERLOADED.code;
  const { admission, now } = context;
  words[offset + RESPONSE.retryAfterMs] = isOverload ? admission.retryAfterMs(now) : 0;
  words[offset + RESPONSE.hybridLow] = fields[slot + FIELD.hybridLow]!;
  words[offset + RESPONSE.hybridHigh] = fields[slot + FIELD.hybridHigh]!;
}

/** Keeps the highest hybrid time of a record's siblings, for the answer. */
export function keepHybrid(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  let low = 0;
  let high = 0;
  let sibling = siblingsOffset(record, recordOffset);
  for (let left = siblingCount(record, recordOffset); left > 0; left -= 1) {
    const otherLow = record[sibling + SIBLING.hybridLow]!;
    const otherHigh = record[sibling + SIBLING.hybridHigh]!;
    if (isLater(otherHigh, otherLow, high, low)) {
      low = otherLow;
      high = otherHigh;
    }
    sibling += siblingWordCount(record, sibling);
  }
  const fields = context.slots.words;
  fields[slot + FIELD.hybridLow] = low;
  fields[slot + FIELD.hybridHigh] = high;
}

function isLater(high: number, low: number, otherHigh: number, otherLow: number): boolean {
  if (high !== otherHigh) return high >>> 0 > otherHigh >>> 0;
  return low >>> 0 > otherLow >>> 0;
}

const NO_ACCOUNT = new Int32Array(0);

/** What ends the body of an answer that is to be explained; without words where it is not. */
function accountOf(context: CoordinatorContext, slot: number): Int32Array {
  if (context.explains.count === 0) return NO_ACCOUNT;
  const text = context.explains.text(context, slot);
  return text === undefined ? NO_ACCOUNT : accountWords(text);
}

function accountWords(text: string): Int32Array {
  const bytes = encodeUtf8(text);
  assert(bytes !== undefined, 'names of nodes are whole characters');
  const words = new Int32Array(EXPLANATION_HEADER_WORDS + paddedWords(bytes.length));
  words[EXPLANATION.byteCount] = bytes.length;
  writeBytes(words, EXPLANATION_HEADER_WORDS, bytes);
  return words;
}

/** An answer without a body: an error, or a success of which no context was wanted. */
export function respondStatus(context: CoordinatorContext, slot: number, status: number): void {
  const account = accountOf(context, slot);
  const wordCount = RESPONSE_HEADER_WORDS + account.length;
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const offset = beginResponse(context, sink, wordCount);
  if (offset < 0) return;
  writeHeader(sink.words, offset, context, slot, status, 0, account);
  copyWords(account, 0, sink.words, offset + RESPONSE_HEADER_WORDS, account.length);
  sink.end(wordCount);
}

/** The deadline has come and the outcome is not known. */
export function respondTimeout(context: CoordinatorContext, slot: number): void {
  context.counters.timeouts += 1;
  respondStatus(context, slot, ERRORS.TIMEOUT.code);
}

/** No replica that was asked holds anything. */
export function respondNotFound(context: CoordinatorContext, slot: number): void {
  respondStatus(context, slot, STATUS_NOT_FOUND);
}

/** The success of a put or delete, with the new context where it was asked for. */
export function respondWritten(
  context: CoordinatorContext,
  slot: number,
  entries: Int32Array,
  entriesOffset: number,
  entryCount: number,
): void {
  const wanted = (context.slots.words[slot + FIELD.flags]! & REQUEST_FLAG.wantContext) !== 0;
  const count = wanted ? entryCount : 0;
  const account = accountOf(context, slot);
  const contextWords = count * ENTRY_WORDS;
  const wordCount = RESPONSE_HEADER_WORDS + contextWords + account.length;
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const offset = beginResponse(context, sink, wordCount);
  if (offset < 0) return;
  const { words } = sink;
  writeHeader(words, offset, context, slot, STATUS_OK, count, account);
  const body = offset + RESPONSE_HEADER_WORDS;
  copyWords(entries, entriesOffset, words, body, contextWords);
  if (account.length > 0) copyWords(account, 0, words, body + contextWords, account.length);
  sink.end(wordCount);
}

/** The same of the only copy, in this node, that no stand-in holds and nobody wants explained. */
export function respondSoleWritten(
  context: CoordinatorContext,
  slot: number,
  durability: number,
  record: Int32Array,
  recordOffset: number,
): void {
  keepHybrid(context, slot, record, recordOffset);
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const fields = context.slots.words;
  const wanted = (fields[slot + FIELD.flags]! & REQUEST_FLAG.wantContext) !== 0;
  const count = wanted ? contextCount(record, recordOffset) : 0;
  const wordCount = RESPONSE_HEADER_WORDS + count * ENTRY_WORDS;
  const offset = beginResponse(context, sink, wordCount);
  if (offset < 0) return;
  const { words } = sink;
  const flags = fields[slot + FIELD.duplicate] === 0 ? 0 : RESPONSE_FLAG.duplicate;
  words[offset + RESPONSE.status] =
    STATUS_OK | (flags << 16) | (fields[slot + FIELD.opcode]! << 24);
  words[offset + RESPONSE.requestId] = fields[slot + FIELD.requestId]!;
  words[offset + RESPONSE.counts] = count;
  words[offset + RESPONSE.answered] = 1 | (1 << 8) | (durability << 16);
  words[offset + RESPONSE.retryAfterMs] = 0;
  words[offset + RESPONSE.hybridLow] = fields[slot + FIELD.hybridLow]!;
  words[offset + RESPONSE.hybridHigh] = fields[slot + FIELD.hybridHigh]!;
  if (count > 0) {
    const from = contextOffset(record, recordOffset);
    copyWords(record, from, words, offset + RESPONSE_HEADER_WORDS, count * ENTRY_WORDS);
  }
  sink.end(wordCount);
}

/** The answer to a get: the record's context and what of its siblings is alive. */
export function respondRecord(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const from = contextOffset(record, recordOffset);
  const account = accountOf(context, slot);
  const bodyWords = recentsOffset(record, recordOffset) - from + account.length;
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const offset = beginResponse(context, sink, RESPONSE_HEADER_WORDS + bodyWords);
  if (offset < 0) return;
  const { words } = sink;
  const entries = contextCount(record, recordOffset);
  const entryWords = entries * ENTRY_WORDS;
  let position = offset + RESPONSE_HEADER_WORDS;
  copyWords(record, from, words, position, entryWords);
  position += entryWords;
  const { visible } = context;
  const alive = visible.collect(record, recordOffset, Math.floor(context.wallTimeMs / 1000));
  for (let index = 0; index < alive; index += 1) {
    const sibling = visible.offsets[index]!;
    const size = siblingWordCount(record, sibling);
    copyWords(record, sibling, words, position, size);
    position += size;
  }
  const status = alive === 0 ? STATUS_NOT_FOUND : STATUS_OK;
  keepHybrid(context, slot, record, recordOffset);
  if (account.length > 0) {
    copyWords(account, 0, words, position, account.length);
    position += account.length;
  }
  writeHeader(words, offset, context, slot, status, entries | (alive << 16), account);
  sink.end(position - offset);
}

/** A page of a scan: whole records, tombstones among them, for the cursor goes on after the last. */
export function respondRecords(
  context: CoordinatorContext,
  slot: number,
  records: readonly Int32Array[],
  flags: number,
): void {
  let wordCount = RESPONSE_HEADER_WORDS;
  for (const record of records) wordCount += record.length;
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const offset = beginResponse(context, sink, wordCount);
  if (offset < 0) return;
  writeHeader(
    sink.words,
    offset,
    context,
    slot,
    STATUS_OK | (flags << 16),
    records.length << 16,
    NO_ACCOUNT,
  );
  let position = offset + RESPONSE_HEADER_WORDS;
  for (const record of records) {
    sink.words.set(record, position);
    position += record.length;
  }
  sink.end(wordCount);
}

/** Another coordinator's answer, word for word, under the id that our own asker knows. */
export function respondRelayed(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
): void {
  if (context.slots.responded[slot] === 1) return;
  if (context.explains.count > 0) context.explains.end(slot);
  const wordCount = words[offset + RESPONSE.wordCount]!;
  const explanation = bodyExplanation(words, offset);
  const account = explanation === undefined ? undefined : relayedAccount(context, explanation);
  const cutWords =
    account === undefined ? 0 : EXPLANATION_HEADER_WORDS + paddedWords(explanation!.length);
  const ownWords = wordCount - cutWords;
  const end = ownWords + (account?.length ?? 0);
  const sink = openResponse(context, slot);
  if (sink === undefined) return;
  const start = beginResponse(context, sink, end);
  if (start < 0) return;
  copyWords(words, offset, sink.words, start, ownWords);
  if (account !== undefined) {
    copyWords(account, 0, sink.words, start + ownWords, account.length);
  }
  sink.words[start + RESPONSE.requestId] = context.slots.requestId[slot]!;
  sink.end(end);
}

/** A peer's account, with the name of this node, which had passed the request on; undefined: as it is. */
function relayedAccount(
  context: CoordinatorContext,
  explanation: Uint8Array,
): Int32Array | undefined {
  const text = decodeUtf8(explanation);
  if (text === undefined || !text.startsWith('{"')) return undefined;
  const { nodes, ownNode } = context.ring;
  return accountWords(relayedText(text, nodes[ownNode]!.nodeId));
}

export function bitCount(bits: number): number {
  let left = bits - ((bits >>> 1) & 0x55555555);
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333);
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Whether an opcode changes something. */
export function isWrite(opcode: number): boolean {
  return opcode === REQUEST_OPCODE.put || opcode === REQUEST_OPCODE.delete;
}
