/**
 * Requests prepared ahead, as redis-benchmark prepares its own: whole WebSocket messages with a zero
 * mask, of which only the operation ids change from one sending to the next, so that every put is an
 * operation of its own.
 */
import { Buffer } from 'node:buffer';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import { FRAME_HEADER_WORDS, OPERATION, REQUEST } from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { makeRequestFields, writeGet, writePut } from '@clockwise/protocol/request-writer';

/** `mixed`: gets and puts in turn. */
export type LoadKind = 'put' | 'get' | 'mixed' | 'fill';

export interface PreparedFrame {
  readonly bytes: Buffer;
  /** The frame's words, over the same memory. */
  readonly words: Int32Array;
  /** Where each operation begins, in words. */
  readonly operations: readonly number[];
}

export interface PrepareOptions {
  readonly kind: LoadKind;
  readonly bucketId: number;
  /** LEVEL; 0: the bucket's. */
  readonly level: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly operationsPerFrame: number;
  readonly frameCount: number;
  readonly session: number;
}

/** The payload begins at this byte, so that its words are aligned. */
const PAYLOAD_AT = 16;
const MASKED_TEXT_LENGTH_16 = 126;
const CODEC_TEXT = 1;

/** 16 bytes, as redis-benchmark's: `key:000000000123`. */
export function keyOf(index: number): Uint8Array {
  return Buffer.from(`key:${String(index).padStart(12, '0')}`, 'latin1');
}

/** Frames with keys drawn at random; of kind `fill`, frames that hold each key once, in order. */
export function prepareFrames(options: PrepareOptions): PreparedFrame[] {
  const { kind, keyCount, operationsPerFrame, frameCount } = options;
  const backing = new ArrayBacking();
  const frames: PreparedFrame[] = [];
  const value = Buffer.alloc(options.valueBytes, 'x');
  const fields = makeRequestFields();
  fields.bucketId = options.bucketId;
  fields.level = options.level;
  fields.sessionLow = options.session;
  fields.sessionHigh = 1;
  let requestId = 0;
  for (let frame = 0; frame < frameCount; frame += 1) {
    const one = new FrameWriter(backing, operationsPerFrame * (64 + options.valueBytes));
    for (let index = 0; index < operationsPerFrame; index += 1) {
      const ordinal = frame * operationsPerFrame + index;
      const key = keyOf(
        kind === 'fill' ? ordinal % keyCount : Math.floor(Math.random() * keyCount),
      );
      fields.requestId = requestId;
      requestId += 1;
      const isGet = kind === 'get' || (kind === 'mixed' && ordinal % 2 === 0);
      if (isGet) writeGet(one, fields, key);
      else writePut(one, fields, key, undefined, CODEC_TEXT, value, 0);
    }
    one.flush();
    for (const words of backing.take()) frames.push(asMessage(words));
  }
  return frames;
}

/** A frame as one binary WebSocket message of a client, masked with zeros. */
export function asMessage(frame: Int32Array): PreparedFrame {
  const payloadBytes = frame.length * 4;
  const memory = new ArrayBuffer(PAYLOAD_AT + payloadBytes);
  const words = new Int32Array(memory, PAYLOAD_AT, frame.length);
  words.set(frame);
  const headerBytes = payloadBytes < MASKED_TEXT_LENGTH_16 ? 6 : payloadBytes < 65_536 ? 8 : 14;
  const bytes = Buffer.from(memory, PAYLOAD_AT - headerBytes, headerBytes + payloadBytes);
  bytes[0] = 0x82;
  if (headerBytes === 6) {
    bytes[1] = 0x80 | payloadBytes;
  } else if (headerBytes === 8) {
    bytes[1] = 0x80 | MASKED_TEXT_LENGTH_16;
    bytes.writeUInt16BE(payloadBytes, 2);
  } else {
    bytes[1] = 0x80 | 127;
    bytes.writeBigUInt64BE(BigInt(payloadBytes), 2);
  }
  return { bytes, words, operations: operationOffsets(words) };
}

function operationOffsets(words: Int32Array): number[] {
  const offsets: number[] = [];
  for (let at = FRAME_HEADER_WORDS; at < words.length; at += words[at + OPERATION.wordCount]!) {
    offsets.push(at);
  }
  return offsets;
}

/** Gives the frame's operations the ids from `sequence` on; returns the next one. */
export function renumber(frame: PreparedFrame, sequence: number): number {
  const { words, operations } = frame;
  for (let index = 0; index < operations.length; index += 1) {
    words[operations[index]! + REQUEST.sequence] = (sequence + index) | 0;
  }
  return (sequence + operations.length) | 0;
}
