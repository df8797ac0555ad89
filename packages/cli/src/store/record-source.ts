/**
 * The records of a file or of a whole store, in order: of a table and of a store by bucket, token and
 * key, of a log segment as they were written.
 *
 * Invariants:
 *   RSO1 of a store each key is given once, in its newest version
 *   RSO2 damage ends the records with a fault, never as if there were no more
 */
import { compareRecordPositions } from '@clockwise/record/compare';
import { HEADER, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import type { Disk } from '@clockwise/storage/disk';
import {
  parseFileName,
  snapshotPrefix,
  type StoreFile,
  tableName,
} from '@clockwise/storage/file-names';
import { readSequence } from '@clockwise/storage/log-format';
import { loadSegment } from '@clockwise/storage/log-verify';
import { loadManifest } from '@clockwise/storage/manifest-files';
import type { Manifest, RangeDrop, TableMetadata } from '@clockwise/storage/manifest';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { openTableIndex } from '@clockwise/storage/table-open';
import { readLog } from '@clockwise/storage/store-verify';
import { type KeyBound, TableCursor } from '@clockwise/storage/table-cursor';
import { loadFooter } from '@clockwise/storage/table-verify';
import { isRecordInRange } from '@clockwise/storage/token-range';
import { UsageError } from '../command.ts';
import { TOOLS } from './store-place.ts';

export interface SourceRecord {
  /** Borrowed until the next one. */
  readonly words: Int32Array;
  readonly record: number;
  /** The file it stands in; `log` where it may be any segment. */
  readonly from: string;
  /** 0: tables do not say it. */
  readonly sequence: number;
}

/** Told of damage, which ends the records. */
export type FaultListener = (fault: string) => void;

const READ_BYTES = 1024 * 1024;

/** A token, and who is told of damage. */
export interface SourceOptions {
  /** Records before it may be left out. */
  readonly from: TokenHalves;
  readonly onFault: FaultListener;
}

export interface TokenHalves {
  readonly high: number;
  readonly low: number;
}

export function recordsOfFile(
  disk: Disk,
  name: string,
  options: SourceOptions,
): Iterable<SourceRecord> {
  const file = parseFileName(name);
  if (file?.kind === 'snapshot') {
    const prefix = snapshotPrefix(file.snapshotNumber);
    return recordsOf(new PrefixDisk(disk, prefix), name.slice(prefix.length), file.file, options);
  }
  return recordsOf(disk, name, file, options);
}

function recordsOf(
  disk: Disk,
  name: string,
  file: StoreFile | undefined,
  options: SourceOptions,
): Iterable<SourceRecord> {
  const { onFault } = options;
  if (file?.kind === 'log') return recordsOfSegment(disk, name, file, onFault);
  if (file?.kind !== 'table') {
    throw new UsageError(`${name} holds no records: tables and segments of the log do`);
  }
  const load = loadFooter({ disk, name, tools: TOOLS, isWhole: false });
  if (load.kind === 'read' && load.reading.kind === 'valid') {
    return tableRecords(disk, load.reading.footer.table, options);
  }
  onFault(load.kind === 'failed' ? load.fault : `${name}: ${reasonOf(load.reading)}`);
  return [];
}

function reasonOf(reading: { readonly kind: string; readonly reason?: string }): string {
  return reading.reason ?? reading.kind;
}

function recordsOfSegment(
  disk: Disk,
  name: string,
  place: { readonly opening: number; readonly index: number },
  onFault: FaultListener,
): SourceRecord[] {
  const records: SourceRecord[] = [];
  const load = loadSegment(
    { disk, name, tools: TOOLS, isWhole: true },
    place,
    (words, from, to) => {
      for (let prefix = from; prefix < to;) {
        const record = prefix + PREFIX_WORDS;
        const sequence = readSequence(words, prefix + PREFIX.sequenceLow);
        const end = record + words[record + HEADER.wordCount]!;
        // A packed group's records are borrowed: the next group is unpacked over them.
        records.push({ words: words.slice(record, end), record: 0, from: name, sequence });
        prefix = end;
      }
    },
  );
  if (load.kind === 'failed') onFault(load.fault);
  else if (load.reading.header.kind === 'foreign')
    onFault(`${name}: ${load.reading.header.reason}`);
  else if (load.reading.testifiedSequence > load.reading.lastSequence) {
    onFault(`${name}: damaged behind sequence ${load.reading.lastSequence}`);
  }
  return records;
}

function* tableRecords(
  disk: Disk,
  table: TableMetadata,
  { from, onFault }: SourceOptions,
): Generator<SourceRecord, void, void> {
  const name = tableName(table.fileNumber);
  const opening = openTableIndex(disk, table, TOOLS.checksum, TOOLS.codecs);
  if (opening.kind !== 'open') {
    onFault(opening.kind === 'failed' ? opening.error.detail : opening.reason);
    return;
  }
  const cursor = TableCursor.open(disk, opening.reader, boundBefore(table, from), READ_BYTES);
  if (!cursor.ok) {
    onFault(`${name}: ${cursor.detail}`);
    return;
  }
  try {
    while (cursor.value.next()) {
      const { words, record } = cursor.value;
      yield { words, record, from: name, sequence: 0 };
    }
    const { failure } = cursor.value;
    if (failure !== undefined) onFault(failure.detail);
  } finally {
    cursor.value.close();
  }
}

/** Behind what need not be read, where all of the table is of one bucket. */
function boundBefore(table: TableMetadata, { high, low }: TokenHalves): KeyBound | undefined {
  if (table.firstBucketId !== table.lastBucketId || (high === 0 && low === 0)) return undefined;
  const bucketId = table.firstBucketId;
  if (low !== 0) return { bucketId, tokenHigh: high, tokenLow: (low - 1) | 0 };
  return { bucketId, tokenHigh: (high - 1) | 0, tokenLow: -1 };
}

/** [RSO1] */
export function* recordsOfStore(
  disk: Disk,
  { from, onFault }: SourceOptions,
): Generator<SourceRecord, void, void> {
  const names = disk.list();
  if (!names.ok) {
    onFault(names.detail);
    return;
  }
  const load = loadManifest(disk, names.value, TOOLS.checksum);
  if (load.kind !== 'found') {
    const reason = load.kind === 'foreign' ? load.reason : 'no manifest counts';
    onFault(load.kind === 'failed' ? load.error.detail : reason);
    return;
  }
  const { manifest } = load;
  let isDamaged = false;
  const onDamage: FaultListener = (fault) => {
    isDamaged = true;
    onFault(fault);
  };
  const logged = loggedRecords(disk, manifest, names.value, onDamage);
  const heads = headsOf(disk, manifest, logged, { from, onFault: onDamage });
  for (;;) {
    // [RSO2] Behind a damage nobody can say which version is the newest.
    if (isDamaged) return;
    const least = leastOf(heads);
    if (least === undefined) return;
    yield least.current!;
    const { words, record } = least.current!;
    for (const head of heads) {
      if (head === least || head.current === undefined) continue;
      if (compareRecordPositions(head.current.words, head.current.record, words, record) === 0) {
        head.advance();
      }
    }
    least.advance();
  }
}

interface Head {
  current: SourceRecord | undefined;
  readonly advance: () => void;
}

/** Newest first: the log, then the manifest's tables from its last to its first. */
function headsOf(
  disk: Disk,
  manifest: Manifest,
  logged: Iterable<SourceRecord>,
  options: SourceOptions,
): Head[] {
  const tables = manifest.tables.toReversed().map((table) => {
    const drops = manifest.rangeDrops.filter(({ sequence }) => table.lastSequence <= sequence);
    return undropped(tableRecords(disk, table, options), drops);
  });
  return [logged, ...tables].map((source) => {
    const iterator = source[Symbol.iterator]();
    const head: Head = {
      current: undefined,
      advance: () => {
        const next = iterator.next();
        head.current = next.done === true ? undefined : next.value;
      },
    };
    head.advance();
    return head;
  });
}

function* undropped(
  records: Iterable<SourceRecord>,
  drops: readonly RangeDrop[],
): Generator<SourceRecord, void, void> {
  for (const one of records) {
    if (!drops.some((drop) => isRecordInRange(one.words, one.record, drop))) yield one;
  }
}

/** The first of the least, and so the newest of its key. */
function leastOf(heads: readonly Head[]): Head | undefined {
  let least: Head | undefined;
  for (const head of heads) {
    if (head.current === undefined) continue;
    const before = least?.current;
    if (before === undefined) least = head;
    else if (
      compareRecordPositions(head.current.words, head.current.record, before.words, before.record) <
      0
    ) {
      least = head;
    }
  }
  return least;
}

/** The newest version of each key in the log, sorted as tables are. */
function loggedRecords(
  disk: Disk,
  manifest: Manifest,
  names: readonly string[],
  onFault: FaultListener,
): SourceRecord[] {
  const all: SourceRecord[] = [];
  const log = readLog(disk, TOOLS, manifest, names, (words, prefix) => {
    const record = prefix + PREFIX_WORDS;
    const sequence = readSequence(words, prefix + PREFIX.sequenceLow);
    const isDropped = manifest.rangeDrops.some(
      (drop) => sequence <= drop.sequence && isRecordInRange(words, record, drop),
    );
    const copy = words.slice(record, record + words[record + HEADER.wordCount]!);
    if (!isDropped) all.push({ words: copy, record: 0, from: 'log', sequence });
    return true;
  });
  if (log.kind === 'damaged' || log.kind === 'foreign') onFault(`the log: ${log.reason}`);
  if (log.kind === 'failed') onFault(`the log: ${log.error.detail}`);
  const sorted = all.toSorted(
    (left, right) =>
      compareRecordPositions(left.words, 0, right.words, 0) || right.sequence - left.sequence,
  );
  return sorted.filter(
    (one, index) =>
      index === 0 || compareRecordPositions(sorted[index - 1]!.words, 0, one.words, 0) !== 0,
  );
}
