/**
 * What tests of hand-off read in hidden records and in operations about them. Nothing in a running node
 * imports it.
 */
import { REPLICA_READ_HEADER_WORDS, REPLICA_REQUEST, SCAN } from '@clockwise/protocol/frame';
import { decodeRecord, encodeRecord } from '@clockwise/record/build';
import { HIDDEN_BUCKET, OWED, visibleWordCount, writeVisible } from '@clockwise/record/hidden';
import { paddedWords } from '@clockwise/record/layout';
import { field, type Sent } from '../coordinator-world.ts';

/** The epoch of worlds of one coordinator. */
export const EPOCH = 1;

export function owed(positions: number, epoch: number = EPOCH): number {
  return (epoch << OWED.epochShift) | positions;
}

/** The key of the user in a record, hidden or not. */
export function keyText(words: Int32Array): string {
  const { bucketId, key } = decodeRecord(words, 0);
  const isHidden = bucketId >= HIDDEN_BUCKET.hint;
  return String.fromCharCode(...(isHidden ? key.subarray(4) : key));
}

/** The visible form of a copy. */
export function visibleOf(words: Int32Array): Int32Array {
  const out = new Int32Array(visibleWordCount(words, 0));
  writeVisible(words, 0, out, 0);
  return out;
}

export function nameOf(words: Int32Array): string {
  const { bucketId, key } = decodeRecord(words, 0);
  return `${bucketId}/${[...key].join()}`;
}

export function keyBytesIn(sent: Sent, header: number): Uint8Array {
  const byteCount = field(sent, REPLICA_REQUEST.keyAndContext) & 0xffff;
  const start = sent.offset + header;
  const words = sent.words.slice(start, start + paddedWords(byteCount));
  return new Uint8Array(words.buffer, 0, byteCount);
}

export function nameIn(sent: Sent, header: number): string {
  return `${field(sent, REPLICA_REQUEST.bucketId)}/${[...keyBytesIn(sent, header)].join()}`;
}

export function keyIn(sent: Sent, header: number, from: number): string {
  return String.fromCharCode(...keyBytesIn(sent, header).subarray(from));
}

/** A record that stands where a scan's cursor does. */
export function cursorOf(sent: Sent, bucketId: number): Int32Array {
  const key = keyBytesIn(sent, REPLICA_READ_HEADER_WORDS);
  const at = REPLICA_READ_HEADER_WORDS + paddedWords(key.length);
  const high = field(sent, at + SCAN.tokenHigh);
  const low = field(sent, at + SCAN.tokenLow);
  return encodeRecord({
    bucketId,
    token: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0),
    key,
    replicationClass: 0,
    context: [],
    siblings: [],
    recents: [],
  });
}
