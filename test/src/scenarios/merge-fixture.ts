/**
 * Tables made by hand for merges, and what a merge must make of them: the rules once more, as simply as
 * they can be said, over objects instead of words.
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import { encodeRecord, type RecordObject, type SiblingObject } from '@clockwise/record/build';
import { compareRecordPositions } from '@clockwise/record/compare';
import {
  HEADER,
  KIND,
  SIBLING_HEADER_WORDS,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import type { MergeCounts } from '@clockwise/storage/compaction/merge-counts';
import {
  mergeBeat,
  type MergeInput,
  type MergeOutput,
  type StoreTools,
} from '@clockwise/storage/compaction/merge-job';
import type { Combine, DropHorizon } from '@clockwise/storage/compaction/version-merge';
import type { Disk, DiskResult } from '@clockwise/storage/disk';
import type { RangeDrop, TableMetadata } from '@clockwise/storage/manifest';
import { TableReader, type TableParts } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { type KeyBound, TableCursor } from '@clockwise/storage/table-cursor';
import { rangeHolds } from '@clockwise/storage/table-extent';
import { checksum, STORE_ID } from './store-fixture.ts';

export interface Version {
  readonly kind: 'full' | 'delta' | 'tombstone' | 'acceptor';
  /** From 0 up; its token is shared with a neighbour. */
  readonly key: number;
  readonly value: number;
  /** One sibling each. */
  readonly expiries: readonly number[];
  readonly hybridSeconds: number;
}

/** Adds the newer delta's value to each of the older record's. */
export const addUp: Combine = (newer, newerAt, older, olderAt, out, outAt) => {
  const wordCount = older[olderAt + HEADER.wordCount]!;
  for (let index = 0; index < wordCount; index += 1) out[outAt + index] = older[olderAt + index]!;
  if ((older[olderAt + HEADER.kind]! & 0xff) === KIND.tombstone) return wordCount;
  const added = newer[siblingsOffset(newer, newerAt) + SIBLING_HEADER_WORDS]!;
  let sibling = siblingsOffset(out, outAt);
  for (let left = siblingCount(out, outAt); left > 0; left -= 1) {
    out[sibling + SIBLING_HEADER_WORDS]! += added;
    sibling += siblingWordCount(out, sibling);
  }
  return wordCount;
};

export function toolsFor(disk: Disk): StoreTools {
  return { disk, checksum, codecs: NODE_BLOCK_CODECS, combines: { addUp } };
}

export function tokenOf(key: number): { readonly high: number; readonly low: number } {
  return { high: Math.imul(key >> 1, 0x0400_0000), low: 7 };
}

function siblingOf(version: Version, index: number): SiblingObject {
  const tombstone = version.kind === 'tombstone';
  const value = new Uint8Array(new Int32Array([version.value, 0]).buffer);
  return {
    dot: { incarnation: BigInt(index + 1), counter: 9n },
    operation: { session: 5n, sequence: index },
    tombstone,
    codec: 0,
    expirySeconds: tombstone ? 0 : version.expiries[index]!,
    hybrid: BigInt(version.hybridSeconds * 1000) << 16n,
    value: tombstone ? new Uint8Array(0) : value,
  };
}

export function encodeVersion(version: Version): Int32Array {
  const { high, low } = tokenOf(version.key);
  const object: RecordObject = {
    bucketId: 1,
    token: (BigInt(high >>> 0) << 32n) | BigInt(low),
    key: Uint8Array.of(version.key),
    replicationClass: 2,
    context: version.expiries.map((_, index) => ({ incarnation: BigInt(index + 1), counter: 9n })),
    siblings: version.expiries.map((_, index) => siblingOf(version, index)),
    recents: [
      {
        operation: { session: 5n, sequence: 1 },
        seconds: 8,
        dot: { incarnation: 1n, counter: 1n },
      },
    ],
  };
  const words = encodeRecord(object);
  const kind = KIND[version.kind];
  words[HEADER.kind] = (words[HEADER.kind]! & ~0xff) | kind;
  return words;
}

