/**
 * From a validated frame of requests to slots with work under way. data plane.
 *
 * Invariants:
 *   RI1 every operation of a frame is answered: by its conversation, or by a refusal here
 *   RI2 admission is decided before any work is done for an operation (admission.ts)
 */
import { buggify } from '@clockwise/kernel/buggify';
import { sometimes } from '@clockwise/kernel/probe';
import { computeToken, partitionOf, type Token } from '@clockwise/placement/token';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REQUEST,
  REQUEST_FLAG,
  REQUEST_HEADER_WORDS,
  REQUEST_OPCODE,
  SCAN,
} from '@clockwise/protocol/frame';
import { requestStatus } from '@clockwise/protocol/validate-request';
import { paddedWords } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { startRead } from '../gets/get-start.ts';
import { LEVEL_IMPOSSIBLE, positionsRequired, resolveLevel } from '../levels.ts';
import { startWrite } from '../puts/put-start.ts';
import { refuse, refuseForLoad } from './refuse.ts';
import { SLOT_STATE } from './request-slots.ts';
import { isWrite } from './respond.ts';
import type { BucketView } from '../ring-view.ts';
import type { ScanCore } from '../gets/scan-core.ts';
import { FIELD, INSTANT } from './slot-layout.ts';

export class RequestIntake {
  readonly #context: CoordinatorContext;
  readonly #scans: ScanCore;
  readonly #token: Token = { high: 0, low: 0 };
  readonly #refusal = { requestId: 0, opcode: 0 };

  constructor(context: CoordinatorContext, scans: ScanCore) {
    this.#context = context;
    this.#scans = scans;
  }

