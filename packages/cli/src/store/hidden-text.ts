/**
 * Hidden records as a dump shows them: what a node keeps for others, by the name of its bucket, with
 * the key of the user in it and the positions that are owed it.
 */
import {
  HIDDEN_BUCKET,
  HIDDEN_KEY_BYTES,
  isHidden,
  OWED,
  owedOf,
  visibleBucketId,
} from '@clockwise/record/hidden';
import { HEADER, keyOffset } from '@clockwise/record/layout';

export interface HiddenView {
  readonly name: string;
  /** Of the object; of a dirty range, which has no key, its partition. */
  readonly bucketId: number;
  /** Bytes of the stored key that are not the key of the user. */
  readonly keyBytesBefore: number;
  /** Undefined where it is about a key. */
  readonly range: { readonly partition: number; readonly replicationClass: number } | undefined;
  /** Places in the replica list of that epoch (its low 16 bits); none: it is settled. */
  readonly positions: readonly number[];
  readonly epoch: number;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(HIDDEN_BUCKET).map(([name, id]) => [id, name]),
);
const POSITIONS = 16;

/** Undefined of a record of a user's bucket. */
export function hiddenView(words: Int32Array, record: number): HiddenView | undefined {
  if (!isHidden(words, record)) return undefined;
  const stored = words[record + HEADER.bucketId]!;
  const owed = owedOf(words, record);
  const bucketId = visibleBucketId(words, record);
  const isRange = stored === HIDDEN_BUCKET.dirty;
  const replicationClass = words[keyOffset(record) + 1]!;
  return {
    name: NAMES.get(stored) ?? `bucket ${stored}`,
    bucketId,
    keyBytesBefore: HIDDEN_KEY_BYTES,
    range: isRange ? { partition: bucketId, replicationClass } : undefined,
    positions: Array.from({ length: POSITIONS }, (_, position) => position).filter(
      (position) => (owed & OWED.positionMask & (1 << position)) !== 0,
    ),
    epoch: owed >>> OWED.epochShift,
  };
}

/** `owed to 0, 2 of epoch 1`, or `settled`. */
export function owedPositionsText({ positions, epoch }: HiddenView): string {
  return positions.length === 0 ? 'settled' : `owed to ${positions.join(', ')} of epoch ${epoch}`;
}
