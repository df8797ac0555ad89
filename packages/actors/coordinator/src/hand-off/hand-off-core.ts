/**
 * Hand-off: what this node holds for others goes to them as soon as they can be reached, at the pace
 * that they take it. One pass for each target walks over the places in which something is owed to it;
 * one more, for everybody, counts what the store holds and does the upkeep: what is too old or too much
 * becomes a dirty range, what is of an earlier ring is owed by the present owners. All of it is in the
 * store, read page by page; nothing is remembered here that a restart would miss.
 *
 * Invariants:
 *   HO1, HO2 hand-off-delivery.ts; HO5 hand-off-slots.ts; HR1 to HR5 range-push.ts, range-delivery.ts
 *   HO3 everything is begun anew from the store after any crash
 *   HO4 a target that does not answer gets one operation a round at the most
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { reachable } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  OPERATION,
  PRIORITY,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { isSettled, visibleBucketId } from '@clockwise/record/hidden';
import type { CoordinatorContext } from '../coordinator-context.ts';
import {
  answerOf,
  awaitedNode,
  beginDelivery,
  beginGivingUp,
  beginMoving,
  type Delivery,
  isAwaited,
  onDeliveryAnswer,
  onDeliveryLost,
  settle,
} from './hand-off-delivery.ts';
import { HandOffPass } from './hand-off-pass.ts';
import { HandOffSlots } from './hand-off-slots.ts';
import { NOBODY, PASS_OVER, type Task, taskOf } from './hand-off-task.ts';
import { HandOffWindow } from './hand-off-window.ts';
import { EVERYBODY, type OwedRecord } from './place-count.ts';
import { owedRecordOf } from './owed-records.ts';
import { isUsable } from '../positions.ts';
import { awaitedNodeOf, RangeDeliveries, type RangeStep } from './range-delivery.ts';
import { sendScan } from '../peers/replica-operations.ts';

/** Operations of the pass for everybody that are under way at once. */
const UPKEEP_WINDOW = 16;
/** Rounds between two looks for what is too old or too much. */
const UPKEEP_ROUNDS = 60;

type Work =
  | { readonly kind: 'page'; readonly pass: HandOffPass }
  | { readonly kind: 'delivery'; readonly delivery: Delivery }
  | RangeStep;

export class HandOffCore {
  readonly #context: CoordinatorContext;
  readonly #windows: Map<number, HandOffWindow> = new Map();
  /** By target. */
  readonly #passes: Map<number, HandOffPass> = new Map();
  readonly #slots: HandOffSlots<Work>;
  readonly #ranges: RangeDeliveries;
  #firstTarget = 0;
  #upkeepAt: Instant = 0;
  /** When to look again; Infinity: when something is added. */
  #roundAt: Instant = Infinity;

  constructor(context: CoordinatorContext) {
    this.#context = context;
    this.#slots = new HandOffSlots(context);
    this.#ranges = new RangeDeliveries(context, this.#slots);
  }

  /** A shard has come up: what its store holds is not known. */
  shardUp(shard: number): void {
    this.#forgetShard(shard);
    this.#wakeAt(this.#context.now);
  }

