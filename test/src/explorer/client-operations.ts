/**
 * Clients of an explored world: their requests as real frames, and what they make of answers. A client
 * here has no state but its operations: each begins when those before it have ended, is asked once (or
 * once more elsewhere under the same id), and ends with an answer, or when nothing can come any more.
 */
import { assert } from '@clockwise/kernel/assert';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import { ERRORS, errorName, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  PROTOCOL_VERSION,
  REQUEST_FLAG,
} from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { writeControl } from '@clockwise/protocol/message-codec';
import {
  makeRequestFields,
  writeDelete,
  writeGet,
  writePut,
} from '@clockwise/protocol/request-writer';
import {
  readContext,
  readSiblings,
  responseHybridHigh,
  responseHybridLow,
  responseRequestId,
  responseStatus,
} from '@clockwise/protocol/response-reader';
import { VALUE_CODEC } from '@clockwise/record/layout';
import type { HybridTime } from '../checkers/causal-ledger-dots.ts';
import { bytesOf, SESSION_HIGH, textOf } from '../simulation/client-identity.ts';
import { BUCKET_ID, CLUSTER_ID } from './explored-setting.ts';
import type { OperationPlan } from './explorer-case.ts';
import type { Frame } from './interned-frames.ts';
import type { OperationState, WorldState } from './world-state.ts';

/** Milliseconds that a request names: a get is hedged twice before it ends. */
const REMAINING_MS = 120;
const ATTEMPTS_MAX = 8;

/** 'A1' is client 0's. */
export function clientOf(plan: OperationPlan): number {
  return plan.name.charCodeAt(0) - 'A'.charCodeAt(0);
}

export function clientName(client: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + client);
}

export function waitingOperation(plan: OperationPlan): OperationState {
  return {
    plan,
    client: clientOf(plan),
    phase: 'waiting',
    attempts: [],
    endedBefore: 0,
    outcome: 'unknown',
    answer: undefined,
  };
}

export function helloFrame(client: number): Int32Array {
  return written((writer) => {
    writeControl(writer, {
      kind: 'hello',
      protocolVersionMin: PROTOCOL_VERSION,
      protocolVersionMax: PROTOCOL_VERSION,
      role: 'client',
      clusterId: CLUSTER_ID,
      session: { low: client + 1, high: SESSION_HIGH },
      nodeId: '',
      epoch: 0,
      ringHash: '',
      featureBits: 0,
    });
  });
}

/** The request of an operation, `attempt` counting from 0. */
export function requestFrame(
  state: WorldState,
  index: number,
  attempt: number,
  context: Int32Array | undefined,
): Int32Array {
  const operation = state.operations[index]!;
  const { plan, client } = operation;
  const fields = makeRequestFields();
  fields.requestId = index * ATTEMPTS_MAX + attempt + 1;
  fields.bucketId = BUCKET_ID;
  fields.level = plan.level;
  fields.flags = flagsOf(plan, attempt);
  const seen = seenBy(state, operation);
  fields.seenLow = seen.low;
  fields.seenHigh = seen.high;
  fields.ageMs = attempt;
  fields.sessionLow = client + 1;
  fields.sessionHigh = SESSION_HIGH;
  fields.sequence = index;
  const key = bytesOf(plan.key);
  return written((writer) => {
    writer.remainingMs = REMAINING_MS;
    if (plan.kind === 'get') writeGet(writer, fields, key);
    else if (plan.kind === 'delete') writeDelete(writer, fields, key, context);
    else writePut(writer, fields, key, context, VALUE_CODEC.text, bytesOf(plan.value), 0);
  });
}

function flagsOf({ kind }: OperationPlan, attempt: number): number {
  if (kind === 'get') return 0;
  return REQUEST_FLAG.wantContext | (attempt > 0 ? REQUEST_FLAG.retry : 0);
}

