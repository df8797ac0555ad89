/**
 * What a frame says, in a few words, for schedules that people read.
 */
import { errorName, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  RESPONSE,
  TAG,
} from '@clockwise/protocol/frame';
import { readContext } from '@clockwise/protocol/response-reader';
import { decodeRecord, type Dot, type RecordObject } from '@clockwise/record/build';
import { contextDots } from '../checkers/history.ts';
import { textOf } from '../simulation/client-identity.ts';
import { answerValues } from './client-operations.ts';
import type { Frame } from './interned-frames.ts';

export type DotName = (dot: Dot) => string;

export function describeFrame(frame: Frame, dotName: DotName): string {
  const { words } = frame;
  const parts: string[] = [];
  let named = 0;
  for (let at = FRAME_HEADER_WORDS; at < words.length; at += words[at + OPERATION.wordCount]!) {
    const tag = words[FRAME.tag]! & 0xff;
    if (tag === TAG.response) parts.push(describeResponse(frame, at, dotName));
    else if (tag === TAG.replicaRequest) parts.push(describeRequest(words, at, dotName));
    else if (tag === TAG.request) parts.push('a request');
    else if (tag === TAG.replicaReply) {
      const record = frame.records[named];
      if (!isInline(words, at) && words[at + REPLICA_REPLY.recordWords]! > 0) named += 1;
      parts.push(describeReply(words, at, record?.words, dotName));
    } else return 'a control message';
  }
  return parts.join('; ');
}

/** `k = a [n1.1] knowing n1.1 n2.1` */
export function describeRecord(record: RecordObject, dotName: DotName): string {
  const siblings = record.siblings.map(({ dot, tombstone, value }) => {
    const text = tombstone ? 'nothing' : textOf(value);
    return `${text} [${dotName(dot)}]`;
  });
  const context = record.context.map(dotName).join(' ');
  return `${textOf(record.key)} = ${siblings.join(', ')} knowing ${context}`;
}

function describeRequest(words: Int32Array, at: number, dotName: DotName): string {
  const opcode = words[at + OPERATION.opcode]! & 0xff;
  if (opcode === REPLICA_OPCODE.read) return 'read';
  if (opcode === REPLICA_OPCODE.write) return 'write';
  if (opcode !== REPLICA_OPCODE.store) return 'an operation';
  return `store ${describeRecord(decodeRecord(words, at + REPLICA_STORE_HEADER_WORDS), dotName)}`;
}

function describeReply(
  words: Int32Array,
  at: number,
  named: Int32Array | undefined,
  dotName: DotName,
): string {
  const kind = words[at + REPLICA_REPLY.kind]!;
  const what = KIND_NAMES[kind & 0xff] ?? 'answered';
  const status = (kind >>> 8) & 0xffff;
  if (status !== STATUS_OK) return `${what}: ${statusName(status)}`;
  if (isInline(words, at)) {
    const record = decodeRecord(words, at + REPLICA_REPLY_HEADER_WORDS);
    return `${what} ${describeRecord(record, dotName)}`;
  }
  if (named === undefined) return what;
  return `${what} ${describeRecord(decodeRecord(named, 0), dotName)}`;
}

function describeResponse(frame: Frame, at: number, dotName: DotName): string {
  const status = frame.words[at + RESPONSE.status]! & 0xffff;
  if (status !== STATUS_OK) return statusName(status);
  const context = contextDots(readContext(frame.words, at)).map(dotName).join(' ');
  return `ok: ${answerValues(frame).join(', ')} knowing ${context}`;
}

function isInline(words: Int32Array, at: number): boolean {
  return ((words[at + REPLICA_REPLY.kind]! >>> 24) & REPLY_FLAG.inline) !== 0;
}

function statusName(status: number): string {
  return status === STATUS_NOT_FOUND ? 'not found' : (errorName(status) ?? `status ${status}`);
}

const KIND_NAMES: Readonly<Record<number, string>> = {
  [REPLY_KIND.read]: 'has',
  [REPLY_KIND.written]: 'has written',
  [REPLY_KIND.forward]: 'forward',
  [REPLY_KIND.stored]: 'has stored',
};
