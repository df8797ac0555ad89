/**
 * Opens a shard's store: finds the manifest that counts, opens its tables, replays the log, and begins
 * a new opening with a log segment of its own. The one place where a store is written by nobody else.
 *
 *     manifest -> tables -> log (replayed) -> tail made durable -> new segment -> new manifest -> orphans
 *
 * Invariants:
 *   OS1 nothing is written unless everything that the manifest names is sound: damage is reported, and
 *       the folder stays as it is for whoever repairs it
 *   OS2 what was replayed is durable before the store is handed out
 *   OS3 a crash at any step leaves a folder that opens to the same records
 *   OS4 a file is removed only after the manifest that does not name it is durable
 *   OS5 openings and file numbers are never given twice, also where an older edition counts
 *   OS6 a store that has a reserve opens on a full disk
 *   OS7 a record that a range drop of the manifest covers is not replayed, nor its change of leaves
 */
import { unreachable } from '@clockwise/kernel/assert';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import type { BlockCodecs } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, DONE, writeFailureName } from './disk.ts';
import { logName, parseFileName, TAIL_COPY_NAME } from './file-names.ts';
import { type LeavesSnapshot, readLeaves } from './leaves-file.ts';
import { readSequence, segmentHeader } from './log-format.ts';
import {
  type LogRecovery,
  recoverLog,
  type RecordVisitor,
  type UncertainTail,
} from './log-reader.ts';
import type { LogStart } from './log-writer.ts';
import { loadManifest, publishManifest } from './manifest-files.ts';
import type { Manifest, RangeDrop } from './manifest.ts';
import { removeOrphans } from './orphans.ts';
import { reserveNumbers, takeWholeReserve } from './reserve.ts';
import type { TableReader } from './sstable-reader.ts';
import { openTable } from './table-open.ts';
import { isRecordInRange } from './token-range.ts';
import { bytesOf, readWhole, writeNewFile, writeWhole } from './whole-transfer.ts';

export interface OpenStoreOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** For blocks that are read later. */
  readonly codecs?: BlockCodecs;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly shardIndex: number;
  readonly shardCount: number;
  /** A segment file that is longer is refused unread. */
  readonly segmentBytesMax: number;
  /** An empty folder is damage: this store has held data before (F16). */
  readonly mustExist: boolean;
  /** Takes each record that no table holds, in order of sequence; false: no room. */
  readonly replay: RecordVisitor;
}

export interface OpenedStore {
  readonly manifest: Manifest;
  /** Oldest first, as in the manifest. */
  readonly tables: readonly TableReader[];
  /** Undefined: none, or damaged; to be computed from the tables. */
  readonly leaves: LeavesSnapshot | undefined;
  readonly log: LogStart;
  readonly nextSequence: number;
  readonly replayedCount: number;
}

export type OpenOutcome =
  | { readonly kind: 'ready'; readonly store: OpenedStore }
  /** Others must serve this shard until it is refilled; the folder is as it was. */
  | { readonly kind: 'needs-repair'; readonly reasons: readonly string[] }
  /** Another store's files, or another version's. */
  | { readonly kind: 'foreign'; readonly reason: string }
  /** `replay` had no room: more memory, or smaller segments. */
  | { readonly kind: 'no-room' }
  | {
      readonly kind: 'failed';
      readonly name: 'DISK_FULL' | 'DISK_FAILED';
      readonly error: DiskError;
    };

type Failed = Exclude<OpenOutcome, { readonly kind: 'ready' }>;

export function openStore(options: OpenStoreOptions): OpenOutcome {
  const { disk, checksum } = options;
  const names = disk.list();
  if (!names.ok) return failed(names);
  const base = findManifest(options, names.value);
  if (base.kind !== 'found') return base;
  const tables = openTables(options, base.manifest);
  if (!Array.isArray(tables)) return tables;
  const recovery = recoverLog({
    ...options,
    names: names.value,
    opening: base.manifest.opening,
    sealed: base.manifest.sealed,
    floorSequence: base.manifest.floorSequence,
    visit: visitKept(base.manifest.rangeDrops, options.replay),
  });
  if (recovery.kind !== 'recovered') return recoveryFailure(recovery);
  const durable = rewriteTails(disk, recovery.uncertain);
  if (!durable.ok) return failed(durable);
  const begun = beginWithReserve(options, { names: names.value, base, recovery });
  if (!begun.ok) return failed(begun);
  const { manifest, log } = begun.value;
  const cleaned = removeOrphans(disk, names.value, manifest, checksum);
  if (!cleaned.ok) return failed(cleaned);
  const leaves =
    manifest.leavesFileNumber === 0
      ? { ok: true as const, value: undefined }
      : readLeaves(disk, manifest.leavesFileNumber, checksum);
  if (!leaves.ok) return failed(leaves);
  sometimes(
    manifest.leavesFileNumber !== 0 && leaves.value === undefined,
    'recovery: the snapshot of leaves is damaged or missing',
  );
  const store: OpenedStore = {
    manifest,
    tables,
    leaves: leaves.value?.sequence === manifest.floorSequence ? leaves.value : undefined,
    log,
    nextSequence: log.firstSequence,
    replayedCount: recovery.recordCount,
  };
  return { kind: 'ready', store };
}

