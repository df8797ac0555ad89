/**
 * Answers of replicas, from this node's shards and from peers, to the conversation that waits.
 * data plane.
 *
 * Invariants:
 *   RD1 an answer for a slot's older generation touches nothing
 *   RD2 each answer of a shard but a forward gives its credit back, once
 *   RD3 what a peer answers that cannot be the answer to what it was asked is its failure to read
 */
import { reachable } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
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
import { isHidden } from '@clockwise/record/hidden';
import { HEADER, keyBytes, keyOffset } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { onPassedOnLost, onPassedOnReply } from '../fan-out/fan-out-relay.ts';
import { onGetFailed, onGetReply } from '../gets/get-core.ts';
import type { HandOffCore } from '../hand-off/hand-off-core.ts';
import { relayReply } from './peer-relay.ts';
import { NO_SLOT } from './replica-operations.ts';
import { openBit, positionOfNode } from '../positions.ts';
import { onPassedBack } from '../puts/put-core.ts';
import { onPutLost, onPutReply } from '../puts/put-events.ts';
import { SLOT_STATE } from '../requests/request-slots.ts';
import type { ScanCore } from '../gets/scan-core.ts';
import { FIELD } from '../requests/slot-layout.ts';
import { takeSoleAnswer } from '../puts/sole-copy.ts';
import { VisibleRecord } from './visible-record.ts';

const NO_RECORD = new Int32Array(0);

export class ReplyDispatch {
  readonly #context: CoordinatorContext;
  readonly #scans: ScanCore;
  readonly #handOff: HandOffCore;
  readonly #onProbed: (probe: number) => void;
  readonly #visible: VisibleRecord = new VisibleRecord();

  constructor(
    context: CoordinatorContext,
    scans: ScanCore,
    handOff: HandOffCore,
    onProbed: (probe: number) => void,
  ) {
    this.#context = context;
    this.#scans = scans;
    this.#handOff = handOff;
    this.#onProbed = onProbed;
  }

