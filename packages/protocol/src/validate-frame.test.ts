import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import type { Limits } from '@clockwise/kernel/limits';
import { HIDDEN_BUCKET, HIDDEN_BUCKET_MIN } from '@clockwise/record/hidden';
import { HEADER } from '@clockwise/record/layout';
import { recordLimits } from '@clockwise/record/validate';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from './errors.ts';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  PASSED_ON,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  REQUEST,
  REQUEST_FLAG,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  TAG,
} from './frame.ts';
import {
  SAMPLE_CONTEXT,
  SAMPLE_KEY,
  SAMPLE_VALUE,
  collectFrame,
  frameCorpus,
  operationsOf,
  sampleReplicaReplies,
  sampleReplicaRequests,
  sampleRequests,
  sampleResponses,
} from './frame-corpus.ts';
import { readControlFrame } from './message-codec.ts';
import { REJECTION, rejectionName } from './rejections.ts';
import { makeRequestFields, writeDelete, writeGet, writePut } from './request-writer.ts';
import { bodyExplanation } from './response-body.ts';
import {
  readContext,
  readScan,
  readSiblings,
  responseDurability,
  responseFlags,
  responseItemCount,
  responsePrimaries,
  responseReplicas,
  responseRequestId,
  responseRetryAfterMs,
  responseStatus,
} from './response-reader.ts';
import { frameTag, validateFrameHeader } from './validate-frame.ts';
import { validateReplicaReplyFrame, validateReplicaRequestFrame } from './validate-replica.ts';
import { requestStatus, validateRequestFrame } from './validate-request.ts';
import { validateResponseFrame } from './validate-response.ts';

const LIMITS = DEFAULT_LIMITS;
const RECORDS = recordLimits(LIMITS);

type Validate = (words: Int32Array, offset: number, wordCount: number) => number;

/** By tag; the first is the header's alone. */
const VALIDATORS: readonly Validate[] = [
  (words, offset, wordCount) => validateFrameHeader(words, offset, wordCount, LIMITS),
  (words, offset, wordCount) => validateRequestFrame(words, offset, wordCount, LIMITS),
  (words, offset, wordCount) => validateResponseFrame(words, offset, wordCount, LIMITS, RECORDS),
  (words, offset, wordCount) =>
    validateReplicaRequestFrame(words, offset, wordCount, LIMITS, RECORDS),
  (words, offset, wordCount) =>
    validateReplicaReplyFrame(words, offset, wordCount, LIMITS, RECORDS),
];

test('[RW1, VR1, VA1, VP1, VF1] frames as they are written are accepted, by their validator only', () => {
  for (const frame of frameCorpus()) {
    const tag = frameTag(frame, 0);
    assert.is(validateFrameHeader(frame, 0, frame.length, LIMITS), REJECTION.none);
    for (const each of [TAG.request, TAG.response, TAG.replicaRequest, TAG.replicaReply]) {
      const rejection = rejectionName(VALIDATORS[each]!(frame, 0, frame.length));
      assert.is(rejection, each === tag ? 'none' : 'frameTagUnexpected');
    }
    const control = readControlFrame(frame, 0, frame.length, LIMITS);
    assert.is(control.ok, tag === TAG.control);
  }
});

test('[RR1] a response is read field by field, and what is kept is a copy', () => {
  const frame = sampleResponses();
  const [get, missing, put, refused, scan] = operationsOf(frame) as [
    number,
    number,
    number,
    number,
    number,
  ];
  assert.is(responseStatus(frame, get), STATUS_OK);
  assert.is(responseRequestId(frame, get), 9);
  assert.is(responseFlags(frame, get), RESPONSE_FLAG.sloppy);
  assert.is(responseReplicas(frame, get), 2);
  assert.is(responsePrimaries(frame, get), 1);
  assert.is(responseDurability(frame, get), 1);
  assert.is(responseItemCount(frame, get), 1);
  assert.is(responseStatus(frame, missing), STATUS_NOT_FOUND);
  assert.is(responseStatus(frame, refused), ERRORS.OVERLOADED.code);
  assert.is(responseRetryAfterMs(frame, refused), 0);
  const siblings = readSiblings(frame, get);
  const context = readContext(frame, put);
  const records = readScan(frame, scan);
  frame.fill(0);
  assert.equal(context, SAMPLE_CONTEXT);
  assert.equal(siblings, [{ tombstone: false, codec: 0, bytes: SAMPLE_VALUE, expirySeconds: 0 }]);
  assert.equal(records[1]!.key, Uint8Array.of(107, 2));
  assert.is(records[1]!.context.length, 8);
  assert.equal(records[1]!.siblings[0]!.bytes, SAMPLE_VALUE);
});

