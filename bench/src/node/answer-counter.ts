/**
 * Reads a server's WebSocket stream and counts operations answered, frame by frame, however the
 * stream is cut. Each answer's status is looked at.
 */
import { Buffer } from 'node:buffer';
import { FRAME, FRAME_HEADER_WORDS, RESPONSE, TAG } from '@clockwise/protocol/frame';

const TAG_RESPONSE: number = TAG.response;

export class AnswerCounter {
  answered = 0;
  /** Answers whose status is neither ok nor, for gets, not-found. */
  failed = 0;
  notFound = 0;
  lastFailure = 0;
  #rest: Buffer = Buffer.alloc(0);

  /** Takes a piece of the stream; returns the operations answered by it. */
  take(chunk: Buffer): number {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let count = 0;
    for (;;) {
      const header = headerBytes(data, at);
      if (header === 0) break;
      const payload = payloadBytes(data, at);
      if (at + header + payload > data.length) break;
      if ((data[at]! & 0x0f) === 2) count += this.#takeFrame(data, at + header);
      at += header + payload;
    }
    this.#rest = at === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(at));
    this.answered += count;
    return count;
  }

  #takeFrame(data: Buffer, at: number): number {
    if (data[at + FRAME.tag * 4] !== TAG_RESPONSE) return 0;
    const count = data.readInt32LE(at + FRAME.operationCount * 4);
    let operation = at + FRAME_HEADER_WORDS * 4;
    for (let index = 0; index < count; index += 1) {
      const status = data.readUInt16LE(operation + RESPONSE.status * 4);
      if (status === 1) this.notFound += 1;
      else if (status !== 0) {
        this.failed += 1;
        this.lastFailure = status;
      }
      operation += data.readInt32LE(operation) * 4;
    }
    return count;
  }
}

/** Bytes of the WebSocket header at `at`; 0 where it is not whole. */
function headerBytes(data: Buffer, at: number): number {
  if (data.length - at < 2) return 0;
  const length = data[at + 1]! & 0x7f;
  const wanted = length < 126 ? 2 : length === 126 ? 4 : 10;
  return data.length - at < wanted ? 0 : wanted;
}

function payloadBytes(data: Buffer, at: number): number {
  const length = data[at + 1]! & 0x7f;
  if (length < 126) return length;
  return length === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
}