  /** REQUIRES: the frame passed validateRequestFrame. */
  takeFrame(connection: number, words: Int32Array, frame: number): void {
    const context = this.#context;
    const { requestTimeoutMs, requestTimeoutMsMax } = context.limits;
    const named = words[frame + FRAME.remainingMs]! >>> 0;
    const remainingMs = named === 0 ? requestTimeoutMs : Math.min(named, requestTimeoutMsMax);
    const due = context.now + remainingMs;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
      const status = this.#takeOperation(connection, words, offset, due);
      if (status !== STATUS_OK) this.#refuse(connection, words, offset, status, due);
      offset += words[offset + OPERATION.wordCount]!;
    }
    context.watchDue(due);
  }

  #refuse(
    connection: number,
    words: Int32Array,
    offset: number,
    status: number,
    due: number,
  ): void {
    const refusal = this.#refusal;
    refusal.requestId = words[offset + REQUEST.requestId]!;
    refusal.opcode = words[offset + REQUEST.opcode]! & 0xff;
    if (status === ERRORS.OVERLOADED.code) refuseForLoad(this.#context, connection, refusal, due);
    else refuse(this.#context, connection, refusal.requestId, refusal.opcode, status, 0);
  }

  /** Returns STATUS_OK where a conversation took it over, else the status to refuse it with. */
  #takeOperation(connection: number, words: Int32Array, offset: number, due: number): number {
    const context = this.#context;
    context.counters.requests += 1;
    const bucket = context.ring.buckets.get(words[offset + REQUEST.bucketId]!);
    if (bucket === undefined) return ERRORS.NO_SUCH_BUCKET.code;
    const opcode = words[offset + REQUEST.opcode]!;
    const limitStatus = this.#checkLimits(bucket, opcode, words, offset);
    if (limitStatus !== STATUS_OK) return limitStatus;
    const write = isWrite(opcode & 0xff);
    const { slots, now, limits } = context;
    const wordCount = words[offset + OPERATION.wordCount]!;
    if (!slots.mayKeep(wordCount, limits.keptRequestBytesMax)) return ERRORS.OVERLOADED.code;
    if (!context.admission.takes(slots.awaitedCount, now)) return ERRORS.OVERLOADED.code;
    if (buggify('intake: refuse a request although a slot is free')) return ERRORS.OVERLOADED.code;
    const slot = slots.take(write ? SLOT_STATE.put : SLOT_STATE.get, due);
    sometimes(slot < 0, 'intake: all slots are in use');
    if (slot < 0) return ERRORS.OVERLOADED.code;
    slots.beginAwaiting(slot);
    this.#fillSlot(slot, connection, bucket, words, offset);
    if (((opcode >>> 8) & REQUEST_FLAG.explain) !== 0) context.explains.begin(context, slot);
    const status = this.#start(slot, bucket, words, offset);
    if (status !== STATUS_OK) {
      slots.release(slot);
      if (context.explains.count > 0) context.explains.end(slot);
    }
    return status;
  }

  #checkLimits(bucket: BucketView, opcode: number, words: Int32Array, offset: number): number {
    const status = requestStatus(words, offset, this.#context.limits);
    if (status !== STATUS_OK || !bucket.requireContext) return status;
    const hasContext = ((opcode >>> 8) & REQUEST_FLAG.contextGiven) !== 0;
    return hasContext || !isWrite(opcode & 0xff) ? STATUS_OK : ERRORS.CONTEXT_REQUIRED.code;
  }

  #fillSlot(
    slot: number,
    connection: number,
    bucket: BucketView,
    words: Int32Array,
    offset: number,
  ): void {
    const { slots, connections, now } = this.#context;
    const opcode = words[offset + REQUEST.opcode]!;
    const fields = slots.words;
    fields[slot + FIELD.connection] = connection;
    fields[slot + FIELD.connectionGeneration] = connections.generation[connection]!;
    fields[slot + FIELD.requestId] = words[offset + REQUEST.requestId]!;
    fields[slot + FIELD.opcode] = opcode & 0xff;
    fields[slot + FIELD.flags] = (opcode >>> 8) & 0xff;
    fields[slot + FIELD.bucketId] = bucket.id;
    fields[slot + FIELD.replicationClass] = bucket.replicationClass;
    fields[slot + FIELD.lww] = bucket.lww ? 1 : 0;
    const bucketLevel = isWrite(opcode & 0xff) ? bucket.writeLevel : bucket.readLevel;
    fields[slot + FIELD.level] = resolveLevel((opcode >>> 16) & 0xff, bucketLevel);
    slots.instants[slot + INSTANT.startedAt] = now;
  }

  #start(slot: number, bucket: BucketView, words: Int32Array, offset: number): number {
    const context = this.#context;
    const opcode = words[offset + REQUEST.opcode]! & 0xff;
    if (opcode === REQUEST_OPCODE.scan) return this.#startScan(slot, words, offset);
    const token = this.#token;
    const keyByteCount = words[offset + REQUEST.keyAndContext]! & 0xffff;
    computeToken(token, bucket.id, words, offset + REQUEST_HEADER_WORDS, keyByteCount);
    const status = this.#placeSlot(slot, partitionOf(token.high, context.ring.partitionBits));
    if (status !== STATUS_OK) return status;
    return isWrite(opcode)
      ? startWrite(context, slot, bucket, words, offset, token)
      : startRead(context, slot, words, offset, token);
  }

  /** Where the slot's replicas are, and how many of them its level wants. */
  #placeSlot(slot: number, partition: number): number {
    const { slots, ring } = this.#context;
    const fields = slots.words;
    fields[slot + FIELD.partition] = partition;
    fields[slot + FIELD.shard] = ring.shardOfPartition[partition]!;
    const required = positionsRequired(this.#context, slot);
    if (required === LEVEL_IMPOSSIBLE) return ERRORS.IMPOSSIBLE_LEVEL.code;
    fields[slot + FIELD.required] = required;
    return STATUS_OK;
  }

  #startScan(slot: number, words: Int32Array, offset: number): number {
    const { slots, ring } = this.#context;
    const keyByteCount = words[offset + REQUEST.keyAndContext]! & 0xffff;
    const scan = offset + REQUEST_HEADER_WORDS + paddedWords(keyByteCount);
    const partition = words[scan + SCAN.partition]!;
    if (partition < 0 || partition >= 1 << ring.partitionBits) return ERRORS.BAD_REQUEST.code;
    slots.state[slot] = SLOT_STATE.scan;
    const status = this.#placeSlot(slot, partition);
    if (status !== STATUS_OK) return status;
    slots.keepRequest(slot, words, offset, words[offset + OPERATION.wordCount]!);
    return this.#scans.start(slot, words, offset);
  }
}
