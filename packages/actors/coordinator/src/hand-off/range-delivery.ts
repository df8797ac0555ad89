/**
 * Dirty ranges go to whom they are owed: what a partition's sources hold of it (range-push) is stored at
 * the target page by page, as background work, within the window of the target.
 *
 * Invariants:
 *   HR4 what is owed by itself goes first: a range gives way after each page
 *   HR5 a range is begun anew where the own shard may have noted it anew without a new number: after it
 *       was down
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { partitionOf } from '@clockwise/placement/token';
import { errorName, ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  OPERATION,
  PRIORITY,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { HEADER, recordWordCount } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { HandOffPass } from './hand-off-pass.ts';
import type { HandOffSlots } from './hand-off-slots.ts';
import type { HandOffWindow } from './hand-off-window.ts';
import { isUsable } from '../positions.ts';
import { RangePush } from './range-push.ts';
import { sendScan, sendStore } from '../peers/replica-operations.ts';

const BYTES_PER_WORD = 4;
/**
 * Rounds after which a range of which something could not be taken is walked again, after the first walk
 * and at the most: each in a row waits twice as long. A target whose disk failed for a moment has all soon
 * after, and one that will never take a record is not sent all others the whole time.
 */
const AGAIN_ROUNDS_MIN = 5;
const AGAIN_ROUNDS_MAX = 40;

/** A page that was asked of a source, or a record that is on its way to the target. */
export type RangeStep =
  | { readonly kind: 'range-page'; readonly pass: HandOffPass; readonly push: RangePush }
  | {
      readonly kind: 'range-record';
      readonly pass: HandOffPass;
      readonly push: RangePush;
      /** Where it stands in the page of the push. */
      readonly record: number;
      readonly window: HandOffWindow;
      readonly byteCount: number;
      readonly sentAt: Instant;
    };

/** What comes of a range in this pass. `left`: it goes on in a later one. */
export type RangeProgress = 'under-way' | 'left' | 'whole';

export class RangeDeliveries {
  readonly #context: CoordinatorContext;
  readonly #slots: Pick<HandOffSlots<RangeStep>, 'take' | 'bind' | 'release'>;
  /** By place and target: those that are begun. */
  readonly #pushes: Map<number, RangePush> = new Map();

  constructor(
    context: CoordinatorContext,
    slots: Pick<HandOffSlots<RangeStep>, 'take' | 'bind' | 'release'>,
  ) {
    this.#context = context;
    this.#slots = slots;
  }

  /** Sends of the range that a pass is at what may be sent now. */
  pump(pass: HandOffPass, window: HandOffWindow): RangeProgress {
    const push = this.#pushAt(pass);
    if (this.#context.now < push.notBefore) return 'left';
    while (!push.mustRest && push.hasRecord) {
      if (!this.#sendRecord(pass, push, window)) return 'under-way';
    }
    if (pass.inFlight > 0 || pass.isAsking) return 'under-way';
    if (push.mustRest) return rest(push);
    const isPageDone = push.goOn();
    if (push.isOver && !push.isWhole) return this.#beginAnewLater(pass, push);
    if (push.isWhole) {
      this.#pushes.delete(this.#keyOf(pass));
      reachable('hand-off: a target has a whole dirty range');
      this.#context.counters.rangesPushed += 1;
      return 'whole';
    }
    const isCrowded = isPageDone && this.#context.ledger.owesObjects(pass.target);
    sometimes(isCrowded, 'hand-off: a dirty range gives way to what is owed by itself');
    // [HR4]
    if (isCrowded || !this.#canAsk(push)) return rest(push);
    this.#askPage(pass, push);
    return 'under-way';
  }

  /** The pass ends before the range does. */
  leave(pass: HandOffPass): void {
    if (pass.isAtPlace) this.#pushes.get(this.#keyOf(pass))?.rest();
  }

  /** [HR5] */
  forget(place: number): void {
    const { length } = this.#context.ring.nodes;
    for (let node = 0; node < length; node += 1) this.#pushes.delete(place * length + node);
  }

  /** Whether it was what the step waits for. */
  onAnswer(slot: number, step: RangeStep, node: number, words: Int32Array, offset: number): void {
    const kindWord = words[offset + REPLICA_REPLY.kind]!;
    const kind = kindWord & 0xff;
    const status = (kindWord >>> 8) & 0xffff;
    const isDone = status === STATUS_OK;
    if (node !== awaitedNodeOf(step)) return;
    switch (step.kind) {
      case 'range-page':
        if (kind === REPLY_KIND.scanned) this.#onPage(slot, step, isDone, words, offset);
        return;
      case 'range-record':
        if (kind === REPLY_KIND.stored) this.#onStored(slot, step, status);
        return;
      default:
        unreachable(step);
    }
  }

  /** No answer comes: in time, or at all. */
  onLost(slot: number, step: RangeStep): void {
    reachable('hand-off: an answer about a dirty range does not come');
    this.#slots.release(slot);
    switch (step.kind) {
      case 'range-page':
        step.pass.isAsking = false;
        step.push.mustRest = true;
        return;
      case 'range-record':
        step.pass.inFlight -= 1;
        step.window.silent(step.byteCount, step.sentAt, this.#context.now);
        step.push.refused(step.record);
        return;
      default:
        unreachable(step);
    }
  }

  #keyOf({ place, target }: HandOffPass): number {
    return place * this.#context.ring.nodes.length + target;
  }

  /** The push of the mark that a pass is at: one that was left, where the mark is still the same. */
  #pushAt(pass: HandOffPass): RangePush {
    const { ring, ledger } = this.#context;
    const key = this.#keyOf(pass);
    const known = this.#pushes.get(key);
    if (known?.isOf(ring, pass) === true) return known;
    sometimes(known !== undefined, 'hand-off: a dirty range was noted anew and is begun anew');
    const push = new RangePush(ring, pass, ledger.partitionOf(pass.place));
    this.#pushes.set(key, push);
    return push;
  }

  /** [HR3] The target has all but what it cannot take. */
  #beginAnewLater(pass: HandOffPass, { againRounds }: RangePush): RangeProgress {
    const { ring, ledger, now, limits } = this.#context;
    reachable('hand-off: a target cannot take all of a dirty range');
    const push = new RangePush(ring, pass, ledger.partitionOf(pass.place));
    push.againRounds = Math.min(AGAIN_ROUNDS_MAX, Math.max(AGAIN_ROUNDS_MIN, 2 * againRounds));
    push.notBefore = now + push.againRounds * limits.handOffRoundMs;
    this.#pushes.set(this.#keyOf(pass), push);
    return 'left';
  }

  #canAsk({ source, partition }: RangePush): boolean {
    const { ring } = this.#context;
    return isUsable(this.#context, source, ring.shardOfPartition[partition]!);
  }

  #askPage(pass: HandOffPass, push: RangePush): void {
    const { limits } = this.#context;
    const slot = this.#slots.take(pass.place, push.bucketId);
    if (slot < 0) return;
    const bounds = { recordsMax: limits.scanRecordsMax, bytesMax: limits.handOffPageBytes };
    const request = push.page.scanRequest(push.partition, bounds);
    if (!sendScan(this.#context, slot, push.source, request, 0, PRIORITY.background)) {
      this.#slots.release(slot);
      return;
    }
    pass.isAsking = true;
    this.#slots.bind(slot, { kind: 'range-page', pass, push });
  }

  #onPage(
    slot: number,
    { pass, push }: Extract<RangeStep, { kind: 'range-page' }>,
    isDone: boolean,
    words: Int32Array,
    offset: number,
  ): void {
    this.#slots.release(slot);
    pass.isAsking = false;
    const start = offset + REPLICA_REPLY_HEADER_WORDS;
    const wordCount = words[offset + OPERATION.wordCount]! - REPLICA_REPLY_HEADER_WORDS;
    const count = words[offset + REPLICA_REPLY.recordCount]!;
    const hasMore = ((words[offset + REPLICA_REPLY.kind]! >>> 24) & REPLY_FLAG.more) !== 0;
    const isPage = isDone && this.#isOfRange(push, words, start, count, hasMore);
    sometimes(!isPage, 'hand-off: a page of a dirty range cannot be had');
    if (isPage) push.took(words, start, wordCount, count, hasMore);
    else push.mustRest = true;
  }

