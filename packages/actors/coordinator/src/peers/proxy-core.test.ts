import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { type ErrorName, ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  OPERATION,
  REQUEST,
  REQUEST_FLAG,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_HEADER_WORDS,
  TAG,
  FRAME,
} from '@clockwise/protocol/frame';
import { collectFrame } from '@clockwise/protocol/frame-corpus';
import { readContext } from '@clockwise/protocol/response-reader';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  requestIdOf,
  type Sent,
  statusOf,
} from '../coordinator-world.ts';
import { proxyRequestId, slotOfProxyRequest } from './proxy-core.ts';
import { put, remove } from '../requests/sample-requests.ts';
import { SLOT_STEP } from '../requests/slot-layout.ts';

const CLIENT = 1;
const HEDGE_MS = DEFAULT_LIMITS.proxyHedgeMsMax;
const { UNAVAILABLE, OVERLOADED, TIMEOUT, UNKNOWN_OUTCOME, TOO_MANY_SIBLINGS } = ERRORS;

/** Node 0 is not in the list of nodes 1, 2 and 3. */
class Proxied {
  readonly world: CoordinatorWorld = CoordinatorWorld.linked({
    nodeCount: 4,
    replicas: [1, 2, 3],
  });
  /** By node: the request as it was passed on. */
  readonly hops: Map<number, Sent> = new Map();

  constructor() {
    this.world.ask(CLIENT, put(77, 'k', 'value', { flags: REQUEST_FLAG.wantContext }));
    this.#take();
  }

  get asked(): number[] {
    return [...this.hops.keys()];
  }

  answers(node: number, status: number, requestId = requestIdOf(this.hops.get(node)!)): void {
    this.world.step(
      [],
      [
        {
          source: CONNECTION_TARGET + this.world.linkOf(node),
          frame: responseFrame(requestId, status),
        },
      ],
    );
    this.#take();
  }

  cut(node: number): void {
    this.world.linkDown(node);
    this.#take();
  }

  passes(milliseconds: number): void {
    this.world.passes(milliseconds);
    this.#take();
  }

  answered(): number[] {
    return this.world.sentTo(CLIENT).map(statusOf);
  }

  #take(): void {
    for (const node of [1, 2, 3]) {
      for (const sent of this.world.sentToNode(node)) this.hops.set(node, sent);
    }
  }
}

function responseFrame(requestId: number, status: number): Int32Array {
  const context = status === STATUS_OK ? [9, 0, 1, 0] : [];
  return collectFrame((writer) => {
    const wordCount = RESPONSE_HEADER_WORDS + context.length;
    const start = writer.begin(TAG.response, wordCount);
    writer.words.fill(0, start, start + wordCount);
    writer.words[start + RESPONSE.status] = status | (REQUEST_OPCODE.put << 24);
    writer.words[start + RESPONSE.requestId] = requestId;
    writer.words[start + RESPONSE.counts] = context.length / 4;
    writer.words.set(context, start + RESPONSE_HEADER_WORDS);
    writer.end(wordCount);
  });
}

test('a put outside the list is passed on word for word, and its answer relayed under its own id', () => {
  const one = new Proxied();
  assert.equal(one.asked, [1]);
  const hop = one.hops.get(1)!;
  const original = collectFrame(put(77, 'k', 'value', { flags: REQUEST_FLAG.wantContext }));
  const passed = hop.words.slice(hop.offset, hop.offset + field(hop, OPERATION.wordCount));
  const expected = original.slice(6);
  expected[2] = requestIdOf(hop);
  assert.equal(passed, expected);
  one.answers(1, STATUS_OK);
  const [answer] = one.world.sentTo(CLIENT);
  assert.equal([statusOf(answer!), requestIdOf(answer!)], [STATUS_OK, 77]);
  assert.equal([...readContext(answer!.words, answer!.offset)], [9, 0, 1, 0]);
  assert.is(one.world.figures()['inFlight'], 0);
});

test('[PX1] what a peer passed on is never passed on again', () => {
  const { world } = new Proxied();
  const peer = world.peer(3);
  world.ask(peer, (writer) => {
    put(5, 'k', 'value')(writer);
    remove(6, 'k')(writer);
  });
  for (const node of [1, 2, 3]) assert.equal(world.sentToNode(node), []);
  assert.equal(world.sentTo(peer).map(statusOf), [UNAVAILABLE.code, UNAVAILABLE.code]);
});

test('[PX1] a silent hop is hedged to the next node under the same operation id', () => {
  const one = new Proxied();
  one.passes(HEDGE_MS + 10);
  assert.equal(one.asked, [1, 2]);
  const [first, second] = [one.hops.get(1)!, one.hops.get(2)!];
  assert.is(opcodeOf(second), REQUEST_OPCODE.put);
  assert.ok(second.words[FRAME.remainingMs]! < first.words[FRAME.remainingMs]!, 'time went by');
  second.words[FRAME.remainingMs] = first.words[FRAME.remainingMs]!;
  const { opcode, ageMs } = REQUEST;
  const retry = REQUEST_FLAG.retry << 8;
  assert.is(field(first, opcode) & retry, 0, 'the first hop is no retry');
  assert.is(field(second, opcode) & retry, retry, '[PX4] the second may be one');
  assert.ok(field(second, ageMs) >= HEDGE_MS, '[PX4] and is as old as the request');
  second.words[second.offset + opcode] = field(first, opcode);
  second.words[second.offset + ageMs] = 0;
  assert.equal(second.words, first.words);
  one.answers(2, STATUS_OK);
  assert.equal(one.answered(), [STATUS_OK]);
  one.answers(1, STATUS_OK);
  assert.equal(one.answered(), []);
});

