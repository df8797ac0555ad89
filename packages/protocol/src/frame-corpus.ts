/**
 * One valid frame of every kind, with every shape of operation: the corpus from which tests make
 * damaged frames for validators, gateways and links. Nothing in a running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { encodeRecord } from '@clockwise/record/build';
import type { RecordObject } from '@clockwise/record/build';
import { ArrayBacking } from './array-backing.ts';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from './errors.ts';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  LEVEL,
  LIST_POSITIONS_MAX,
  PASSED_ON,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_WRITE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST_FLAG,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  SCAN_WORDS,
  TAG,
} from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { writeControl } from './message-codec.ts';
import { makeRequestFields, writeDelete, writeGet, writePut, writeScan } from './request-writer.ts';
import { writeBytes } from './word-bytes.ts';

/** Two entries of a context, in order. */
export const SAMPLE_CONTEXT: Int32Array = Int32Array.of(1, 1, 5, 0, -3, -2, 1, 0);
export const SAMPLE_KEY: Uint8Array = Uint8Array.from([107, 101, 121, 45, 49]);
export const SAMPLE_VALUE: Uint8Array = Uint8Array.from({ length: 29 }, (_, index) => index);

/** Frames of all shapes at once, and each shape as the only operation of a frame. */
export function frameCorpus(): Int32Array[] {
  const many = [
    sampleRequests(),
    sampleResponses(),
    sampleReplicaRequests(),
    sampleReplicaReplies(),
  ];
  return [...many, ...many.flatMap(singleOperations), ...sampleControls()];
}

function singleOperations(frame: Int32Array): Int32Array[] {
  return operationsOf(frame).map((start) => {
    const wordCount = FRAME_HEADER_WORDS + frame[start]!;
    const single = new Int32Array(wordCount);
    single.set(frame.subarray(0, FRAME_HEADER_WORDS));
    single.set(frame.subarray(start, start + frame[start]!), FRAME_HEADER_WORDS);
    single[FRAME.wordCount] = wordCount;
    single[FRAME.operationCount] = 1;
    return single;
  });
}

/** Where the operations of a frame that is still whole begin. */
export function operationsOf(frame: Int32Array): number[] {
  const offsets: number[] = [];
  let offset = FRAME_HEADER_WORDS;
  while (offset < frame.length && frame[offset]! > 0) {
    offsets.push(offset);
    offset += frame[offset]!;
  }
  return offsets;
}

function record(name: number): Int32Array {
  const dot = { incarnation: 77n, counter: 4n };
  const object: RecordObject = {
    bucketId: 1,
    token: 0x1234_5678_9abc_def0n,
    key: Uint8Array.of(107, name),
    replicationClass: 0,
    context: [{ incarnation: 5n, counter: 9n }, dot],
    siblings: [
      {
        dot,
        operation: { session: 3n, sequence: 8 },
        tombstone: false,
        codec: 0,
        expirySeconds: 0,
        hybrid: 0x0190_0000_0000_0000n,
        value: SAMPLE_VALUE,
      },
    ],
    recents: [],
  };
  return encodeRecord(object);
}

export function collectFrame(fill: (writer: FrameWriter) => void): Int32Array {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 4096);
  fill(writer);
  writer.flush();
  const frames = backing.take();
  assert(frames.length === 1, 'the operations fit one frame');
  return frames[0]!;
}

/** One operation: header fields by position, then a body. */
function operation(
  writer: FrameWriter,
  tag: number,
  headerWords: number,
  fields: Readonly<Record<number, number>>,
  body: readonly Int32Array[],
): void {
  const wordCount = body.reduce((sum, part) => sum + part.length, headerWords);
  const start = writer.begin(tag, wordCount);
  writer.words.fill(0, start, start + wordCount);
  for (const [position, value] of Object.entries(fields)) {
    writer.words[start + Number(position)] = value;
  }
  let offset = start + headerWords;
  for (const part of body) {
    writer.words.set(part, offset);
    offset += part.length;
  }
  writer.end(wordCount);
}