  /** A peer's page is looked at: a walk that skips what is there would end too early. */
  #isOfRange(
    { bucketId, partition }: RangePush,
    words: Int32Array,
    start: number,
    count: number,
    hasMore: boolean,
  ): boolean {
    if (hasMore && count === 0) return false;
    const { partitionBits } = this.#context.ring;
    let record = start;
    for (let left = count; left > 0; left -= 1) {
      if (words[record + HEADER.bucketId] !== bucketId) return false;
      if (partitionOf(words[record + HEADER.tokenHigh]!, partitionBits) !== partition) return false;
      record += recordWordCount(words, record);
    }
    return true;
  }

  /** False: it cannot be sent now. */
  #sendRecord(pass: HandOffPass, push: RangePush, window: HandOffWindow): boolean {
    const { now, ring } = this.#context;
    const { record } = push;
    const { words } = push.page;
    const byteCount = recordWordCount(words, record) * BYTES_PER_WORD;
    if (!window.admits(byteCount, now)) return false;
    const slot = this.#slots.take(pass.place, push.bucketId);
    if (slot < 0) return false;
    const { policy } = ring.buckets.get(push.bucketId)!;
    const { background } = PRIORITY;
    if (!sendStore(this.#context, slot, pass.target, policy, words, record, 0, background)) {
      this.#slots.release(slot);
      return false;
    }
    window.sent(byteCount, now);
    push.sent();
    pass.inFlight += 1;
    const step = {
      kind: 'range-record',
      pass,
      push,
      record,
      window,
      byteCount,
      sentAt: now,
    } as const;
    this.#slots.bind(slot, step);
    return true;
  }

  #onStored(
    slot: number,
    { pass, push, record, window, byteCount, sentAt }: Extract<RangeStep, { kind: 'range-record' }>,
    status: number,
  ): void {
    const { now, counters } = this.#context;
    this.#slots.release(slot);
    pass.inFlight -= 1;
    sometimes(status !== STATUS_OK, 'hand-off: a target refuses a record of a dirty range');
    if (status === STATUS_OK) {
      window.acknowledged(byteCount, sentAt, now);
      counters.handedOff += 1;
      return;
    }
    window.refused(byteCount, sentAt, now);
    if (isOfRecord(status)) push.failed(record);
    else push.refused(record);
  }
}

/** Whether a refusal is about the record, and not about how much the target has to do. */
function isOfRecord(status: number): boolean {
  const name = errorName(status);
  return name === 'READ_FAILED' || (name !== undefined && !ERRORS[name].retryable);
}

/** The node whose answer a step waits for. */
export function awaitedNodeOf(step: RangeStep): number {
  return step.kind === 'range-page' ? step.push.source : step.pass.target;
}

function rest(push: RangePush): RangeProgress {
  reachable('hand-off: a dirty range goes on in a later pass');
  push.rest();
  return 'left';
}
