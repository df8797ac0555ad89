/**
 * From a record that stands in reserved memory to one that is in the index, in the log's range and in
 * the leaves of the hash tree. Hidden records are in no tree: replicas hold different ones. data plane.
 */
import { isHidden } from '@clockwise/record/hidden';
import { leafHash } from '@clockwise/record/leaf-hash';
import { HEADER, PREFIX, PREFIX_FLAG, PREFIX_WORDS } from '@clockwise/record/layout';
import type { ReplicaContext } from './replica-context.ts';

/** The record of the key until now is at `previous` in chunk `previousChunk`; -1: there is none. */
export function commitRecord(
  context: ReplicaContext,
  record: number,
  hash: number,
  previousChunk: number,
  previous: number,
): void {
  const { memtable, leaves, leafHash: scratch } = context;
  if (isHidden(memtable.words, record)) {
    memtable.commit(record, hash, 0, 0, 0, 0, previousChunk, previous);
    return;
  }
  let replacedLow = 0;
  let replacedHigh = 0;
  if (previous >= 0) {
    const previousWords = memtable.pool.words[previousChunk]!;
    const prefix = previous - PREFIX_WORDS;
    if ((previousWords[prefix + PREFIX.flags]! & PREFIX_FLAG.cached) === 0) {
      replacedLow = previousWords[prefix + PREFIX.leafInstalledLow]!;
      replacedHigh = previousWords[prefix + PREFIX.leafInstalledHigh]!;
    } else {
      leafHash(previousWords, previous, scratch);
      replacedLow = scratch[0]!;
      replacedHigh = scratch[1]!;
    }
  }
  const { words } = memtable;
  leafHash(words, record, scratch);
  const installedLow = scratch[0]!;
  const installedHigh = scratch[1]!;
  memtable.commit(
    record,
    hash,
    replacedLow,
    replacedHigh,
    installedLow,
    installedHigh,
    previousChunk,
    previous,
  );
  const tokenHigh = words[record + HEADER.tokenHigh]!;
  leaves.replace(tokenHigh, replacedLow, replacedHigh, installedLow, installedHigh);
}