/** The highest hybrid time that its client had been answered with when an operation began. */
export function seenBy(state: WorldState, { client, endedBefore }: OperationState): HybridTime {
  let seen: HybridTime = { low: 0, high: 0 };
  for (const [index, { client: other, answer }] of state.operations.entries()) {
    if (other !== client || answer === undefined || (endedBefore & (1 << index)) === 0) continue;
    const high = responseHybridHigh(answer.words, FRAME_HEADER_WORDS);
    const low = responseHybridLow(answer.words, FRAME_HEADER_WORDS);
    const isLater = high === seen.high ? low >>> 0 > seen.low >>> 0 : high >>> 0 > seen.high >>> 0;
    if (isLater) seen = { low, high };
  }
  return seen;
}

/** The context that an operation gives; `left-out`: it was to give one that there is not. */
export function contextGiven(
  state: WorldState,
  { plan }: OperationState,
): Int32Array | 'overwrite' | 'left-out' {
  const { context } = plan;
  if (context.kind === 'overwrite') return 'overwrite';
  const source = state.operations.find((other) => other.plan.name === context.operation);
  assert(source !== undefined, 'a context comes from an operation of the case');
  if (source.outcome !== 'ok' || source.answer === undefined) return 'left-out';
  return readContext(source.answer.words, FRAME_HEADER_WORDS);
}

export function mayBegin(state: WorldState, { plan, phase }: OperationState): boolean {
  if (phase !== 'waiting') return false;
  return plan.after.every((name) =>
    state.operations.some((other) => other.plan.name === name && other.phase === 'ended'),
  );
}

/** Which operation and attempt a client's answer is for. */
export function answeredBy(frame: Frame): { readonly index: number; readonly attempt: number } {
  assert(frame.words[FRAME.operationCount] === 1, 'answers of an explored case come one by one');
  const requestId = responseRequestId(frame.words, FRAME_HEADER_WORDS) - 1;
  return { index: Math.floor(requestId / ATTEMPTS_MAX), attempt: requestId % ATTEMPTS_MAX };
}

/** What an operation is after an answer to one of its attempts. */
export function takeAnswer(
  operation: OperationState,
  attempt: number,
  frame: Frame,
): OperationState {
  if (operation.phase === 'ended') return operation;
  const status = responseStatus(frame.words, FRAME_HEADER_WORDS);
  if (status === STATUS_OK || status === STATUS_NOT_FOUND) {
    return { ...operation, phase: 'ended', outcome: 'ok', answer: frame, attempts: [] };
  }
  const { outcome } = ERRORS[errorName(status)!];
  return endAttempt(operation, attempt, outcome === 'not-applied' ? 'refused' : 'lost');
}

/** An attempt came to nothing, or nobody knows; with the last of them the operation ends. */
export function endAttempt(
  operation: OperationState,
  attempt: number,
  how: 'refused' | 'lost',
): OperationState {
  if (operation.phase === 'ended') return operation;
  const attempts = operation.attempts.map((tried, index) =>
    index === attempt && tried.state === 'open' ? { ...tried, state: how } : tried,
  );
  const isOpen = attempts.some(({ state }) => state === 'open') || mayRetry(operation);
  if (isOpen) return { ...operation, attempts };
  const isRefused = attempts.every(({ state }) => state === 'refused');
  const outcome = isRefused ? 'not-applied' : 'unknown';
  return { ...operation, phase: 'ended', outcome, attempts: [] };
}

export function mayRetry({ plan, phase, attempts }: OperationState): boolean {
  return phase === 'open' && plan.retryVia !== undefined && attempts.length === 1;
}

export function answerValues(frame: Frame): string[] {
  return readSiblings(frame.words, FRAME_HEADER_WORDS).map((sibling) => textOf(sibling.bytes));
}

function written(write: (writer: FrameWriter) => void): Int32Array {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  write(writer);
  writer.flush();
  const [frame] = backing.take();
  assert(frame !== undefined, 'a request is one frame');
  return frame;
}
