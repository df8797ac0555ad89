/**
 * Requests and records of one small world, for the coordinator's tests. Nothing in a running node
 * imports it.
 */
import { encodeRecord } from '@clockwise/record/build';
import { computeToken, type Token } from '@clockwise/placement/token';
import type { FrameWriter } from '@clockwise/protocol/frame-writer';
import {
  makeRequestFields,
  type RequestFields,
  writeDelete,
  writeGet,
  writePut,
  writeScan,
} from '@clockwise/protocol/request-writer';
import { paddedWords } from '@clockwise/record/layout';
import { writeBytes } from '@clockwise/record/build';
import { BUCKET } from '../coordinator-world.ts';

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function fields(requestId: number, change: Partial<RequestFields>): RequestFields {
  return {
    ...makeRequestFields(),
    requestId,
    bucketId: BUCKET.id,
    sessionLow: 5,
    sequence: requestId,
    ...change,
  };
}

type Fill = (writer: FrameWriter) => void;

export function get(requestId: number, key: string, change: Partial<RequestFields> = {}): Fill {
  return (writer) => writeGet(writer, fields(requestId, change), bytes(key));
}

export function put(
  requestId: number,
  key: string,
  value: string,
  change: Partial<RequestFields> = {},
  context?: Int32Array,
): Fill {
  return (writer) =>
    writePut(writer, fields(requestId, change), bytes(key), context, 0, bytes(value), 0);
}

export function remove(requestId: number, key: string): Fill {
  return (writer) => writeDelete(writer, fields(requestId, {}), bytes(key), undefined);
}

export function scan(
  requestId: number,
  partition: number,
  change: Partial<RequestFields> = {},
): Fill {
  const position = { hasPosition: false, tokenHigh: 0, tokenLow: 0, recordsMax: 10, bytesMax: 999 };
  return (writer) =>
    writeScan(writer, fields(requestId, change), bytes(''), { ...position, partition });
}

/** A version of a key: each letter of `dots` is a sibling of an incarnation of its own. */
export interface Version {
  readonly key?: string;
  /** Incarnation and counter of each sibling; the context covers them, and `seen` beside. */
  readonly dots: readonly (readonly [incarnation: number, counter: number])[];
  readonly seen?: readonly (readonly [incarnation: number, counter: number])[];
  readonly tombstone?: boolean;
}

export function record(version: Version): Int32Array {
  const key = bytes(version.key ?? 'k');
  const context = new Map<number, number>();
  for (const [incarnation, counter] of [...version.dots, ...(version.seen ?? [])]) {
    context.set(incarnation, Math.max(counter, context.get(incarnation) ?? 0));
  }
  const token = tokenOf(key);
  return encodeRecord({
    bucketId: BUCKET.id,
    token: (BigInt(token.high >>> 0) << 32n) | BigInt(token.low >>> 0),
    key,
    replicationClass: 0,
    context: [...context].map(([incarnation, counter]) => ({
      incarnation: BigInt(incarnation),
      counter: BigInt(counter),
    })),
    siblings: version.dots.map(([incarnation, counter]) => ({
      dot: { incarnation: BigInt(incarnation), counter: BigInt(counter) },
      operation: { session: BigInt(incarnation), sequence: counter },
      tombstone: version.tombstone ?? false,
      codec: 0,
      expirySeconds: 0,
      hybrid: BigInt(counter) << 16n,
      value: version.tombstone === true ? new Uint8Array(0) : bytes(`v${incarnation}.${counter}`),
    })),
    recents: [],
  });
}

export function tokenOf(key: Uint8Array): Token {
  const words = new Int32Array(paddedWords(key.length));
  writeBytes(words, 0, key);
  const token: Token = { high: 0, low: 0 };
  computeToken(token, BUCKET.id, words, 0, key.length);
  return token;
}