  /** Its unanswered steps were let go (`onFailed`). */
  shardDown(shard: number): void {
    this.#forgetShard(shard);
    for (const pass of this.#passes.values()) {
      if (pass.isAtPlace && this.#shardOf(pass.place) === shard) pass.isEnding = true;
      this.#endIfOver(pass);
    }
  }

  /** A node can be reached again. */
  nodeUsable(node: number): void {
    if (this.#context.ledger.owesAnything(node)) this.#wakeAt(this.#context.now);
  }

  /** A shard of this node acknowledges a hidden record. */
  acknowledged(words: Int32Array, record: number): void {
    const { ring, ledger, now, limits } = this.#context;
    ledger.added(owedRecordOf(ring, ledger, words, record), now);
    this.#wakeAt(now + limits.handOffRoundMs);
  }

  /** The sweep calls it; begins what can be begun, when it is time for that. */
  tick(): void {
    const { now, limits, ledger } = this.#context;
    if (now >= this.#roundAt) {
      this.#roundAt = Infinity;
      this.#beginPasses();
      for (const pass of this.#passes.values()) this.#pump(pass);
      const isAtRest = ledger.isIdle && this.#passes.size === 0;
      if (!isAtRest) this.#wakeAt(now + limits.handOffRoundMs);
    }
    this.#context.watchDue(this.#roundAt);
  }

  onReply(slot: number, node: number, shard: number, words: Int32Array, offset: number): void {
    const work = this.#slots.of(slot);
    switch (work.kind) {
      case 'page':
        // Only the own shard has hidden records: a peer that says it is a page is not believed.
        if ((words[offset + REPLICA_REPLY.kind]! & 0xff) === REPLY_KIND.scanned && shard >= 0) {
          this.#takePage(slot, work.pass, words, offset);
        }
        return;
      case 'delivery':
        this.#takeAnswer(slot, work.delivery, node, shard, words, offset);
        return;
      case 'range-page':
      case 'range-record':
        this.#ranges.onAnswer(slot, work, node, words, offset);
        this.#pump(work.pass);
        return;
      default:
        unreachable(work);
    }
  }

  #takeAnswer(
    slot: number,
    delivery: Delivery,
    node: number,
    shard: number,
    words: Int32Array,
    offset: number,
  ): void {
    const kind = words[offset + REPLICA_REPLY.kind]! & 0xff;
    if (!isAwaited(delivery, kind, node, this.#context.ring.ownNode)) return;
    const answer = answerOf(this.#context, shard, words, offset);
    if (!onDeliveryAnswer(this.#context, slot, delivery, answer)) this.#endDelivery(slot, delivery);
    this.#pump(delivery.pass);
  }

  /** A node that a slot may wait for cannot answer any more. */
  onFailed(slot: number, node: number): void {
    const work = this.#slots.of(slot);
    const { ownNode } = this.#context.ring;
    let awaited = ownNode;
    if (work.kind === 'delivery') awaited = awaitedNode(work.delivery, ownNode);
    else if (work.kind !== 'page') awaited = awaitedNodeOf(work);
    if (awaited === node) this.onDue(slot);
  }

  /** No answer has come in time. */
  onDue(slot: number): void {
    const work = this.#slots.of(slot);
    switch (work.kind) {
      case 'page':
        reachable('hand-off: a page does not come');
        this.#slots.release(slot);
        work.pass.isAsking = false;
        work.pass.isEnding = true;
        this.#endIfOver(work.pass);
        return;
      case 'delivery':
        reachable('hand-off: an answer does not come');
        onDeliveryLost(this.#context, work.delivery);
        this.#endDelivery(slot, work.delivery);
        this.#pump(work.delivery.pass);
        return;
      case 'range-page':
      case 'range-record':
        this.#ranges.onLost(slot, work);
        this.#pump(work.pass);
        return;
      default:
        unreachable(work);
    }
  }

  #wakeAt(instant: Instant): void {
    const { limits } = this.#context;
    if (limits.handOffTargetsMax === 0 || instant >= this.#roundAt) return;
    this.#roundAt = instant;
    this.#context.watchDue(instant);
  }

  #forgetShard(shard: number): void {
    const { ledger } = this.#context;
    for (let place = 0; place < ledger.placeCount; place += 1) {
      if (this.#shardOf(place) !== shard) continue;
      ledger.forget(place);
      this.#ranges.forget(place);
    }
  }

  #shardOf(place: number): number {
    const { ledger, ring } = this.#context;
    return ring.shardOfPartition[ledger.partitionOf(place)]!;
  }

  /** Each round another node comes first, so that none waits for ever where there are many. */
  #beginPasses(): void {
    const { ring, limits } = this.#context;
    const nodeCount = ring.nodes.length;
    this.#firstTarget = (this.#firstTarget + 1) % nodeCount;
    for (let step = 0; step < nodeCount; step += 1) {
      const node = (this.#firstTarget + step) % nodeCount;
      const others = this.#passes.size - (this.#passes.has(EVERYBODY) ? 1 : 0);
      if (others >= limits.handOffTargetsMax) break;
      if (!this.#passes.has(node) && this.#canReach(node)) this.#begin(node, false);
    }
    if (!this.#passes.has(EVERYBODY)) this.#begin(EVERYBODY, this.#isUpkeepDue());
  }

  #canReach(node: number): boolean {
    return node === this.#context.ring.ownNode || isUsable(this.#context, node, 0);
  }

  #isUpkeepDue(): boolean {
    const { ledger, limits, now, wallTimeMs } = this.#context;
    const since = Math.floor(wallTimeMs / 1000) - limits.hintAgeSecondsMax;
    const isTooMuch = ledger.excessCopyBytes > 0 || ledger.excessMarks > 0;
    if (!isTooMuch && ledger.oldestCopySeconds >= since) return false;
    if (now < this.#upkeepAt) return false;
    this.#upkeepAt = now + UPKEEP_ROUNDS * limits.handOffRoundMs;
    return true;
  }

  #begin(target: number, isUpkeep: boolean): void {
    const pass = new HandOffPass(target, isUpkeep);
    if (this.#nextPlace(pass, 0) >= 0) this.#passes.set(target, pass);
  }

  /** The first place from `from` on that a pass has something to do at; -1: none. */
  #nextPlace(pass: HandOffPass, from: number): number {
    const { ledger, now, shardIsUp } = this.#context;
    const { target } = pass;
    const isForAll = target === EVERYBODY;
    for (let place = from; place < ledger.placeCount; place += 1) {
      if (shardIsUp[this.#shardOf(place)] === 0) continue;
      const isWanted = isForAll
        ? ledger.wantsCount(place, now) || (pass.isUpkeep && ledger.holdsAny(place))
        : ledger.owes(place, target);
      if (isWanted) return place;
    }
    return -1;
  }

  /** Sends as much as may be sent; at the end of a page asks for the next one. */
  #pump(pass: HandOffPass): void {
    if (this.#passes.get(pass.target) !== pass || pass.isAsking) return;
    if (pass.target !== EVERYBODY && !this.#canReach(pass.target)) pass.isEnding = true;
    while (!pass.isEnding && pass.hasRecord) {
      if (!this.#takeRecord(pass)) return;
    }
    if (this.#endIfOver(pass) || pass.inFlight > 0) return;
    if (pass.isAtPlace && pass.hasMore) this.#askPage(pass);
    else this.#goToNextPlace(pass, true);
  }

  /** `isRead`: all of the place that it leaves was seen. */
  #goToNextPlace(pass: HandOffPass, isRead: boolean): void {
    const { ledger } = this.#context;
    const from = pass.place + 1;
    if (pass.isAtPlace && isRead) ledger.close(pass.endPlace());
    else if (pass.isAtPlace) ledger.abandon(pass.endPlace());
    const place = this.#nextPlace(pass, from);
    if (place < 0) {
      this.#passes.delete(pass.target);
      return;
    }
    pass.beginPlace(ledger.open(place, pass.target));
    this.#askPage(pass);
  }

  #askPage(pass: HandOffPass): void {
    const { ledger, ring, limits } = this.#context;
    const slot = this.#slots.take(pass.place, pass.bucketId(ledger));
    if (slot < 0) return;
    const bounds = { recordsMax: limits.scanRecordsMax, bytesMax: limits.handOffPageBytes };
    const request = pass.scanRequest(ledger.partitionOf(pass.place), bounds);
    if (!sendScan(this.#context, slot, ring.ownNode, request, 0, PRIORITY.background)) {
      this.#slots.release(slot);
      return;
    }
    pass.isAsking = true;
    this.#slots.bind(slot, { kind: 'page', pass });
  }

  #takePage(slot: number, pass: HandOffPass, words: Int32Array, offset: number): void {
    this.#slots.release(slot);
    pass.isAsking = false;
    const status = (words[offset + REPLICA_REPLY.kind]! >>> 8) & 0xffff;
    if (status !== STATUS_OK) {
      reachable('hand-off: a page of the own shard is refused');
      // A damaged page holds up its own place only.
      pass.isEnding = status !== ERRORS.READ_FAILED.code;
      if (!this.#endIfOver(pass)) this.#goToNextPlace(pass, false);
      return;
    }
    const start = offset + REPLICA_REPLY_HEADER_WORDS;
    const wordCount = words[offset + OPERATION.wordCount]! - REPLICA_REPLY_HEADER_WORDS;
    const hasMore = ((words[offset + REPLICA_REPLY.kind]! >>> 24) & REPLY_FLAG.more) !== 0;
    const recordCount = words[offset + REPLICA_REPLY.recordCount]!;
    pass.takePage(words, start, wordCount, recordCount, hasMore);
    this.#pump(pass);
  }

  /** Begins what is to be done with the next record. False: not now. */
  #takeRecord(pass: HandOffPass): boolean {
    const { ring, ledger } = this.#context;
    const { words, record } = pass;
    if (!isSettled(words, record)) {
      const owed = owedRecordOf(ring, ledger, words, record);
      const task = this.#readyTask(pass, taskOf(this.#context, pass, owed));
      if (task === undefined) return false;
      if (task.kind !== 'pass-over' && !this.#beginTask(pass, owed, task)) return false;
      ledger.saw(pass.count, owed);
    }
    pass.next();
    return true;
  }

  /** A range is settled once all of it is there. Undefined: not yet. */
  #readyTask(pass: HandOffPass, task: Task): Task | undefined {
    if (task.kind !== 'push') return task;
    const progress = this.#ranges.pump(pass, this.#windowOf(pass.target));
    if (progress === 'under-way') return undefined;
    return progress === 'whole' ? task : PASS_OVER;
  }

  #beginTask(
    pass: HandOffPass,
    owed: OwedRecord,
    task: Exclude<Task, { kind: 'pass-over' }>,
  ): boolean {
    const window = task.kind === 'deliver' ? this.#windowOf(pass.target) : undefined;
    if (window === undefined && pass.inFlight >= UPKEEP_WINDOW) return false;
    if (window !== undefined && !window.admits(owed.byteCount, this.#context.now)) return false;
    const slot = this.#slots.take(owed.place, visibleBucketId(pass.words, pass.record));
    if (slot < 0) return false;
    const heir = task.kind === 'give-up' ? task.heir : NOBODY;
    const stage = { kind: task.kind === 'move' ? 'moving' : 'noting' } as const;
    const { settlement } = task;
    const delivery: Delivery = { pass, record: pass.record, owed, settlement, heir, stage };
    if (!this.#send(slot, delivery, task, window)) {
      this.#slots.release(slot);
      return false;
    }
    this.#slots.bind(slot, { kind: 'delivery', delivery });
    pass.inFlight += 1;
    return true;
  }

  #send(slot: number, delivery: Delivery, task: Task, window: HandOffWindow | undefined): boolean {
    const context = this.#context;
    if (task.kind === 'move') return beginMoving(context, slot, delivery);
    if (task.kind === 'push') return settle(context, slot, delivery);
    if (window !== undefined) return beginDelivery(context, slot, delivery, window);
    return beginGivingUp(context, slot, delivery);
  }

  #windowOf(target: number): HandOffWindow {
    const known = this.#windows.get(target);
    if (known !== undefined) return known;
    const { ring, limits } = this.#context;
    const isAway = ring.dataCentreOf[target] !== ring.dataCentreOf[ring.ownNode];
    const window = new HandOffWindow(limits, isAway);
    this.#windows.set(target, window);
    return window;
  }

  #endDelivery(slot: number, { pass }: Delivery): void {
    this.#slots.release(slot);
    pass.inFlight -= 1;
  }

  /** A pass that goes no further is over when nothing of it is under way. */
  #endIfOver(pass: HandOffPass): boolean {
    if (!pass.isEnding) return false;
    if (pass.inFlight > 0 || pass.isAsking) return true;
    this.#ranges.leave(pass);
    if (pass.isAtPlace) this.#context.ledger.abandon(pass.endPlace());
    this.#passes.delete(pass.target);
    return true;
  }
}
