/**
 * The records of one partition that are in memory and perhaps in no table yet, newest version of each
 * key, in the order of tables. Resident chunks are left out where the caller reads the tables that hold
 * what they hold; one that reads older tables says from which sequence on.
 *
 * Invariants:
 *   MS1 of each key the newest version is listed, if its chunk is not flushed or holds a sequence above
 *       the one that was named; older ones never
 *   MS2 the list is sorted by (bucket, token, key)
 */
import { HEADER, HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { CHUNK_KIND, CHUNK_STATE } from './chunk.ts';
import { compareKeys } from './keyed-hash.ts';
import type { Memtable } from './memtable.ts';
import { sortRecords } from './record-sort.ts';
import { isRecordInRange, type TokenRange } from './token-range.ts';

export interface RecordPlaces {
  readonly count: number;
  readonly chunks: Int32Array;
  /** Word offsets of records in their chunks. */
  readonly offsets: Int32Array;
}

/**
 * REQUIRES: `range` lies within `partition`, and no chunk with a sequence above `sinceSequence` was
 * swept or retired since the tables with all up to it were asked.
 */
export function collectPartition(
  memtable: Memtable,
  partition: number,
  range: TokenRange,
  sinceSequence: number = Infinity,
): RecordPlaces {
  const chunks: number[] = [];
  const offsets: number[] = [];
  for (let chunk = 0; chunk < memtable.pool.words.length; chunk += 1) {
    const state = memtable.pool.states[chunk]!;
    if (memtable.pool.kinds[chunk] !== CHUNK_KIND.log) continue;
    const isUnflushed = state >= CHUNK_STATE.active && state <= CHUNK_STATE.flushing;
    const isAsked =
      state === CHUNK_STATE.resident && memtable.pool.lastSequences[chunk]! > sinceSequence;
    if (!isUnflushed && !isAsked) continue;
    const words = memtable.pool.words[chunk]!;
    let prefix = memtable.pool.heads[chunk]![partition]!;
    while (prefix !== 0) {
      const record = prefix + PREFIX_WORDS;
      if (isRecordInRange(words, record, range) && isNewest(memtable, chunk, words, record)) {
        chunks.push(chunk);
        offsets.push(record);
      }
      prefix = words[prefix + PREFIX.previousInPartition]!;
    }
  }
  return sortPlaces(memtable, chunks, offsets);
}

/** The index names the newest version: this record is it, or it is an older one. */
function isNewest(memtable: Memtable, chunk: number, words: Int32Array, record: number): boolean {
  const bucketId = words[record + HEADER.bucketId]!;
  const keyBytes = words[record + HEADER.keyAndContext]! & 0xffff;
  const key = record + HEADER_WORDS;
  const hash = memtable.hash(bucketId, words, key, keyBytes);
  const found = memtable.peek(bucketId, words, key, keyBytes, hash);
  return found === record && memtable.chunk === chunk;
}

function sortPlaces(
  memtable: Memtable,
  chunks: readonly number[],
  offsets: readonly number[],
): RecordPlaces {
  const count = chunks.length;
  const wordsOf = (index: number): Int32Array => memtable.pool.words[chunks[index]!]!;
  const header = (field: number): Int32Array =>
    Int32Array.from(offsets, (offset, index) => wordsOf(index)[offset + field]!);
  const keysAndContexts = header(HEADER.keyAndContext);
  const order = sortRecords({
    count,
    bucketIds: header(HEADER.bucketId),
    tokenHighs: header(HEADER.tokenHigh),
    tokenLows: header(HEADER.tokenLow),
    compareKeys: (left, right) =>
      compareKeys(
        wordsOf(left),
        offsets[left]! + HEADER_WORDS,
        keysAndContexts[left]! & 0xffff,
        wordsOf(right),
        offsets[right]! + HEADER_WORDS,
        keysAndContexts[right]! & 0xffff,
      ),
  });
  return {
    count,
    chunks: Int32Array.from(order, (index) => chunks[index]!),
    offsets: Int32Array.from(order, (index) => offsets[index]!),
  };
}
