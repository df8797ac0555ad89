/**
 * Time in the coordinator: deadlines and hedges of the requests in flight, and the shards and links
 * that went away under them. One timer, for the earliest due instant, while anything is in flight.
 *
 * Invariants:
 *   SW1 a request is answered by its deadline, as unknown where it may have been applied
 */
import type { Instant } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS } from '@clockwise/protocol/errors';
import type { CoordinatorContext } from './coordinator-context.ts';
import { askMore, endGet } from './get-core.ts';
import { onProxyLinkDown, onProxySilent } from './proxy-core.ts';
import type { ReplyDispatch } from './reply-dispatch.ts';
import { GET_HEDGE_MS } from './request-intake.ts';
import { SLOT_STATE } from './request-slots.ts';
import { bitCount, respondStatus } from './respond.ts';
import type { ScanCore } from './scan-core.ts';

export class Sweep {
  readonly #context: CoordinatorContext;
  readonly #scans: ScanCore;
  readonly #replies: ReplyDispatch;

  constructor(context: CoordinatorContext, scans: ScanCore, replies: ReplyDispatch) {
    this.#context = context;
    this.#scans = scans;
    this.#replies = replies;
  }

  /** Ends what is due, hedges what is late, and finds the next instant to look again. */
  run(): void {
    const context = this.#context;
    const { slots } = context;
    context.earliestDue = Infinity;
    for (let slot = 0; slot < slots.capacity; slot += 1) {
      if (slots.state[slot] === SLOT_STATE.free) continue;
      if (slots.due[slot]! <= context.now) this.#expire(slot);
      else if (slots.hedgeAt[slot]! <= context.now) this.#hedge(slot);
      if (slots.state[slot] !== SLOT_STATE.free) context.watchDue(this.#nextInstant(slot));
    }
  }

  #nextInstant(slot: number): Instant {
    const { slots } = this.#context;
    return Math.min(slots.due[slot]!, slots.hedgeAt[slot]!);
  }

  #expire(slot: number): void {
    const context = this.#context;
    const { slots } = context;
    if (slots.state[slot] === SLOT_STATE.scan) {
      this.#scans.onDue(slot);
      return;
    }
    sometimes(slots.responded[slot] === 1, 'sweep: an answered request ends at its deadline');
    if (slots.responded[slot] === 0) {
      this.#markTimeout(slot);
      context.counters.timeouts += 1;
      respondStatus(context, slot, ERRORS.TIMEOUT.code);
    }
    if (slots.state[slot] === SLOT_STATE.get) endGet(context, slot);
    else slots.release(slot);
  }

  #markTimeout(slot: number): void {
    const state = this.#context.slots.state[slot];
    sometimes(state === SLOT_STATE.get, 'sweep: a get runs out of time');
    sometimes(state === SLOT_STATE.put, 'sweep: a put runs out of time');
    sometimes(state === SLOT_STATE.proxied, 'sweep: a request that was passed on runs out of time');
  }

  #hedge(slot: number): void {
    const context = this.#context;
    const { slots } = context;
    slots.hedgeAt[slot] = Infinity;
    if (slots.state[slot] === SLOT_STATE.proxied) {
      onProxySilent(context, slot);
    } else if (slots.state[slot] === SLOT_STATE.get && slots.responded[slot] === 0) {
      this.#hedgeGet(slot);
    }
  }

  /** One more replica now, and the next after as long again. */
  #hedgeGet(slot: number): void {
    const context = this.#context;
    const { slots, ring } = context;
    const asked = slots.asked[slot]!;
    const { stride } = ring.tables[slots.replicationClass[slot]!]!;
    sometimes(bitCount(asked) === stride, 'get: a hedge finds that all replicas are asked');
    if (bitCount(asked) === stride) return;
    const request = slots.keptWords(slot);
    const token = this.#replies.tokenOf(slot);
    const wanted = bitCount(asked & ~slots.failed[slot]!) + 1;
    askMore(context, slot, wanted, request, slots.keptOffset(slot), token);
    sometimes(slots.asked[slot] !== asked, 'get: a hedge asks one more replica');
    sometimes(slots.asked[slot] === asked, 'get: a hedge reaches nobody');
    if (slots.asked[slot] !== asked) context.counters.hedges += 1;
    slots.hedgeAt[slot] = context.now + GET_HEDGE_MS;
  }

  /** All that a shard of this node had not answered is lost (H4). */
  shardDown(shard: number): void {
    const { slots, shardInFlight, ring } = this.#context;
    shardInFlight[shard] = 0;
    for (let slot = 0; slot < slots.capacity; slot += 1) {
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
    for (let slot = 0; slot < slots.capacity; slot += 1) {
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
}
