/**
 * Records as objects and as the model of versions has them, for tests of a replica. Nothing in a
 * running node imports it.
 */
import { encodeRecord, type RecordObject } from '@clockwise/record/build';
import { contextOf, type ModelRecord } from '@clockwise/versioning/reference';
import { bytesOfText, textOfBytes, token64 } from './sample-operations.ts';

export function objectOf(bucketId: number, key: string, record: ModelRecord): RecordObject {
  return {
    bucketId,
    token: token64(bucketId, key),
    key: bytesOfText(key),
    replicationClass: 0,
    context: [...record.context].map(([incarnation, counter]) => ({ incarnation, counter })),
    siblings: record.siblings,
    recents: record.recents,
  };
}

export function modelOf({ context, siblings, recents }: RecordObject): ModelRecord {
  return { context: contextOf(context), siblings, recents };
}

export function keyOf({ key }: RecordObject): string {
  return textOfBytes(key);
}

/** Canonical words: lists sorted. */
function wordsOf(bucketId: number, key: Uint8Array, record: ModelRecord): string {
  return encodeRecord(objectOf(bucketId, textOfBytes(key), record)).join();
}

export function isEqual(got: RecordObject, expected: ModelRecord): boolean {
  const { bucketId, key } = got;
  return wordsOf(bucketId, key, modelOf(got)) === wordsOf(bucketId, key, expected);
}

/** The order of scans, within a bucket. */
export function compareObjects(left: RecordObject, right: RecordObject): number {
  if (left.token !== right.token) return left.token < right.token ? -1 : 1;
  if (keyOf(left) === keyOf(right)) return 0;
  return keyOf(left) < keyOf(right) ? -1 : 1;
}
