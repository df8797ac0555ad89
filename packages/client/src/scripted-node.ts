/**
 * A coordinator as tests play it: it welcomes, takes requests apart into objects, and answers as its
 * script says. Speaks frames only, so it serves in memory and behind a real socket alike.
 */
import { assert } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import type { ControlMessage, Welcome } from '@clockwise/protocol/control-messages';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK, type ErrorName } from '@clockwise/protocol/errors';
import {
  EXPLANATION_HEADER_WORDS,
  FRAME,
  FRAME_HEADER_WORDS,
  REQUEST,
  REQUEST_HEADER_WORDS,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { FrameWriter, type FrameBacking } from '@clockwise/protocol/frame-writer';
import { readControlFrame, writeControl } from '@clockwise/protocol/message-codec';
import {
  ENTRY_WORDS,
  SIBLING,
  SIBLING_HEADER_WORDS,
  paddedWords,
} from '@clockwise/protocol/response-body';
import { frameTag } from '@clockwise/protocol/validate-frame';
import { validateRequestFrame } from '@clockwise/protocol/validate-request';
import { readBytes, writeBytes } from '@clockwise/protocol/word-bytes';
import { welcomeOf } from './scripted-messages.ts';

export interface ScriptedRequest {
  readonly opcode: number;
  readonly flags: number;
  readonly level: number;
  readonly codec: number;
  readonly requestId: number;
  readonly bucketId: number;
  readonly key: Uint8Array;
  readonly keyText: string;
  readonly context: readonly number[];
  readonly value: Uint8Array;
  /** The operation id, as text. */
  readonly operationId: string;
  readonly timeToLiveSeconds: number;
  /** Hybrid time that its session had seen, low and high word. */
  readonly seen: readonly [number, number];
  readonly ageMs: number;
  /** Of its frame. */
  readonly remainingMs: number;
}

export interface ScriptedSibling {
  readonly codec: number;
  readonly bytes: Uint8Array;
  readonly isTombstone?: boolean;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly context?: readonly number[];
  readonly siblings?: readonly ScriptedSibling[];
  /** Of a scan: whole records. */
  readonly records?: readonly Int32Array[];
  /** RESPONSE_FLAG bits. */
  readonly flags?: number;
  readonly retryAfterMs?: number;
  /** Low and high word. */
  readonly hybrid?: readonly [number, number];
  /** RESPONSE.answered; default: two positions, by their primaries, synced. */
  readonly answered?: number;
  /** What ends the body; its flag is set. */
  readonly explanation?: string;
  /** The operation ids of the siblings, low, high and sequence. */
  readonly operationIds?: readonly (readonly [number, number, number])[];
}

/** Undefined: no answer, ever. */
export type Script = (request: ScriptedRequest) => ScriptedAnswer | undefined;

export const OK: ScriptedAnswer = { status: STATUS_OK };
export const NOT_FOUND: ScriptedAnswer = { status: STATUS_NOT_FOUND };

export function refusal(code: ErrorName, retryAfterMs: number = 0): ScriptedAnswer {
  return { status: ERRORS[code].code, retryAfterMs };
}

/** The dot that a sibling's place in an answer gets: enough for a client, which makes none. */
const INCARNATION = [0x1111, 0x2222] as const;

export class ScriptedNode {
  welcome: Welcome | ControlMessage = welcomeOf('cluster');
  script: Script = () => OK;
  control: (message: ControlMessage) => ControlMessage | undefined = () => undefined;
  /** All requests so far, a list for each frame. */
  readonly frames: ScriptedRequest[][] = [];
  readonly hellos: ControlMessage[] = [];

  get requests(): readonly ScriptedRequest[] {
    return this.frames.flat();
  }

  /** Answers one frame by at most one frame. */
  receive(words: Int32Array, wordCount: number, send: (words: Int32Array) => void): void {
    if (frameTag(words, 0) === TAG.control) {
      this.#receiveControl(words, wordCount, send);
      return;
    }
    const rejection = validateRequestFrame(words, 0, wordCount, DEFAULT_LIMITS);
    assert(rejection === 0, `the client's frame is valid (rejection ${rejection})`);
    const frame = requestsOf(words);
    this.frames.push(frame);
    this.answer(frame, send);
  }

  answer(frame: readonly ScriptedRequest[], send: (words: Int32Array) => void): void {
    const writer = new FrameWriter(new SentFrames(send), DEFAULT_LIMITS.frameWordsTarget);
    for (const request of frame) {
      const answer = this.script(request);
      if (answer !== undefined) writeAnswer(writer, request, answer);
    }
    writer.flush();
  }

  #receiveControl(words: Int32Array, wordCount: number, send: (words: Int32Array) => void): void {
    const result = readControlFrame(words, 0, wordCount, DEFAULT_LIMITS);
    assert(result.ok, "the client's message is valid");
    const { message } = result;
    const writer = new FrameWriter(new SentFrames(send), DEFAULT_LIMITS.frameWordsTarget);
    if (message.kind === 'hello') this.hellos.push(message);
    const reply = message.kind === 'hello' ? this.welcome : this.control(message);
    if (reply !== undefined) writeControl(writer, reply);
    writer.flush();
  }
}

