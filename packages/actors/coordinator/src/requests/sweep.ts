/**
 * Time in the coordinator: deadlines and hedges of the requests in flight, and the shards and links
 * that went away under them. One timer, for the earliest due instant, while anything is in flight.
 *
 * Invariants:
 *   SW1 a request is answered by its deadline, as unknown where it may have been applied
 */
import { reachable } from '@clockwise/kernel/probe';
import { ERRORS } from '@clockwise/protocol/errors';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { onPassedOnDue } from '../fan-out/fan-out-relay.ts';
import { onGetDue, onGetSuspected } from '../gets/get-core.ts';
import type { HandOffCore } from '../hand-off/hand-off-core.ts';
import { onProxyDue, onProxyLinkDown } from '../peers/proxy-core.ts';
import { onPutDue, onPutSuspected } from '../puts/put-events.ts';
import type { ReplyDispatch } from '../peers/reply-dispatch.ts';
import { SLOT_STATE } from './request-slots.ts';
import type { ScanCore } from '../gets/scan-core.ts';
import { SLOT_STEP } from './slot-layout.ts';

export class Sweep {
  readonly #context: CoordinatorContext;
  readonly #scans: ScanCore;
  readonly #handOff: HandOffCore;
  readonly #replies: ReplyDispatch;

  constructor(
    context: CoordinatorContext,
    scans: ScanCore,
    handOff: HandOffCore,
    replies: ReplyDispatch,
  ) {
    this.#context = context;
    this.#scans = scans;
    this.#handOff = handOff;
    this.#replies = replies;
  }

  /** Ends what is due, hedges what is late, and finds the next instant to look again. */
  run(): void {
    const context = this.#context;
    const { slots } = context;
    context.earliestDue = Infinity;
    for (let slot = 0; slot < slots.end; slot += SLOT_STEP) {
      if (slots.state[slot] === SLOT_STATE.free) continue;
      if (Math.min(slots.due[slot]!, slots.hedgeAt[slot]!) <= context.now) this.#wake(slot);
      if (slots.state[slot] === SLOT_STATE.free) continue;
      context.watchDue(Math.min(slots.due[slot]!, slots.hedgeAt[slot]!));
    }
    this.#handOff.tick();
  }

  /** The conversation's own rule says what is due. */
  #wake(slot: number): void {
    const context = this.#context;
    const state = context.slots.state[slot];
    if (state === SLOT_STATE.get) onGetDue(context, slot);
    else if (state === SLOT_STATE.put) onPutDue(context, slot);
    else if (state === SLOT_STATE.proxied) onProxyDue(context, slot);
    else if (state === SLOT_STATE.scan) this.#scans.onDue(slot);
    else if (state === SLOT_STATE.handOff) this.#handOff.onDue(slot);
    else if (state === SLOT_STATE.fanOut) onPassedOnDue(context, slot);
  }

  /** All that a shard of this node had not answered is lost (H4). */
  shardDown(shard: number): void {
    const { slots, shardInFlight, ring, repairBudget } = this.#context;
    shardInFlight[shard] = 0;
    repairBudget.lost(ring.ownNode);
    for (let slot = 0; slot < slots.end; slot += SLOT_STEP) {
      const state = slots.state[slot];
      if (state === SLOT_STATE.free || state === SLOT_STATE.proxied) continue;
      if (slots.shard[slot] !== shard) continue;
      reachable('sweep: a shard goes down under a request');
      this.#replies.failReplica(slot, ring.ownNode, ERRORS.UNKNOWN_OUTCOME.code);
    }
  }

  /** The link to a node is gone, with all that it had not answered. */
  linkDown(node: number): void {
    const context = this.#context;
    const { slots } = context;
    context.repairBudget.lost(node);
    for (let slot = 0; slot < slots.end; slot += SLOT_STEP) {
      const state = slots.state[slot];
      if (state === SLOT_STATE.free) continue;
      if (state !== SLOT_STATE.proxied) {
        reachable('sweep: a link goes down while requests are in flight');
        this.#replies.failReplica(slot, node, ERRORS.UNAVAILABLE.code);
      } else {
        onProxyLinkDown(context, slot, node);
      }
    }
  }

  /** The gossiper believes a node down: puts and gets do not wait for it where somebody can stand in. */
  suspected(node: number): void {
    const context = this.#context;
    const { slots } = context;
    for (let slot = 0; slot < slots.end; slot += SLOT_STEP) {
      if (slots.state[slot] === SLOT_STATE.put) onPutSuspected(context, slot, node);
      else if (slots.state[slot] === SLOT_STATE.get) onGetSuspected(context, slot, node);
    }
  }
}
