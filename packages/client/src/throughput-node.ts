/**
 * The other end of throughput.ts: a thread with a WebSocket server that answers every frame at once
 * with a frame prepared word by word, so that what is measured is the client. It stores nothing.
 *
 * data plane
 */
import type { AddressInfo } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  PROTOCOL_VERSION,
  REQUEST,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_HEADER_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import {
  ENTRY,
  ENTRY_WORDS,
  SIBLING,
  SIBLING_HEADER_WORDS,
  VALUE_CODEC,
  paddedWords,
} from '@clockwise/protocol/response-body';
import { writeBytes } from '@clockwise/protocol/word-bytes';
import { WebSocketServer, type WebSocket } from 'ws';
import { ScriptedNode } from './scripted-node.ts';

const VALUE_BYTES = 100;
const SIBLING_WORDS = SIBLING_HEADER_WORDS + paddedWords(VALUE_BYTES);
const ANSWER_WORDS_MAX = RESPONSE_HEADER_WORDS + ENTRY_WORDS + SIBLING_WORDS;

const input = new Int32Array(DEFAULT_LIMITS.frameBytesMax / 4);
const inputBytes = Buffer.from(input.buffer);
const output = new Int32Array(
  FRAME_HEADER_WORDS + DEFAULT_LIMITS.frameOperationsMax * ANSWER_WORDS_MAX,
);
const sibling = new Int32Array(SIBLING_WORDS);
sibling[SIBLING.flagsAndCodec] = VALUE_CODEC.text << 8;
sibling[SIBLING.valueBytes] = VALUE_BYTES;
writeBytes(sibling, SIBLING_HEADER_WORDS, Buffer.alloc(VALUE_BYTES, 'v'));

const greeter = new ScriptedNode();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', serve);
server.on('listening', () => parentPort?.postMessage((server.address() as AddressInfo).port));

function serve(socket: WebSocket): void {
  socket.on('message', (data: Buffer) => {
    inputBytes.set(data);
    if ((input[FRAME.tag]! & 0xff) === TAG.request) {
      const wordCount = answerFrame();
      socket.send(new Uint8Array(output.slice(0, wordCount).buffer));
      return;
    }
    greeter.receive(input, data.length / 4, (words) => socket.send(new Uint8Array(words.buffer)));
  });
}

function answerFrame(): number {
  const operationCount = input[FRAME.operationCount]!;
  let request = FRAME_HEADER_WORDS;
  let position = FRAME_HEADER_WORDS;
  for (let left = operationCount; left > 0; left -= 1) {
    position = answer(request, position);
    request += input[request + REQUEST.wordCount]!;
  }
  output.fill(0, 0, FRAME_HEADER_WORDS);
  output[FRAME.wordCount] = position;
  output[FRAME.tag] = TAG.response | (PROTOCOL_VERSION << 8);
  output[FRAME.operationCount] = operationCount;
  return position;
}

function answer(request: number, operation: number): number {
  const opcode = input[request + REQUEST.opcode]! & 0xff;
  const isGet = opcode === REQUEST_OPCODE.get;
  const wordCount = RESPONSE_HEADER_WORDS + ENTRY_WORDS + (isGet ? SIBLING_WORDS : 0);
  output[operation + RESPONSE.wordCount] = wordCount;
  output[operation + RESPONSE.status] = opcode << 24;
  output[operation + RESPONSE.requestId] = input[request + REQUEST.requestId]!;
  output[operation + RESPONSE.counts] = 1 | ((isGet ? 1 : 0) << 16);
  output[operation + RESPONSE.answered] = 1 | (1 << 8);
  output[operation + RESPONSE.retryAfterMs] = 0;
  output[operation + RESPONSE.hybridLow] = 0;
  output[operation + RESPONSE.hybridHigh] = 0;
  const entry = operation + RESPONSE_HEADER_WORDS;
  output[entry + ENTRY.incarnationLow] = 0x1234;
  output[entry + ENTRY.incarnationHigh] = 0x5678;
  output[entry + ENTRY.counterLow] = 9;
  output[entry + ENTRY.counterHigh] = 0;
  if (isGet) output.set(sibling, entry + ENTRY_WORDS);
  return operation + wordCount;
}