export interface TablePlan {
  readonly fileNumber: number;
  readonly level: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly versions: readonly Version[];
  readonly blockBytes: number;
  readonly codec: number;
}

/** The disk refused a table that a test wanted to have. */
export class TableFailed extends Error {
  override readonly name = 'TableFailed';
}

/** Writes the table, with its name. Throws TableFailed. */
export function writeTable(disk: Disk, plan: TablePlan): TableMetadata {
  const created = TableWriter.create({
    ...plan,
    ...toolsFor(disk),
    ...STORE_ID,
    bloomBitsPerKey: 10,
  });
  if (!created.ok) throw new TableFailed(created.detail);
  for (const words of plan.versions.map(encodeVersion).toSorted(inOrder)) {
    created.value.add(words, 0);
  }
  const finished = created.value.finish();
  if (!finished.ok) throw new TableFailed(finished.detail);
  const synced = disk.syncDirectory();
  if (!synced.ok) throw new TableFailed(synced.detail);
  return finished.value;
}

function inOrder(left: Int32Array, right: Int32Array): number {
  return compareRecordPositions(left, 0, right, 0);
}

/** A table that a test reads is not there, is damaged, or its disk fails. */
export class ReadFailed extends Error {
  override readonly name = 'ReadFailed';
  readonly code: DiskFailure;

  constructor(fileNumber: number, code: DiskFailure, detail: string) {
    super(`${fileNumber}: ${detail}`);
    this.code = code;
  }
}

/** All records of a table, in its order. Throws ReadFailed. */
export function readTable(disk: Disk, table: TableMetadata): Int32Array[] {
  const { fileNumber } = table;
  const opening = openTable(disk, table, checksum, NODE_BLOCK_CODECS);
  if (opening.kind === 'failed') {
    throw new ReadFailed(fileNumber, opening.error.code, opening.error.detail);
  }
  if (opening.kind !== 'open') throw new ReadFailed(fileNumber, 'ENOENT', opening.reason);
  const cursor = TableCursor.open(disk, opening.reader, undefined, 4096);
  if (!cursor.ok) throw new ReadFailed(fileNumber, cursor.code, cursor.detail);
  const records: Int32Array[] = [];
  while (cursor.value.next()) {
    const { words, record } = cursor.value;
    records.push(words.slice(record, record + words[record + HEADER.wordCount]!));
  }
  cursor.value.close();
  const { failure } = cursor.value;
  if (failure !== undefined) throw new ReadFailed(fileNumber, failure.code, failure.detail);
  return records;
}

export function readerOf(parts: TableParts, table: TableMetadata): TableReader {
  return new TableReader(parts, checksum, NODE_BLOCK_CODECS, table);
}

export interface Source {
  readonly lastSequence: number;
  readonly version: Version;
}

export interface MergeRules {
  readonly horizon: DropHorizon;
  readonly rangeDrops: readonly RangeDrop[];
  readonly isBottom: boolean;
}

export interface Expected {
  readonly records: readonly Int32Array[];
  readonly counts: Omit<MergeCounts, 'inputRecords' | 'outputRecords'>;
}

