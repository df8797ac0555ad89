/**
 * Answers of replicas, from this node's shards and from peers, to the conversation that waits.
 * data plane.
 *
 * Invariants:
 *   RD1 an answer for a slot's older generation touches nothing
 *   RD2 each answer of a shard but a forward gives its credit back, once
 *   RD3 what a peer answers that cannot be the answer to what it was asked is its failure to read
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { computeToken, type Token } from '@clockwise/placement/token';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST,
  REQUEST_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { keysEqual } from '@clockwise/record/compare';
import { HEADER, keyBytes, keyOffset } from '@clockwise/record/layout';
import type { CoordinatorContext } from './coordinator-context.ts';
import { onGetFailed, onRead } from './get-core.ts';
import { relayReply } from './peer-relay.ts';
import { onForward, onPutFailed, onStored, onWritten } from './put-core.ts';
import { SLOT_STATE } from './request-slots.ts';
import type { ScanCore } from './scan-core.ts';

const NO_RECORD = new Int32Array(0);

export class ReplyDispatch {
  readonly #context: CoordinatorContext;
  readonly #scans: ScanCore;
  readonly #onProbed: (probe: number) => void;
  readonly #token: Token = { high: 0, low: 0 };

  constructor(context: CoordinatorContext, scans: ScanCore, onProbed: (probe: number) => void) {
    this.#context = context;
    this.#scans = scans;
    this.#onProbed = onProbed;
  }

  /** A frame from a shard of this node. */
  takeShardFrame(shard: number, words: Int32Array, frame: number): void {
    const context = this.#context;
    // What it still said before it went down was given up then, credit and all.
    if (context.shardIsUp[shard] === 0) return;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
      const kind = words[offset + REPLICA_REPLY.kind]! & 0xff;
      if (kind !== REPLY_KIND.forward) {
        context.shardInFlight[shard] = context.shardInFlight[shard]! - 1;
      }
      if (words[offset + REPLICA_REPLY.route] !== 0) {
        relayReply(context, shard, words, offset);
      } else if (kind === REPLY_KIND.probed) {
        this.#onProbed(words[offset + REPLICA_REPLY.slot]!);
      } else {
        this.#takeReply(context.ring.ownNode, shard, words, offset);
      }
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  /** A frame from the link to a peer. REQUIRES: it passed its validation. */
  takeLinkFrame(node: number, words: Int32Array, frame: number): void {
    let offset = frame + FRAME_HEADER_WORDS;
    for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
      this.#takeReply(node, -1, words, offset);
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  #takeReply(node: number, shard: number, words: Int32Array, offset: number): void {
    const { slots } = this.#context;
    const slot = words[offset + REPLICA_REPLY.slot]!;
    if (!slots.isCurrent(slot, words[offset + REPLICA_REPLY.slotGeneration]!)) {
      reachable('coordinator: a replica answers after the request has ended');
      return;
    }
    const kind = words[offset + REPLICA_REPLY.kind]!;
    const status = (kind >>> 8) & 0xffff;
    const state = slots.state[slot]!;
    const isAnswer = status === STATUS_NOT_FOUND ? state === SLOT_STATE.get : status === STATUS_OK;
    if (!isAnswer) {
      this.failReplica(slot, node, status);
      return;
    }
    if (state === SLOT_STATE.get) this.#takeRead(slot, node, shard, words, offset, status);
    else if (state === SLOT_STATE.put) this.#takeAcknowledgement(slot, node, shard, words, offset);
    else if (state === SLOT_STATE.scan) this.#takePage(slot, node, words, offset);
  }

  #takeRead(
    slot: number,
    node: number,
    shard: number,
    words: Int32Array,
    offset: number,
    status: number,
  ): void {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    if ((kind & 0xff) !== REPLY_KIND.read) return;
    if (status === STATUS_NOT_FOUND) onRead(this.#context, slot, node, NO_RECORD, -1);
    else if (shard < 0) {
      const record = offset + REPLICA_REPLY_HEADER_WORDS;
      const isInline = ((kind >>> 24) & REPLY_FLAG.inline) !== 0;
      if (isInline && this.#isOfSlot(slot, words, record)) {
        onRead(this.#context, slot, node, words, record);
      } else {
        this.failReplica(slot, node, ERRORS.READ_FAILED.code);
      }
    } else {
      const record = this.#context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
      onRead(this.#context, slot, node, record, words[offset + REPLICA_REPLY.offset]!);
    }
  }

  /** [RD3] Whether a record has the key that a slot's get asked for. */
  #isOfSlot(slot: number, words: Int32Array, record: number): boolean {
    const { slots } = this.#context;
    const request = slots.keptWords(slot);
    const requestOffset = slots.keptOffset(slot);
    const keyByteCount = request[requestOffset + REQUEST.keyAndContext]! & 0xffff;
    const key = requestOffset + REQUEST_HEADER_WORDS;
    return (
      words[record + HEADER.bucketId] === slots.bucketId[slot] &&
      keyBytes(words, record) === keyByteCount &&
      keysEqual(words, keyOffset(record), request, key, keyByteCount)
    );
  }

  #takeAcknowledgement(
    slot: number,
    node: number,
    shard: number,
    words: Int32Array,
    offset: number,
  ): void {
    const context = this.#context;
    const kind = words[offset + REPLICA_REPLY.kind]! & 0xff;
    const durability = words[offset + REPLICA_REPLY.durability]!;
    if (kind === REPLY_KIND.stored) {
      onStored(context, slot, node, durability);
      return;
    }
    if (shard < 0) return;
    const record = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
    const recordOffset = words[offset + REPLICA_REPLY.offset]!;
    if (kind === REPLY_KIND.forward) onForward(context, slot, record, recordOffset);
    else if (kind === REPLY_KIND.written)
      onWritten(context, slot, durability, record, recordOffset);
  }

  #takePage(slot: number, node: number, words: Int32Array, offset: number): void {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    if ((kind & 0xff) !== REPLY_KIND.scanned) return;
    this.#scans.onScanned(
      slot,
      node,
      kind >>> 24,
      words[offset + REPLICA_REPLY.recordCount]!,
      words,
      offset + REPLICA_REPLY_HEADER_WORDS,
      words[offset + OPERATION.wordCount]! - REPLICA_REPLY_HEADER_WORDS,
    );
  }

  /** A replica refused a slot's operation or cannot be reached any more. */
  failReplica(slot: number, node: number, status: number): void {
    const context = this.#context;
    const { slots, ring } = context;
    const placement = ring.tables[slots.replicationClass[slot]!]!;
    const position = positionOfReplica(placement, slots.partition[slot]!, node);
    if (position < 0) return;
    const bit = 1 << position;
    const isOpen = (slots.asked[slot]! & ~slots.answered[slot]! & ~slots.failed[slot]! & bit) !== 0;
    sometimes(!isOpen, 'coordinator: a replica that is not waited for fails');
    if (!isOpen) return;
    const state = slots.state[slot]!;
    if (state === SLOT_STATE.put) onPutFailed(context, slot, position, status);
    else if (state === SLOT_STATE.scan) this.#scans.onFailed(slot, position, status);
    else if (state === SLOT_STATE.get) {
      onGetFailed(context, slot, position, status, this.tokenOf(slot));
    }
  }

  /** The token of a slot's kept request, for asking another replica. */
  tokenOf(slot: number): Token {
    const { slots } = this.#context;
    if (slots.hasKept(slot)) {
      const words = slots.keptWords(slot);
      const offset = slots.keptOffset(slot);
      const keyByteCount = words[offset + REQUEST.keyAndContext]! & 0xffff;
      const bucketId = slots.bucketId[slot]!;
      computeToken(this.#token, bucketId, words, offset + REQUEST_HEADER_WORDS, keyByteCount);
    }
    return this.#token;
  }
}