test('[VR2] counts and words that do not agree are refused', () => {
  const change = (index: number, value: number): string | undefined => {
    const frame = sampleRequests();
    frame[index] = value;
    return rejectionName(validateRequestFrame(frame, 0, frame.length, LIMITS));
  };
  const first = FRAME_HEADER_WORDS;
  assert.is(change(FRAME.operationCount, 8), 'operationsMissing');
  assert.is(change(FRAME.operationCount, 6), 'wordsLeftOver');
  assert.is(change(FRAME.operationCount, 0), 'frameOperationCount');
  assert.is(change(FRAME.operationCount, -1), 'frameOperationCount');
  assert.is(change(FRAME.operationCount, LIMITS.frameOperationsMax + 1), 'frameOperationCount');
  assert.is(change(first, 0), 'operationTooShort');
  assert.is(change(first, -12), 'operationTooShort');
  assert.is(change(first, 0x7fff_fffe), 'operationTooLong');
  assert.is(change(first, 15), 'operationWordCountOdd');
  assert.is(change(first, 18), 'operationWordCountMismatch');
  assert.is(change(first + REQUEST.keyAndContext, 4), 'paddingNotZero');
  assert.is(change(first + REQUEST.opcode, 9), 'opcodeUnknown');
  assert.is(change(first + REQUEST.opcode, REQUEST_OPCODE.get | (40 << 16)), 'levelUnknown');
  assert.is(change(first + REQUEST.opcode, REQUEST_OPCODE.get | (64 << 8)), 'flagsUnknown');
});

test('[VR3] what exceeds the limits of this node is answered, not cut off', () => {
  const frame = sampleRequests();
  const [get, put, , , remove, scan] = operationsOf(frame);
  const judge = (at: number, change: Partial<Limits>): number =>
    requestStatus(frame, at, { ...LIMITS, ...change });
  assert.is(judge(get!, {}), STATUS_OK);
  assert.is(judge(get!, { keyBytesMax: 4 }), ERRORS.KEY_TOO_LARGE.code);
  assert.is(judge(put!, { valueBytesMax: 28 }), ERRORS.VALUE_TOO_LARGE.code);
  const single = { contextEntriesMax: 1, siblingsMax: 0 };
  assert.is(judge(put!, single), ERRORS.CONTEXT_TOO_LARGE.code);
  assert.is(judge(remove!, single), ERRORS.CONTEXT_TOO_LARGE.code);
  assert.is(judge(remove!, { ...single, siblingsMax: 1 }), STATUS_OK, 'an entry for each sibling');
  assert.is(judge(scan!, { valueBytesMax: 1 }), STATUS_OK);
  const empty = collectFrame((writer) => {
    writeGet(writer, makeRequestFields(), new Uint8Array(0));
  });
  assert.is(validateRequestFrame(empty, 0, empty.length, LIMITS), REJECTION.none);
  assert.is(requestStatus(empty, FRAME_HEADER_WORDS, LIMITS), ERRORS.KEY_TOO_LARGE.code);
});

test('[VR2] flags that have no meaning with an opcode are refused', () => {
  const { monotonic, retry, explain } = REQUEST_FLAG;
  const judge = (opcode: number, flags: number): string | undefined => {
    const fields = { ...makeRequestFields(), flags };
    const frame = collectFrame((writer) => {
      if (opcode === REQUEST_OPCODE.get) writeGet(writer, fields, SAMPLE_KEY);
      else if (opcode === REQUEST_OPCODE.delete) writeDelete(writer, fields, SAMPLE_KEY, undefined);
      else writePut(writer, fields, SAMPLE_KEY, undefined, 0, SAMPLE_VALUE, 0);
    });
    return rejectionName(validateRequestFrame(frame, 0, frame.length, LIMITS));
  };
  const { get, put, delete: remove } = REQUEST_OPCODE;
  assert.is(judge(get, monotonic | explain), 'none');
  assert.is(judge(get, retry), 'flagsUnexpected');
  assert.is(judge(put, retry | explain), 'none');
  assert.is(judge(put, monotonic), 'flagsUnexpected');
  assert.is(judge(remove, retry), 'none');
  assert.is(judge(remove, monotonic), 'flagsUnexpected');
  const requests = sampleRequests();
  const scan = operationsOf(requests)[5]!;
  requests[scan + REQUEST.opcode]! |= explain << 8;
  assert.is(
    rejectionName(validateRequestFrame(requests, 0, requests.length, LIMITS)),
    'flagsUnexpected',
  );
});