interface Base {
  readonly kind: 'found';
  readonly manifest: Manifest;
  readonly highestEdition: number;
}

/** The manifest that counts; edition 0, which no file holds, where the store is new. */
function findManifest(options: OpenStoreOptions, names: readonly string[]): Base | Failed {
  const load = loadManifest(options.disk, names, options.checksum);
  switch (load.kind) {
    case 'failed':
      return failed(load.error);
    case 'foreign':
      return load;
    case 'found':
      return isOurs(load.manifest, options) ?? load;
    case 'none':
      break;
  }
  const held = options.mustExist ? ['this store has held data'] : whatNewStoresLack(options, names);
  if (held.length > 0) {
    return { kind: 'needs-repair', reasons: ['no sound manifest', ...load.reasons, ...held] };
  }
  const { storeIdLow, storeIdHigh, shardIndex, shardCount } = options;
  const manifest: Manifest = {
    edition: 0,
    storeIdLow,
    storeIdHigh,
    shardIndex,
    shardCount,
    opening: 0,
    nextFileNumber: 1,
    floorSequence: 0,
    leavesFileNumber: 0,
    sealed: [],
    tables: [],
    rangeDrops: [],
    givenUp: [],
    droppedRecordCount: 0,
  };
  return { kind: 'found', manifest, highestEdition: load.highestEdition };
}

function isOurs(manifest: Manifest, options: OpenStoreOptions): Failed | undefined {
  if (
    manifest.storeIdLow !== options.storeIdLow ||
    manifest.storeIdHigh !== options.storeIdHigh ||
    manifest.shardIndex !== options.shardIndex ||
    manifest.shardCount !== options.shardCount
  ) {
    return { kind: 'foreign', reason: 'the folder belongs to another store or shard' };
  }
  return undefined;
}

/** [OS7] Gives on the records that no range drop has taken away. */
function visitKept(drops: readonly RangeDrop[], visit: RecordVisitor): RecordVisitor {
  if (drops.length === 0) return visit;
  return (words, prefix) => {
    const sequence = readSequence(words, prefix + PREFIX.sequenceLow);
    const isDropped = drops.some(
      (drop) => sequence <= drop.sequence && isRecordInRange(words, prefix + PREFIX_WORDS, drop),
    );
    sometimes(isDropped, 'recovery: a record of the log lies in a range that was dropped');
    return isDropped || visit(words, prefix);
  };
}

/** What is in the folder that a store which never answered anybody cannot have. */
function whatNewStoresLack(options: OpenStoreOptions, names: readonly string[]): string[] {
  const held = names.filter((name) => {
    const kind = parseFileName(name)?.kind;
    return kind === 'table' || kind === 'leaves' || kind === 'snapshot';
  });
  const log = recoverLog({
    ...options,
    names,
    opening: 0,
    sealed: [],
    floorSequence: 0,
    visit: () => true,
  });
  if (log.kind !== 'recovered' || log.recordCount > 0) held.push('the log has records');
  return held;
}

function openTables(options: OpenStoreOptions, manifest: Manifest): TableReader[] | Failed {
  const tables: TableReader[] = [];
  const reasons: string[] = [];
  for (const wanted of manifest.tables) {
    const opening = openTable(options.disk, wanted, options.checksum, options.codecs);
    switch (opening.kind) {
      case 'open':
        tables.push(opening.reader);
        break;
      case 'damaged':
        reachable('recovery: a table is damaged or missing');
        reasons.push(opening.reason);
        break;
      case 'foreign':
        return opening;
      case 'failed':
        return failed(opening.error);
    }
  }
  return reasons.length > 0 ? { kind: 'needs-repair', reasons } : tables;
}

function recoveryFailure(recovery: Exclude<LogRecovery, { readonly kind: 'recovered' }>): Failed {
  switch (recovery.kind) {
    case 'damaged': {
      const reason = `${recovery.reason}; records from ${recovery.fromSequence} on are in doubt`;
      return { kind: 'needs-repair', reasons: [reason] };
    }
    case 'failed':
      return failed(recovery.error);
    case 'foreign':
    case 'no-room':
      return recovery;
    default:
      return unreachable(recovery);
  }
}

/**
 * Writes the ends of segments again and syncs them. After a failed sync the system may call pages clean
 * that never reached the disk; only bytes that are written anew are sure to be synced (F5). They are
 * written to a copy that takes the segment's name when it is durable: nobody knows which of them were
 * durable before, and a power loss that tears a write would tear those (OS3).
 */
function rewriteTails(disk: Disk, tails: readonly UncertainTail[]): DiskResult<null> {
  for (const tail of tails) {
    const copied = copyTail(disk, tail);
    if (copied.ok) continue;
    if (copied.code !== 'ENOSPC') return copied;
    const written = rewriteInPlace(disk, tail);
    if (!written.ok) return written;
  }
  return tails.length === 0 ? DONE : disk.syncDirectory();
}