function padded(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(Math.ceil(bytes.length / 8) * 2);
  writeBytes(words, 0, bytes);
  return words;
}

export function sampleRequests(): Int32Array {
  const fields = { ...makeRequestFields(), requestId: 1, bucketId: 2, level: LEVEL.quorum };
  return collectFrame((writer) => {
    writer.remainingMs = 2000;
    writeGet(writer, { ...fields, flags: REQUEST_FLAG.monotonic }, SAMPLE_KEY);
    writePut(writer, fields, SAMPLE_KEY, SAMPLE_CONTEXT, 0, SAMPLE_VALUE, 60);
    writePut(writer, fields, SAMPLE_KEY, undefined, 2, new Uint8Array(0), 0);
    writePut(writer, fields, SAMPLE_KEY, new Int32Array(0), 1, SAMPLE_KEY, 0);
    const retried = { ...fields, flags: REQUEST_FLAG.retry | REQUEST_FLAG.explain, ageMs: 120 };
    const seen = { seenLow: 7, seenHigh: 0x0190_0000 };
    writeDelete(writer, { ...retried, ...seen }, SAMPLE_KEY, SAMPLE_CONTEXT);
    const page = { partition: 3, tokenHigh: -1, tokenLow: 4, recordsMax: 10, bytesMax: 4096 };
    writeScan(writer, fields, SAMPLE_KEY, { ...page, hasPosition: true });
    writeScan(writer, fields, new Uint8Array(0), { ...page, hasPosition: false });
  });
}

export function sampleResponses(): Int32Array {
  const whole = record(1);
  const siblingsStart = 8 + 2 + 8;
  const header = RESPONSE_HEADER_WORDS;
  const answered = 2 | (1 << 8) | (1 << 16);
  return collectFrame((writer) => {
    const respond = (
      opcode: number,
      status: number,
      counts: number,
      body: Int32Array[],
      flags: number = RESPONSE_FLAG.sloppy,
    ): void =>
      operation(
        writer,
        TAG.response,
        header,
        {
          [RESPONSE.status]: status | (flags << 16) | (opcode << 24),
          [RESPONSE.requestId]: 9,
          [RESPONSE.counts]: counts,
          [RESPONSE.answered]: answered,
          [RESPONSE.hybridLow]: -4,
          [RESPONSE.hybridHigh]: 0x0190_0000,
        },
        body,
      );
    const { get, put, scan } = REQUEST_OPCODE;
    respond(get, STATUS_OK, 2 | (1 << 16), [
      whole.slice(10, siblingsStart),
      whole.slice(siblingsStart),
    ]);
    respond(get, STATUS_NOT_FOUND, 0, []);
    respond(put, STATUS_OK, 2, [SAMPLE_CONTEXT]);
    respond(put, ERRORS.OVERLOADED.code, 0, []);
    respond(scan, STATUS_OK, 2 << 16, [record(1), record(2)]);
    const { explained, duplicate } = RESPONSE_FLAG;
    const explanation = [Int32Array.of(SAMPLE_KEY.length, 0), padded(SAMPLE_KEY)];
    const body = [whole.slice(10, siblingsStart), whole.slice(siblingsStart), ...explanation];
    respond(get, STATUS_OK, 2 | (1 << 16), body, explained);
    respond(put, STATUS_OK, 2, [SAMPLE_CONTEXT, ...explanation], explained | duplicate);
    respond(put, ERRORS.TIMEOUT.code, 0, explanation, explained);
  });
}