test('[VR2] an age below zero and a word that must be zero are refused', () => {
  for (const [field, value, name] of [
    [REQUEST.ageMs, -1, 'requestAge'],
    [REQUEST.reserved, 1, 'reservedNotZero'],
  ] as const) {
    const frame = sampleRequests();
    frame[FRAME_HEADER_WORDS + field] = value;
    assert.is(rejectionName(validateRequestFrame(frame, 0, frame.length, LIMITS)), name);
  }
});

test('[VP3] hidden form, and what only a node says to itself, crosses no link', () => {
  const judge = (index: number, field: number, value: number): string | undefined => {
    const frame = sampleReplicaRequests();
    frame[operationsOf(frame)[index]! + field] = value;
    return rejectionName(VALIDATORS[TAG.replicaRequest]!(frame, 0, frame.length));
  };
  const [read, write, store, scan] = [0, 1, 2, 3];
  const bucket = REPLICA_REQUEST.bucketId;
  for (const hidden of [...Object.values(HIDDEN_BUCKET), HIDDEN_BUCKET_MIN, -1]) {
    assert.is(judge(read, bucket, hidden), 'bucketHidden');
    assert.is(judge(write, bucket, hidden), 'bucketHidden');
    assert.is(judge(scan, bucket, hidden), 'bucketHidden');
    const inRecord = REPLICA_STORE_HEADER_WORDS + HEADER.bucketId;
    assert.is(judge(store, inRecord, hidden), 'recordInvalid');
  }
  assert.is(judge(read, REPLICA_REQUEST.opcode, REPLICA_OPCODE.note), 'opcodeUnknown');
  assert.is(judge(read, REPLICA_REQUEST.opcode, REPLICA_OPCODE.settle), 'opcodeUnknown');
  const replies = sampleReplicaReplies();
  const probed = operationsOf(replies)[4]!;
  for (const kind of [REPLY_KIND.noted, REPLY_KIND.settled]) {
    replies[probed + REPLICA_REPLY.kind] = kind;
    const rejection = VALIDATORS[TAG.replicaReply]!(replies, 0, replies.length);
    assert.is(rejectionName(rejection), 'replyKindUnknown');
  }
});

test('[VP3] owed words come with the flag that says so only', () => {
  const judge = (index: number, field: number, value: number): string | undefined => {
    const frame = sampleReplicaRequests();
    frame[operationsOf(frame)[index]! + field] = value;
    return rejectionName(VALIDATORS[TAG.replicaRequest]!(frame, 0, frame.length));
  };
  const [write, store, hintedWrite, hintedStore] = [1, 2, 5, 6];
  assert.is(judge(write, REPLICA_REQUEST.owed, 1), 'reservedNotZero');
  assert.is(judge(hintedWrite, REPLICA_REQUEST.owed, 1), 'none');
  assert.is(judge(store, REPLICA_STORE.owed, 1), 'reservedNotZero');
  assert.is(judge(hintedStore, REPLICA_STORE.owed, 1), 'none');
});

test('[VP1] a store is passed on to positions that a list can have, and never a hinted one', () => {
  const judge = (index: number, field: number, value: number): string | undefined => {
    const frame = sampleReplicaRequests();
    frame[operationsOf(frame)[index]! + field] = value;
    return rejectionName(VALIDATORS[TAG.replicaRequest]!(frame, 0, frame.length));
  };
  const [store, hintedStore, passedOn] = [2, 6, 7];
  assert.is(judge(store, REPLICA_STORE.fanOut, 0xffff), 'none');
  assert.is(judge(passedOn, REPLICA_STORE.fanOut, 0), 'none');
  assert.is(judge(passedOn, REPLICA_STORE.fanOut, 0x1_0000), 'fanOut');
  assert.is(judge(passedOn, REPLICA_STORE.fanOut, -1), 'fanOut');
  assert.is(judge(passedOn, REPLICA_STORE.reserved, 1), 'reservedNotZero');
  assert.is(judge(hintedStore, REPLICA_STORE.fanOut, 1), 'fanOut');
});