/** Each frame in memory of its own. */
class SentFrames implements FrameBacking {
  words: Int32Array = new Int32Array(0);
  readonly offset = 0;
  wordCountMax = 0;
  readonly #send: (words: Int32Array) => void;

  constructor(send: (words: Int32Array) => void) {
    this.#send = send;
  }

  acquire(wordCountMin: number): boolean {
    this.words = new Int32Array(wordCountMin);
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    this.#send(this.words.slice(0, wordCount));
  }
}

function requestsOf(words: Int32Array): ScriptedRequest[] {
  const requests: ScriptedRequest[] = [];
  let operation = FRAME_HEADER_WORDS;
  for (let left = words[FRAME.operationCount]!; left > 0; left -= 1) {
    requests.push(requestAt(words, operation));
    operation += words[operation + REQUEST.wordCount]!;
  }
  return requests;
}

function requestAt(words: Int32Array, operation: number): ScriptedRequest {
  const at = (word: number): number => words[operation + word]!;
  const keyBytes = at(REQUEST.keyAndContext) & 0xffff;
  const entries = operation + REQUEST_HEADER_WORDS + paddedWords(keyBytes);
  const entryWords = (at(REQUEST.keyAndContext) >>> 16) * ENTRY_WORDS;
  const key = readBytes(words, operation + REQUEST_HEADER_WORDS, keyBytes);
  return {
    opcode: at(REQUEST.opcode) & 0xff,
    flags: (at(REQUEST.opcode) >>> 8) & 0xff,
    level: (at(REQUEST.opcode) >>> 16) & 0xff,
    codec: at(REQUEST.opcode) >>> 24,
    requestId: at(REQUEST.requestId),
    bucketId: at(REQUEST.bucketId),
    key,
    keyText: new TextDecoder().decode(key),
    context: [...words.subarray(entries, entries + entryWords)],
    value: readBytes(words, entries + entryWords, at(REQUEST.valueBytes)),
    operationId: [REQUEST.sessionHigh, REQUEST.sessionLow, REQUEST.sequence].map(at).join(':'),
    timeToLiveSeconds: at(REQUEST.timeToLiveSeconds),
    seen: [at(REQUEST.seenLow), at(REQUEST.seenHigh)],
    ageMs: at(REQUEST.ageMs),
    remainingMs: words[FRAME.remainingMs]!,
  };
}

function writeAnswer(writer: FrameWriter, request: ScriptedRequest, answer: ScriptedAnswer): void {
  const context = answer.context ?? [];
  const siblings = answer.siblings ?? [];
  const records = answer.records ?? [];
  let wordCount = RESPONSE_HEADER_WORDS + context.length;
  for (const { bytes } of siblings) wordCount += SIBLING_HEADER_WORDS + paddedWords(bytes.length);
  for (const record of records) wordCount += record.length;
  const { explanation } = answer;
  const account = explanation === undefined ? undefined : new TextEncoder().encode(explanation);
  if (account !== undefined) wordCount += EXPLANATION_HEADER_WORDS + paddedWords(account.length);
  const operation = writer.begin(TAG.response, wordCount);
  const { words } = writer;
  words.fill(0, operation, operation + wordCount);
  const flags = (answer.flags ?? 0) | (account === undefined ? 0 : RESPONSE_FLAG.explained);
  const itemCount = siblings.length + records.length;
  words[operation + RESPONSE.status] = answer.status | (flags << 16) | (request.opcode << 24);
  words[operation + RESPONSE.requestId] = request.requestId;
  words[operation + RESPONSE.counts] = (context.length / ENTRY_WORDS) | (itemCount << 16);
  words[operation + RESPONSE.answered] = answer.answered ?? 2 | (2 << 8);
  words[operation + RESPONSE.retryAfterMs] = answer.retryAfterMs ?? 0;
  [words[operation + RESPONSE.hybridLow], words[operation + RESPONSE.hybridHigh]] =
    answer.hybrid ?? [0, 0];
  words.set(context, operation + RESPONSE_HEADER_WORDS);
  let position = operation + RESPONSE_HEADER_WORDS + context.length;
  siblings.forEach((sibling, index) => {
    const start = position;
    position = writeSibling(words, start, sibling, index);
    const operationId = answer.operationIds?.[index] ?? [0, 0, 0];
    words.set(operationId, start + SIBLING.sessionLow);
  });
  for (const record of records) {
    words.set(record, position);
    position += record.length;
  }
  if (account !== undefined) {
    words[position] = account.length;
    writeBytes(words, position + EXPLANATION_HEADER_WORDS, account);
  }
  writer.end(wordCount);
}

export function writeSibling(
  words: Int32Array,
  offset: number,
  { codec, bytes, isTombstone }: ScriptedSibling,
  index: number,
): number {
  words[offset + SIBLING.flagsAndCodec] = (isTombstone === true ? 1 : 0) | (codec << 8);
  words[offset + SIBLING.valueBytes] = bytes.length;
  [words[offset + SIBLING.incarnationLow], words[offset + SIBLING.incarnationHigh]] = INCARNATION;
  words[offset + SIBLING.counterLow] = index + 1;
  return writeBytes(words, offset + SIBLING_HEADER_WORDS, bytes);
}