export function sampleReplicaRequests(): Int32Array {
  return collectFrame((writer) => {
    const ask = (
      headerWords: number,
      fields: Readonly<Record<number, number>>,
      body: Int32Array[],
    ): void => operation(writer, TAG.replicaRequest, headerWords, fields, body);
    const { opcode, keyAndContext, valueBytes, remainingMs } = REPLICA_REQUEST;
    ask(10, { [opcode]: REPLICA_OPCODE.read, [keyAndContext]: SAMPLE_KEY.length }, [
      padded(SAMPLE_KEY),
    ]);
    const flags = REPLICA_REQUEST_FLAG.contextGiven | REPLICA_REQUEST_FLAG.forward;
    const write = {
      [opcode]: REPLICA_OPCODE.write | (flags << 8) | (1 << 16) | (0b101 << 24),
      [keyAndContext]: SAMPLE_KEY.length | (2 << 16),
      [valueBytes]: SAMPLE_VALUE.length,
      [remainingMs]: 500,
    };
    const payload = [padded(SAMPLE_KEY), SAMPLE_CONTEXT, padded(SAMPLE_VALUE)];
    ask(REPLICA_WRITE_HEADER_WORDS, write, payload);
    ask(8, { [opcode]: REPLICA_OPCODE.store }, [record(3)]);
    const scan = { [opcode]: REPLICA_OPCODE.scan, [valueBytes]: SCAN_WORDS * 4 };
    ask(10, scan, [Int32Array.of(5, 0, 0, 0, 100, 4096)]);
    ask(8, { [opcode]: REPLICA_OPCODE.probe }, []);
    const hinted = { ...write, [REPLICA_REQUEST.owed]: (3 << 16) | 5, [REPLICA_REQUEST.ageMs]: 70 };
    const { hint, retry } = REPLICA_REQUEST_FLAG;
    hinted[opcode] = write[opcode] | ((hint | retry) << 8);
    ask(REPLICA_WRITE_HEADER_WORDS, hinted, payload);
    const owed = { [opcode]: REPLICA_OPCODE.store | (hint << 8), [REPLICA_STORE.owed]: 4 };
    ask(8, owed, [record(3)]);
    const passedOn = { [opcode]: REPLICA_OPCODE.store, [REPLICA_STORE.fanOut]: 0b1010 };
    ask(8, passedOn, [record(3)]);
  });
}

export function sampleReplicaReplies(): Int32Array {
  return collectFrame((writer) => {
    const reply = (
      kind: number,
      status: number,
      flags: number,
      records: Int32Array[],
      passedOn = 0,
    ): void =>
      operation(
        writer,
        TAG.replicaReply,
        REPLICA_REPLY_HEADER_WORDS,
        {
          [REPLICA_REPLY.kind]: kind | (status << 8) | (flags << 24),
          [REPLICA_REPLY.recordWords]: records.reduce((sum, one) => sum + one.length, 0),
          [REPLICA_REPLY.recordCount]: kind === REPLY_KIND.scanned ? records.length : passedOn,
        },
        records,
      );
    reply(REPLY_KIND.read, STATUS_OK, REPLY_FLAG.inline, [record(4)]);
    reply(REPLY_KIND.read, STATUS_NOT_FOUND, 0, []);
    reply(REPLY_KIND.stored, ERRORS.DISK_FULL.code, 0, []);
    reply(REPLY_KIND.scanned, STATUS_OK, REPLY_FLAG.inline | REPLY_FLAG.more, [
      record(5),
      record(6),
    ]);
    reply(REPLY_KIND.probed, STATUS_OK, 0, []);
    reply(REPLY_KIND.stored, STATUS_OK, 0, [], 3 | PASSED_ON.standIn);
    reply(REPLY_KIND.stored, ERRORS.UNAVAILABLE.code, 0, [], LIST_POSITIONS_MAX);
  });
}

export function sampleControls(): Int32Array[] {
  const partitions = [{ partition: 4, replicationClass: 0 }];
  return [
    collectFrame((writer) => {
      writeControl(writer, { kind: 'rootsRequest', requestId: 1, epoch: 1, partitions });
    }),
    collectFrame((writer) => {
      writeControl(writer, { kind: 'status', requestId: 1, json: '{"nodes": ["a", "b"]}' });
    }),
  ];
}