test('[PX4] a hop after others that refused is no retry', () => {
  const one = new Proxied();
  one.answers(1, UNAVAILABLE.code);
  assert.is(field(one.hops.get(2)!, REQUEST.opcode) & (REQUEST_FLAG.retry << 8), 0);
  one.cut(2);
  assert.is.not(field(one.hops.get(3)!, REQUEST.opcode) & (REQUEST_FLAG.retry << 8), 0);
});

test('a hop that is not ready passes to the next at once', () => {
  const one = new Proxied();
  one.answers(1, UNAVAILABLE.code);
  one.answers(2, ERRORS.NOT_READY.code);
  assert.equal(one.asked, [1, 2, 3]);
  assert.equal(one.answered(), []);
  one.answers(3, UNAVAILABLE.code);
  assert.equal(one.answered(), [UNAVAILABLE.code]);
  assert.is(one.world.figures()['inFlight'], 0);
});

test('C3 a stand-in whose account is full passes to the next', () => {
  const one = new Proxied();
  one.answers(1, ERRORS.HINTS_FULL.code);
  assert.equal(one.asked, [1, 2]);
  one.answers(2, STATUS_OK);
  assert.equal(one.answered(), [STATUS_OK]);
});

test('[PX3] a refusal is relayed as it is while no other hop can have applied the write', () => {
  for (const refusal of [OVERLOADED, TOO_MANY_SIBLINGS, ERRORS.CONTEXT_TOO_LARGE]) {
    const one = new Proxied();
    one.answers(1, refusal.code);
    assert.equal(one.answered(), [refusal.code]);
  }
});

test('[PX3] a refusal waits while a silent hop may have applied the write', () => {
  const refusals: readonly ErrorName[] = ['OVERLOADED', 'TOO_MANY_SIBLINGS', 'UNAVAILABLE'];
  for (const refusal of refusals) {
    const late = new Proxied();
    late.passes(HEDGE_MS + 10);
    late.answers(2, ERRORS[refusal].code);
    if (refusal === 'UNAVAILABLE') late.answers(3, ERRORS[refusal].code);
    assert.equal(late.answered(), []);
    late.answers(1, STATUS_OK);
    assert.equal(late.answered(), [STATUS_OK]);
    const refused = new Proxied();
    refused.passes(HEDGE_MS + 10);
    refused.answers(2, TOO_MANY_SIBLINGS.code);
    refused.answers(1, ERRORS[refusal].code);
    if (refusal === 'UNAVAILABLE') refused.answers(3, ERRORS[refusal].code);
    assert.equal(refused.answered(), [ERRORS[refusal].code]);
  }
});

test('[PX2] silent to the end: TIMEOUT, whose outcome is unknown, refusals of others or not', () => {
  for (const isRefusedByAnother of [false, true]) {
    const one = new Proxied();
    one.passes(HEDGE_MS + 10);
    if (isRefusedByAnother) one.answers(2, OVERLOADED.code);
    one.passes(5000);
    assert.equal(one.answered(), [TIMEOUT.code]);
    assert.is(one.world.figures()['inFlight'], 0);
  }
});

test('[PX2] lost hops are followed by the next; after the last the outcome is unknown', () => {
  const one = new Proxied();
  one.cut(1);
  one.cut(2);
  assert.equal(one.asked, [1, 2, 3]);
  assert.equal(one.answered(), []);
  one.cut(3);
  assert.equal(one.answered(), [UNKNOWN_OUTCOME.code]);
  assert.is(one.world.figures()['inFlight'], 0);
});

test('[PX2, PX3] after a lost hop a refusal of the last is no proof', () => {
  const one = new Proxied();
  one.cut(1);
  one.answers(2, TOO_MANY_SIBLINGS.code);
  assert.equal(one.answered(), [UNKNOWN_OUTCOME.code]);
  const both = new Proxied();
  both.passes(HEDGE_MS + 10);
  both.cut(1);
  assert.equal(both.answered(), []);
  assert.equal(both.asked, [1, 2]);
  both.answers(2, STATUS_OK);
  assert.equal(both.answered(), [STATUS_OK]);
});

test('[PX2] a hop that refused is not lost with its link', () => {
  const one = new Proxied();
  one.answers(1, UNAVAILABLE.code);
  one.cut(1);
  one.answers(2, UNAVAILABLE.code);
  one.answers(3, UNAVAILABLE.code);
  assert.equal(one.answered(), [UNAVAILABLE.code]);
});

test('an answer that nobody asked for touches no slot', () => {
  const one = new Proxied();
  const id = requestIdOf(one.hops.get(1)!);
  one.answers(2, STATUS_OK, id);
  for (let guess = 0; guess < 64; guess += 1) one.answers(3, STATUS_OK, proxyRequestId(guess, 0));
  one.answers(3, STATUS_OK, -1);
  assert.equal(one.answered(), []);
  assert.is(one.world.figures()['inFlight'], 1);
  one.answers(1, STATUS_OK);
  assert.equal(one.answered(), [STATUS_OK]);
});

test('with no link to the list at all the put is refused at once', () => {
  const world = new CoordinatorWorld({ nodeCount: 4, replicas: [1, 2, 3] });
  world.greet(CLIENT, 'client', '');
  world.ask(CLIENT, put(1, 'k', 'value'));
  assert.equal(world.sentTo(CLIENT).map(statusOf), [UNAVAILABLE.code]);
  assert.is(world.figures()['inFlight'], 0);
});

test('a slot and its generation share a word, whatever the generation', () => {
  for (const slot of [0, SLOT_STEP, 16_383 * SLOT_STEP]) {
    for (const generation of [0, 1, 0x3ffff, 0x7fffffff, -1]) {
      assert.is(slotOfProxyRequest(proxyRequestId(slot, generation)), slot);
    }
  }
});

test.run();
