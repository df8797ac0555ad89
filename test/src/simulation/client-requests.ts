/** What a simulated client sends, and what it notes of an operation that has ended. */
import type { Instant } from '@clockwise/kernel/core';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import { PROTOCOL_VERSION, REQUEST_FLAG, RESPONSE_FLAG } from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { writeControl } from '@clockwise/protocol/message-codec';
import {
  type RequestFields,
  writeDelete,
  writeGet,
  writePut,
} from '@clockwise/protocol/request-writer';
import {
  responseFlags,
  responsePrimaries,
  responseReplicas,
} from '@clockwise/protocol/response-reader';
import { VALUE_CODEC } from '@clockwise/record/layout';
import {
  contextDots,
  type HistoryEntry,
  type KeyName,
  type WriteOutcome,
} from '../checkers/history.ts';
import type { PlannedOperation } from '../workloads/workload.ts';
import { bytesOf } from './client-identity.ts';
import type { AnswerManner } from './run-witness.ts';

/** What came of an operation. */
export interface OperationResult {
  /** STATUS_OK or STATUS_NOT_FOUND; otherwise the last error. */
  readonly status: number;
  readonly outcome: WriteOutcome;
  readonly context: Int32Array;
  readonly values: readonly string[];
  /** The answer's body, word for word. */
  readonly body: Int32Array;
  /** The answer says that stand-ins were needed. */
  readonly isSloppy: boolean;
}

/** An operation that has ended. */
export interface EndedOperation {
  readonly client: number;
  readonly operation: number;
  readonly planned: PlannedOperation;
  readonly key: KeyName & { readonly keyName: string };
  readonly invokedAt: Instant;
  /** Requests, by id. */
  readonly attempts: ReadonlyMap<number, unknown>;
  readonly result: OperationResult;
  readonly now: Instant;
}

export function helloFrames(
  clusterId: string,
  { sessionLow, sessionHigh }: RequestFields,
): readonly Int32Array[] {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  writeControl(writer, {
    kind: 'hello',
    protocolVersionMin: PROTOCOL_VERSION,
    protocolVersionMax: PROTOCOL_VERSION,
    role: 'client',
    clusterId,
    session: { low: sessionLow, high: sessionHigh },
    nodeId: '',
    epoch: 0,
    ringHash: '',
    featureBits: 0,
  });
  writer.flush();
  return backing.take();
}

/** REQUIRES: session, sequence, request id, what was seen and the age are in `fields`. */
export function writeRequest(
  writer: FrameWriter,
  fields: RequestFields,
  planned: PlannedOperation,
  isRetry: boolean,
): void {
  fields.bucketId = planned.bucketId;
  fields.level = planned.level;
  fields.flags = flagsOf(planned, isRetry);
  const key = bytesOf(planned.key);
  if (planned.kind === 'get') {
    writeGet(writer, fields, key);
    return;
  }
  const context = planned.context.kind === 'given' ? planned.context.words : undefined;
  if (planned.kind === 'delete') writeDelete(writer, fields, key, context);
  else writePut(writer, fields, key, context, VALUE_CODEC.text, bytesOf(planned.value), 0);
}

export function isSloppy(frame: Int32Array, response: number): boolean {
  return (responseFlags(frame, response) & RESPONSE_FLAG.sloppy) !== 0;
}

/** What an answer to a write of this level says of how it came about. */
export function mannerOf(frame: Int32Array, response: number, level: number): AnswerManner {
  return {
    level,
    positionCount: responseReplicas(frame, response),
    primaryCount: responsePrimaries(frame, response),
    isDuplicate: (responseFlags(frame, response) & RESPONSE_FLAG.duplicate) !== 0,
  };
}

function flagsOf({ kind, isStrict, isMonotonic }: PlannedOperation, isRetry: boolean): number {
  const strict = isStrict === true ? REQUEST_FLAG.strict : 0;
  if (kind === 'get') return strict | (isMonotonic === true ? REQUEST_FLAG.monotonic : 0);
  return REQUEST_FLAG.wantContext | strict | (isRetry ? REQUEST_FLAG.retry : 0);
}

export function entryOf(ended: EndedOperation): HistoryEntry {
  const { client, operation, planned, invokedAt, result, now } = ended;
  const { level, isStrict, isMonotonic } = planned;
  const { bucketId, key, keyName } = ended.key;
  const isOk = result.outcome === 'ok';
  if (planned.kind === 'get') {
    return {
      kind: 'get',
      isStrict,
      isSloppy: result.isSloppy,
      isMonotonic,
      client,
      operation,
      bucketId,
      key,
      keyName,
      level,
      invokedAt,
      completedAt: now,
      values: isOk ? result.values : undefined,
      context: contextDots(result.context),
    };
  }
  const { context } = planned;
  return {
    kind: planned.kind,
    isStrict,
    isSloppy: result.isSloppy,
    client,
    operation,
    bucketId,
    key,
    keyName,
    level,
    invokedAt,
    completedAt: result.outcome === 'unknown' ? Infinity : now,
    context: context.kind === 'given' ? contextDots(context.words) : undefined,
    value: planned.kind === 'put' ? planned.value : undefined,
    outcome: result.outcome,
    isRetried: ended.attempts.size > 1,
    answer: isOk ? contextDots(result.context) : undefined,
  };
}