test('[VP1] what is passed back names a position that a list can have', () => {
  const judge = (index: number, value: number): string | undefined => {
    const frame = sampleReplicaReplies();
    frame[operationsOf(frame)[index]! + REPLICA_REPLY.recordCount] = value;
    return rejectionName(VALIDATORS[TAG.replicaReply]!(frame, 0, frame.length));
  };
  const [read, stored, passedOn] = [1, 2, 5];
  for (const value of [0, 1, 16, 16 | PASSED_ON.standIn]) assert.is(judge(passedOn, value), 'none');
  for (const value of [17, -1, 0xff, PASSED_ON.standIn, 0x201, 0x1_0001]) {
    assert.is(judge(passedOn, value), 'passedOn');
    assert.is(judge(stored, value), 'passedOn');
  }
  assert.is(judge(read, 2), 'recordCountMismatch');
});

test('[VA2] an explanation ends a body where its flag says so, and has its own length', () => {
  const judge = (change: (frame: Int32Array, answer: number) => void): string | undefined => {
    const frame = sampleResponses();
    change(frame, operationsOf(frame)[7]!);
    return rejectionName(VALIDATORS[TAG.response]!(frame, 0, frame.length));
  };
  const text = RESPONSE_HEADER_WORDS;
  assert.is(
    judge(() => undefined),
    'none',
  );
  const unflagged = judge((frame, answer) => {
    frame[answer + RESPONSE.status]! &= ~(RESPONSE_FLAG.explained << 16);
  });
  assert.is(unflagged, 'operationWordCountMismatch');
  for (const byteCount of [-1, 0, 9, 0x7fff_ffff]) {
    const rejection = judge((frame, answer) => (frame[answer + text] = byteCount));
    assert.is(rejection, 'explanationShape');
  }
  assert.is(
    judge((frame, answer) => (frame[answer + text] = 4)),
    'paddingNotZero',
  );
  const frame = sampleResponses();
  for (const answer of operationsOf(frame).slice(5)) {
    assert.equal(bodyExplanation(frame, answer), SAMPLE_KEY);
  }
  assert.is(bodyExplanation(frame, operationsOf(frame)[0]!), undefined);
});

test('[VA2] an error with a body, [VP2] a record that is not there: refused', () => {
  const answers = sampleResponses();
  const refused = operationsOf(answers)[3]!;
  answers[refused + RESPONSE.counts] = 1;
  assert.is(
    rejectionName(VALIDATORS[TAG.response]!(answers, 0, answers.length)),
    'countsUnexpected',
  );
  const replies = sampleReplicaReplies();
  const [read, missing] = operationsOf(replies) as [number, number];
  const named = replies.slice();
  named[missing + REPLICA_REPLY.recordWords] = 20;
  const reject = (frame: Int32Array): string | undefined =>
    rejectionName(VALIDATORS[TAG.replicaReply]!(frame, 0, frame.length));
  assert.is(reject(named), 'recordWordCountMismatch');
  const unmarked = replies.slice();
  unmarked[read + REPLICA_REPLY.kind] = REPLY_KIND.read;
  assert.is(reject(unmarked), 'recordUnexpected');
  const damaged = replies.slice();
  damaged[read + REPLICA_REPLY_HEADER_WORDS + HEADER.kind] = 0;
  assert.is(reject(damaged), 'recordInvalid');
});

test('[VF2] I1 a frame that claims more than arrived, or 4 GB, or nothing', () => {
  const frame = sampleRequests();
  const judge = (words: Int32Array, wordCount: number): string | undefined =>
    rejectionName(validateFrameHeader(words, 0, wordCount, LIMITS));
  assert.is(judge(frame, frame.length + 2), 'frameTooShort');
  assert.is(judge(frame, 0), 'frameTooShort');
  assert.is(judge(new Int32Array(0), 0), 'frameTooShort');
  const claims = frame.slice();
  claims[FRAME.wordCount] = -1;
  assert.is(judge(claims, claims.length), 'frameWordCountMismatch');
  const large = new Int32Array(LIMITS.frameBytesMax / 4 + 2);
  assert.is(judge(large, large.length), 'frameTooLong');
});

test.run();