/** What a merge makes of all versions of each key, newest first. */
export function expectedMerge(
  keys: ReadonlyMap<number, readonly Source[]>,
  rules: MergeRules,
): Expected {
  const counts = {
    droppedOlder: 0,
    droppedRange: 0,
    droppedTombstone: 0,
    folded: 0,
    expiredRewritten: 0,
  };
  const records: Int32Array[] = [];
  for (const [key, sources] of keys) {
    const { high, low } = tokenOf(key);
    const alive = sources.filter(
      ({ lastSequence }) =>
        !rules.rangeDrops.some(
          (drop) => lastSequence <= drop.sequence && rangeHolds(drop, 1, high, low),
        ),
    );
    counts.droppedRange += sources.length - alive.length;
    if (alive.length === 0) continue;
    const whole = alive.findIndex(({ version }) => version.kind !== 'delta');
    const last = whole === -1 ? alive.length - 1 : whole;
    counts.droppedOlder += alive.length - 1 - last;
    counts.folded += last;
    const sum = alive.slice(0, last + 1).reduce((total, { version }) => total + version.value, 0);
    let version: Version = { ...alive[last]!.version, value: sum };
    const before = rules.horizon.expiredBeforeSeconds;
    const isExpired =
      version.kind === 'full' && version.expiries.every((at) => at !== 0 && at <= before);
    if (isExpired) version = { ...version, kind: 'tombstone' };
    const horizon = rules.horizon.tombstonesBeforeSeconds?.[high >>> 31] ?? 0;
    if (version.kind === 'tombstone' && rules.isBottom && version.hybridSeconds < horizon) {
      counts.droppedTombstone += 1;
      continue;
    }
    if (isExpired) counts.expiredRewritten += 1;
    records.push(encodeVersion(version));
  }
  return { records: records.toSorted(inOrder), counts };
}

/** All beats of a merge, one after the other. */
export function runMerge(
  tools: StoreTools,
  input: Omit<MergeInput, 'after' | 'fileNumber'>,
  firstFileNumber: number,
): DiskResult<MergeOutput[]> {
  const outputs: MergeOutput[] = [];
  let after: KeyBound | undefined;
  for (let fileNumber = firstFileNumber; ; fileNumber += 1) {
    const beat = mergeBeat(tools, { ...input, after, fileNumber });
    if (!beat.ok) return beat;
    outputs.push(beat.value);
    after = beat.value.next;
    if (after === undefined) return { ok: true, value: outputs };
  }
}

export interface RandomRuns {
  /** Newest first. */
  readonly tables: readonly TableMetadata[];
  readonly keys: ReadonlyMap<number, readonly Source[]>;
}

const KEY_COUNT = 64;

/** Up to 12 runs: of level 0, then perhaps one of level 1, each cut into tables between tokens. */
export function randomRuns(disk: Disk, prng: Prng): RandomRuns {
  const runCount = prng.between(1, 12);
  const tables: TableMetadata[] = [];
  const keys = new Map<number, Source[]>();
  const hasLevel1 = prng.chance(0.5);
  let fileNumber = 1;
  for (let run = runCount; run > 0; run -= 1) {
    const level = run === 1 && hasLevel1 ? 1 : 0;
    const [firstSequence, lastSequence] = [run * 10, run * 10 + 9];
    const density = prng.pick([0.1, 0.5, 1]);
    const tableKeys: number[][] = [[]];
    for (let key = 0; key < KEY_COUNT; key += 1) {
      if (prng.chance(density)) tableKeys.at(-1)!.push(key);
      if (key % 2 === 1 && prng.chance(0.1) && tableKeys.at(-1)!.length > 0) tableKeys.push([]);
    }
    for (const members of tableKeys.filter((each) => each.length > 0)) {
      const versions = members.map((key) => randomVersion(prng, key));
      const blockBytes = prng.pick([256, 512, 4096]);
      const plan = { fileNumber, level, firstSequence, lastSequence, versions, blockBytes };
      tables.push(writeTable(disk, { ...plan, codec: prng.pick(TABLE_CODECS) }));
      fileNumber += 1;
      for (const version of versions) {
        const sources = keys.get(version.key) ?? [];
        keys.set(version.key, [...sources, { lastSequence, version }]);
      }
    }
  }
  return { tables, keys };
}

function randomVersion(prng: Prng, key: number): Version {
  const kind = prng.pick([
    'full',
    'full',
    'full',
    'delta',
    'delta',
    'tombstone',
    'acceptor',
  ] as const);
  const siblings = prng.chance(0.8) ? 1 : prng.between(2, 4);
  return {
    kind,
    key,
    value: prng.below(1000),
    expiries: Array.from({ length: siblings }, () => prng.pick([0, 50, 100, 101])),
    hybridSeconds: prng.between(1, 40),
  };
}