  /** A frame from a shard of this node. */
  takeShardFrame(shard: number, words: Int32Array, frame: number): void {
    const context = this.#context;
    // What it still said before it went down was given up then, credit and all.
    if (context.shardIsUp[shard] === 0) return;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
      const kindWord = words[offset + REPLICA_REPLY.kind]!;
      const kind = kindWord & 0xff;
      if (kindWord >>> 24 >= REPLY_FLAG.hidden) this.#learn(shard, kind, words, offset);
      if (kind !== REPLY_KIND.forward) {
        context.shardInFlight[shard] = context.shardInFlight[shard]! - 1;
      }
      if (words[offset + REPLICA_REPLY.route] !== 0) {
        relayReply(context, this.#visible, shard, words, offset);
      } else if (kind === REPLY_KIND.probed) {
        this.#onProbed(words[offset + REPLICA_REPLY.slot]!);
      } else if (!takeSoleAnswer(context, shard, words, offset)) {
        this.#takeReply(context.ring.ownNode, shard, words, offset);
      }
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  /** What is held for others is known by the acknowledgement, whoever asked for it. */
  #learn(shard: number, kind: number, words: Int32Array, offset: number): void {
    const isNew =
      kind === REPLY_KIND.stored || kind === REPLY_KIND.written || kind === REPLY_KIND.noted;
    if (!isNew) return;
    const { ring, owedRanges } = this.#context;
    const chunk = this.#context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
    const record = words[offset + REPLICA_REPLY.offset]!;
    this.#handOff.acknowledged(chunk, record);
    owedRanges.acknowledged(ring, chunk, record);
  }

  /** A frame from the link to a peer. REQUIRES: it passed its validation. */
  takeLinkFrame(node: number, words: Int32Array, frame: number): void {
    let offset = frame + FRAME_HEADER_WORDS;
    for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
      this.#takeReply(node, -1, words, offset);
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  /** `shard` is -1 where the answer came by a link. */
  #takeReply(node: number, shard: number, words: Int32Array, offset: number): void {
    const { slots } = this.#context;
    const slot = words[offset + REPLICA_REPLY.slot]!;
    if (slot === NO_SLOT) {
      this.#context.repairBudget.ended(node);
      return;
    }
    if (!slots.isCurrent(slot, words[offset + REPLICA_REPLY.slotGeneration]!)) {
      reachable('coordinator: a replica answers after the request has ended');
      this.#takeLate(words[offset + REPLICA_REPLY.kind]!);
      return;
    }
    const { explains } = this.#context;
    if (explains.count > 0) explains.answered(this.#context, slot, node, shard, words, offset);
    const state = slots.words[slot + FIELD.state]!;
    if (state === SLOT_STATE.get) this.#takeRead(slot, node, shard, words, offset);
    else if (state === SLOT_STATE.put) this.#takeAnswerOfPut(slot, node, shard, words, offset);
    else if (state === SLOT_STATE.scan) this.#takePage(slot, node, words, offset);
    else if (state === SLOT_STATE.handOff) {
      this.#handOff.onReply(slot, node, shard, words, offset);
    } else if (state === SLOT_STATE.fanOut) {
      onPassedOnReply(this.#context, slot, node, words, offset);
    }
  }

  /** Nobody waits for the note of a put that has ended, but it is told whether one is lost. */
  #takeLate(kind: number): void {
    const isRefused = (kind & 0xff) === REPLY_KIND.noted && ((kind >>> 8) & 0xffff) !== STATUS_OK;
    if (isRefused) this.#context.counters.notesLost += 1;
  }

  #takeRead(slot: number, node: number, shard: number, words: Int32Array, offset: number): void {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    const record = this.#recordOf(slot, shard, words, offset);
    const status = record === FOREIGN ? ERRORS.READ_FAILED.code : (kind >>> 8) & 0xffff;
    const { words: recordWords, offset: recordOffset } = this.#visible;
    if (record === NAMED) {
      onGetReply(this.#context, slot, node, kind & 0xff, status, recordWords, recordOffset);
    } else {
      onGetReply(this.#context, slot, node, kind & 0xff, status, NO_RECORD, -1);
    }
  }

  #takeAnswerOfPut(
    slot: number,
    node: number,
    shard: number,
    words: Int32Array,
    offset: number,
  ): void {
    const context = this.#context;
    const kindWord = words[offset + REPLICA_REPLY.kind]!;
    const kind = kindWord & 0xff;
    const flags = kindWord >>> 24;
    const durability = words[offset + REPLICA_REPLY.durability]!;
    // The usual one costs no more than it must: a normal record of an own shard, where it is.
    if (shard >= 0 && kind !== REPLY_KIND.stored && (kindWord & STATUS_MASK) === 0) {
      const chunk = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
      const at = words[offset + REPLICA_REPLY.offset]!;
      if (words[offset + REPLICA_REPLY.recordWords] !== 0 && !isHidden(chunk, at)) {
        onPutReply(context, slot, node, kind, STATUS_OK, flags, chunk, at, durability);
        return;
      }
    }
    const passedOn = shard < 0 ? words[offset + REPLICA_REPLY.recordCount]! : 0;
    if (kind === REPLY_KIND.stored && passedOn !== 0) {
      const status = (kindWord >>> 8) & 0xffff;
      onPassedBack(context, slot, node, passedOn, status, durability);
      return;
    }
    // A store's acknowledgement is asked for no record, whether it names one or not.
    const record = kind === REPLY_KIND.stored ? NONE : this.#recordOf(slot, shard, words, offset);
    const status = record === FOREIGN ? ERRORS.READ_FAILED.code : (kindWord >>> 8) & 0xffff;
    const isNamed = record === NAMED;
    const recordWords = isNamed ? this.#visible.words : NO_RECORD;
    const recordOffset = isNamed ? this.#visible.offset : -1;
    onPutReply(context, slot, node, kind, status, flags, recordWords, recordOffset, durability);
  }

  /** Whether an answer names a record; it is taken as `#visible` then. */
  #recordOf(slot: number, shard: number, words: Int32Array, offset: number): number {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    if (((kind >>> 8) & 0xffff) !== STATUS_OK) return NONE;
    if (shard >= 0) {
      if (words[offset + REPLICA_REPLY.recordWords] === 0) return NONE;
      const chunk = this.#context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
      this.#visible.take(chunk, words[offset + REPLICA_REPLY.offset]!);
      return NAMED;
    }
    // Without a kept key nobody but the own shard was asked to read.
    if ((kind & 0xff) !== REPLY_KIND.read || !this.#context.slots.hasKept(slot)) return NONE;
    const record = offset + REPLICA_REPLY_HEADER_WORDS;
    const isInline = ((kind >>> 24) & REPLY_FLAG.inline) !== 0;
    if (!isInline || !this.#isOfSlot(slot, words, record)) return FOREIGN;
    this.#visible.take(words, record);
    return NAMED;
  }

  /** [RD3] Whether a record has the key that a slot's read asked for. */
  #isOfSlot(slot: number, words: Int32Array, record: number): boolean {
    const { slots } = this.#context;
    // Nobody but this node was asked, and a peer says something all the same.
    if (!slots.hasKept(slot)) return false;
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

  #takePage(slot: number, node: number, words: Int32Array, offset: number): void {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    const status = (kind >>> 8) & 0xffff;
    if (status !== STATUS_OK) {
      this.failReplica(slot, node, status);
      return;
    }
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
    if (context.explains.count > 0) context.explains.failed(context, slot, node, status);
    const state = context.slots.state[slot]!;
    if (state === SLOT_STATE.put) onPutLost(context, slot, node, status);
    else if (state === SLOT_STATE.get) onGetFailed(context, slot, node, status);
    else if (state === SLOT_STATE.handOff) this.#handOff.onFailed(slot, node);
    else if (state === SLOT_STATE.fanOut) onPassedOnLost(context, slot, node);
    else if (state === SLOT_STATE.scan && openBit(context, slot, node) !== 0) {
      this.#scans.onFailed(slot, positionOfNode(context, slot, node), status);
    }
  }
}

/** Where the status is in the kind word of an answer. */
const STATUS_MASK = 0xffff << 8;

/** What an answer has for a record: none, one that was named, or one that was not asked for. */
const NONE = 0;
const NAMED = 1;
const FOREIGN = 2;
