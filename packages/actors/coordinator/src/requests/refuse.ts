/**
 * How a request is refused for which no slot was taken: at once as a rule; for load at the end of its
 * connection's rest, where that is impatient (held-refusals.ts). data plane.
 */
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import { ERRORS } from '@clockwise/protocol/errors';
import { RESPONSE, RESPONSE_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Refusal } from './held-refusals.ts';

/** Who hears of a refusal late has waited already. */
const RESTED_RETRY_MS = 10;

/** Refuses an operation for which no slot was taken. */
export function refuse(
  context: CoordinatorContext,
  connection: number,
  requestId: number,
  opcode: number,
  status: number,
  retryAfterMs: number,
): void {
  const sink = context.toConnection(connection);
  const offset = sink.begin(TAG.response, RESPONSE_HEADER_WORDS);
  if (offset < 0) {
    context.counters.responsesDropped += 1;
    return;
  }
  const { words } = sink;
  words[offset + RESPONSE.status] = status | (opcode << 24);
  words[offset + RESPONSE.requestId] = requestId;
  words[offset + RESPONSE.counts] = 0;
  words[offset + RESPONSE.answered] = 0;
  words[offset + RESPONSE.retryAfterMs] = retryAfterMs;
  words[offset + RESPONSE.hybridLow] = 0;
  words[offset + RESPONSE.hybridHigh] = 0;
  sink.end(RESPONSE_HEADER_WORDS);
}

/** `due`: until when the request waits. A peer asks for many clients: it is told at once always. */
export function refuseForLoad(
  context: CoordinatorContext,
  connection: number,
  refusal: Refusal,
  due: number,
): void {
  const { admission, connections, counters, now, refusals } = context;
  counters.overloaded += 1;
  const isClient = connections.state[connection] === CONNECTION_STATE.client;
  const generation = connections.generation[connection]!;
  const rests = isClient && refusals.rests(connection, generation, now);
  if (rests && refusals.hold(connection, refusal, now, due)) {
    counters.refusalsHeld += 1;
    return;
  }
  const retryAfterMs = admission.retryAfterMs(now);
  refuseOne(context, connection, refusal.requestId, refusal.opcode, retryAfterMs);
  if (isClient && !rests) refusals.beginRest(connection, generation, now, now + retryAfterMs);
}

/** To all whose rest is over. */
export function tellHeldRefusals(context: CoordinatorContext): void {
  const { connections, now, refusals } = context;
  refusals.tellDue(now, {
    isOpen: (connection, generation) => connections.isOpen(connection, generation),
    tell: (connection, requestId, opcode) =>
      refuseOne(context, connection, requestId, opcode, RESTED_RETRY_MS),
  });
}

function refuseOne(
  context: CoordinatorContext,
  connection: number,
  requestId: number,
  opcode: number,
  retryAfterMs: number,
): void {
  refuse(context, connection, requestId, opcode, ERRORS.OVERLOADED.code, retryAfterMs);
}
