/**
 * How what is written at once becomes groups of the log.
 */
import { reachable } from '@clockwise/kernel/probe';
import { PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { readSequence } from './log-format.ts';
import type { LogRange } from './log-writer.ts';

export function byteCountOf(ranges: readonly LogRange[]): number {
  return ranges.reduce((sum, { fromWord, toWord }) => sum + (toWord - fromWord) * 4, 0);
}

export interface GroupRanges {
  readonly ranges: readonly LogRange[];
  /** Undefined: the last sequence of the whole write. */
  readonly lastSequence: number | undefined;
}

/** One group, unless it would be longer than `bytesMax`: then several, cut between records. */
export function splitGroups(ranges: readonly LogRange[], bytesMax: number): readonly GroupRanges[] {
  if (byteCountOf(ranges) <= bytesMax) return [{ ranges, lastSequence: undefined }];
  const groups: GroupRanges[] = [];
  let pending: LogRange[] = [];
  let pendingBytes = 0;
  let lastSequence = 0;
  for (const range of ranges) {
    const words = new Int32Array(range.buffer);
    let from = range.fromWord;
    for (let at = range.fromWord; at < range.toWord;) {
      const wordCount = PREFIX_WORDS + words[at + PREFIX_WORDS]!;
      if (pendingBytes > 0 && pendingBytes + wordCount * 4 > bytesMax) {
        reachable('log: a write is split into groups');
        if (at > from) pending.push({ buffer: range.buffer, fromWord: from, toWord: at });
        groups.push({ ranges: pending, lastSequence });
        pending = [];
        pendingBytes = 0;
        from = at;
      }
      pendingBytes += wordCount * 4;
      lastSequence = readSequence(words, at + PREFIX.sequenceLow);
      at += wordCount;
    }
    if (range.toWord > from) {
      pending.push({ buffer: range.buffer, fromWord: from, toWord: range.toWord });
    }
  }
  groups.push({ ranges: pending, lastSequence: undefined });
  return groups;
}
