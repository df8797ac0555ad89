/**
 * What a scan of a replica may answer, for the test of a replica against a sorted map.
 *
 * The map knows what one step answered, and not in which order it was done within the step: a scan
 * that waited for a block may be answered in the same step as writes that waited for it, before them
 * or after them. So it may show of each key any version that was the newest at a moment of its step.
 */
import { assert } from '@clockwise/kernel/assert';
import { REPLY_FLAG } from '@clockwise/protocol/frame';
import type { RecordObject } from '@clockwise/record/build';
import type { ModelRecord } from '@clockwise/versioning/reference';
import { compareObjects, isEqual, keyOf } from './model-records.ts';
import { PARTITION_BITS } from './open-replica.ts';
import type { Reply } from './reply-lanes.ts';
import type { SampleOperation } from './sample-operations.ts';

export type ModelScan = Extract<SampleOperation, { kind: 'scan' }>;

/** A key, and what may be shown of it. */
export interface HeldKey {
  /** Where it stands in the order; its versions are in `shown`. */
  readonly place: RecordObject;
  /** It was there before the step: it may not be missing. */
  readonly isOld: boolean;
  readonly shown: readonly ModelRecord[];
}

export function judgeScan(scan: ModelScan, reply: Reply, held: readonly HeldKey[]): void {
  const inOrder = held
    .filter(({ place, shown }) => shown.length > 0 && isAsked(scan, place))
    .toSorted((left, right) => compareObjects(left.place, right.place));
  const hasMore = (reply.flags & REPLY_FLAG.more) !== 0;
  const { records } = reply;
  let next = 0;
  for (const record of records) {
    const at = inOrder.findIndex(({ place }) => keyOf(place) === keyOf(record));
    assert(at >= next, 'SO1: in order, and nothing that is not there');
    assertNoneOld(inOrder.slice(next, at));
    const isNewest = inOrder[at]!.shown.some((version) => isEqual(record, version));
    assert(isNewest, 'SO1: the newest');
    next = at + 1;
  }
  if (hasMore) assert(records.length > 0, 'SO4: a page that is not the last has something');
  else assertNoneOld(inOrder.slice(next));
  assert(records.length <= scan.recordsMax!, 'SO4: no more records than asked for');
  const bytes = reply.recordWords * 4;
  assert(records.length === 1 || bytes <= scan.bytesMax!, 'SO4: no more bytes than asked for');
}

function isAsked(scan: ModelScan, place: RecordObject): boolean {
  if (place.bucketId !== scan.bucketId) return false;
  if (Number(place.token >> BigInt(64 - PARTITION_BITS)) !== scan.partition) return false;
  return scan.after === undefined || compareObjects(place, scan.after) > 0;
}

function assertNoneOld(passedOver: readonly HeldKey[]): void {
  for (const { isOld } of passedOver) assert(!isOld, 'SO1: none is missing');
}