function copyTail(disk: Disk, { name, toBytes }: UncertainTail): DiskResult<null> {
  const bytes = readTail(disk, name, 0, toBytes);
  if (!bytes.ok) return bytes;
  const leftover = disk.remove(TAIL_COPY_NAME);
  if (!leftover.ok && leftover.code !== 'ENOENT') return leftover;
  const written = writeNewFile(disk, TAIL_COPY_NAME, [bytes.value]);
  return written.ok ? disk.rename(TAIL_COPY_NAME, name) : written;
}

/** On a full disk: whoever has no room takes the risk of a power loss within this write. */
function rewriteInPlace(disk: Disk, { name, fromBytes, toBytes }: UncertainTail): DiskResult<null> {
  const bytes = readTail(disk, name, fromBytes, toBytes);
  if (!bytes.ok) return bytes;
  const file = disk.open(name, 'write');
  if (!file.ok) return file;
  const written = writeWhole(disk, file.value, [bytes.value], fromBytes);
  const synced = written.ok ? disk.datasync(file.value) : written;
  disk.close(file.value);
  return synced;
}

function readTail(
  disk: Disk,
  name: string,
  fromBytes: number,
  toBytes: number,
): DiskResult<Uint8Array> {
  const file = disk.open(name, 'read');
  if (!file.ok) return file;
  const bytes = new Uint8Array(toBytes - fromBytes);
  const read = readWhole(disk, file.value, bytes, fromBytes);
  disk.close(file.value);
  if (!read.ok) return read;
  if (read.value === bytes.length) return { ok: true, value: bytes };
  return { ok: false, code: 'EIO', detail: `${name} became shorter` };
}

interface Recovered {
  readonly names: readonly string[];
  readonly base: Base;
  readonly recovery: Extract<LogRecovery, { readonly kind: 'recovered' }>;
}

/**
 * [OS6] On a full disk the reserve makes room for what an opening writes. All of it, and once: the
 * numbers of the attempt that failed are used up (ME2).
 */
function beginWithReserve(
  options: OpenStoreOptions,
  recovered: Recovered,
): ReturnType<typeof beginOpening> {
  const begun = beginOpening(options, recovered);
  if (begun.ok || begun.code !== 'ENOSPC' || reserveNumbers(recovered.names).length === 0) {
    return begun;
  }
  reachable('recovery: a store opens in the room of its reserve');
  const taken = takeWholeReserve(options.disk);
  if (!taken.ok) return taken;
  const names = options.disk.list();
  if (!names.ok) return names;
  const { base, recovery } = recovered;
  const highestEdition = base.highestEdition + 1;
  return beginOpening(options, {
    names: [...names.value, logName(freshNumbers(recovered.names, base.manifest).opening, 1)],
    base: { ...base, highestEdition },
    recovery,
  });
}

/** The new opening's first segment, then the manifest that says where the old openings end. */
function beginOpening(
  options: OpenStoreOptions,
  { names, base, recovery }: Recovered,
): DiskResult<{ readonly manifest: Manifest; readonly log: LogStart }> {
  const { disk, checksum, storeIdLow, storeIdHigh } = options;
  const { opening, nextFileNumber } = freshNumbers(names, base.manifest);
  const firstSequence = recovery.lastSequence + 1;
  const id = { storeIdLow, storeIdHigh, opening, index: 1 };
  const header = segmentHeader(id, firstSequence, checksum);
  const created = writeNewFile(disk, logName(opening, 1), [bytesOf(header)]);
  if (!created.ok) return created;
  // The manifest promises that a segment of its opening exists.
  const synced = disk.syncDirectory();
  if (!synced.ok) return synced;
  const manifest: Manifest = {
    ...base.manifest,
    edition: base.highestEdition + 1,
    opening,
    nextFileNumber,
    sealed: recovery.sealed,
  };
  const published = publishManifest(disk, manifest, base.manifest.edition, checksum);
  if (!published.ok) return published;
  const log = {
    storeIdLow,
    storeIdHigh,
    opening,
    firstIndex: 1,
    firstSequence,
    earlier: recovery.sealed,
  };
  return { ok: true, value: { manifest, log } };
}

/** Above all that any file in the folder was ever named by. */
function freshNumbers(
  names: readonly string[],
  manifest: Manifest,
): { readonly opening: number; readonly nextFileNumber: number } {
  let opening = manifest.opening;
  let lastFileNumber = manifest.nextFileNumber - 1;
  for (const name of names) {
    const parsed = parseFileName(name);
    const file = parsed?.kind === 'snapshot' ? parsed.file : parsed;
    if (file?.kind === 'log') opening = Math.max(opening, file.opening);
    if (file?.kind === 'table' || file?.kind === 'leaves') {
      lastFileNumber = Math.max(lastFileNumber, file.fileNumber);
    }
  }
  return { opening: opening + 1, nextFileNumber: lastFileNumber + 1 };
}

function failed(error: DiskError): Failed {
  return { kind: 'failed', name: writeFailureName(error.code), error };
}
