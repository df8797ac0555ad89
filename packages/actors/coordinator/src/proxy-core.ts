/**
 * A put or delete that arrives at a node outside the partition's replica list: it is passed, word for
 * word, to the coordinator of a node on the list, and the answer is relayed. A hop that stays silent
 * is hedged to the next, under the same operation id, so that the write stays one event. data plane.
 *
 * Invariants:
 *   PX1 a request that a peer passed on is never passed on again
 *   PX2 a silent or lost hop after which nothing else can be tried leaves the outcome unknown
 */
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REQUEST,
  RESPONSE,
  TAG,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import type { CoordinatorContext } from './coordinator-context.ts';
import { respondRelayed, respondStatus } from './respond.ts';

/** Milliseconds without an answer after which the next node is tried. */
export const PROXY_HEDGE_MS = 200;

/** A slot and its generation in one word: the request id that the other coordinator echoes. */
const SLOT_BITS = 14;

export function proxyRequestId(slot: number, generation: number): number {
  return slot | (generation << SLOT_BITS);
}
export function slotOfProxyRequest(requestId: number): number {
  return requestId & ((1 << SLOT_BITS) - 1);
}

/** Passes the kept request to the next reachable node of its list. Returns STATUS_OK or a refusal. */
export function passOn(context: CoordinatorContext, slot: number): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const first = slots.partition[slot]! * placement.stride;
  for (let round = 0; round < 2; round += 1) {
    for (let position = 0; position < placement.stride; position += 1) {
      const node = placement.table[first + position]!;
      if ((slots.asked[slot]! & (1 << position)) !== 0) continue;
      if (context.suspected[node] !== round) continue;
      if (!sendRequest(context, slot, node)) continue;
      slots.asked[slot] = slots.asked[slot]! | (1 << position);
      slots.proxy[slot] = node;
      slots.hedgeAt[slot] = context.now + PROXY_HEDGE_MS;
      context.watchDue(slots.hedgeAt[slot]!);
      return STATUS_OK;
    }
  }
  slots.hedgeAt[slot] = Infinity;
  return ERRORS.UNAVAILABLE.code;
}

function sendRequest(context: CoordinatorContext, slot: number, node: number): boolean {
  const link = context.linkOfNode[node]!;
  if (link < 0) return false;
  const { slots } = context;
  const request = slots.keptWords(slot);
  const requestOffset = slots.keptOffset(slot);
  const wordCount = request[requestOffset + OPERATION.wordCount]!;
  const sink = context.toConnection(link);
  const offset = sink.begin(TAG.request, wordCount);
  if (offset < 0) return false;
  copyWords(request, requestOffset, sink.words, offset, wordCount);
  sink.words[offset + REQUEST.requestId] = proxyRequestId(slot, slots.generation[slot]!);
  sink.end(wordCount);
  context.counters.proxied += 1;
  return true;
}

/** A frame of other coordinators' answers. REQUIRES: it passed its validation. */
export function onProxiedFrame(
  context: CoordinatorContext,
  words: Int32Array,
  frame: number,
): void {
  let offset = frame + FRAME_HEADER_WORDS;
  for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
    onProxied(context, words, offset, words[offset + RESPONSE.status]! & 0xffff);
    offset += words[offset + OPERATION.wordCount]!;
  }
}

function onProxied(
  context: CoordinatorContext,
  words: Int32Array,
  offset: number,
  status: number,
): void {
  const { slots } = context;
  const requestId = words[offset + RESPONSE.requestId]!;
  const slot = slotOfProxyRequest(requestId);
  if (slot >= slots.capacity) return;
  if (proxyRequestId(slot, slots.generation[slot]!) !== requestId) return;
  const refused = status === ERRORS.UNAVAILABLE.code || status === ERRORS.NOT_READY.code;
  if (refused && passOn(context, slot) === STATUS_OK) return;
  respondRelayed(context, slot, words, offset);
  slots.release(slot);
}

/** The hop was silent too long, or its link is gone. */
export function onProxyLost(context: CoordinatorContext, slot: number, linkIsGone: boolean): void {
  context.counters.hedges += 1;
  if (passOn(context, slot) === STATUS_OK || !linkIsGone) return;
  // [PX2] It was sent somewhere, and nothing is known of it.
  respondStatus(context, slot, ERRORS.UNKNOWN_OUTCOME.code);
  context.slots.release(slot);
}
