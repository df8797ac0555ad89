/**
 * Says what a store's folder consists of and whether its files agree with each other: what an opening
 * would find, without writing anything.
 *
 * Boundary: reads through a Disk, one file after the other; a node may have the folder open meanwhile,
 * but what comes and goes under the reader then shows as missing.
 *
 * Invariants:
 *   SX1 a store that would not open has a fault that says so
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Disk, DiskResult } from './disk.ts';
import { type FileExplanation, unreadable, type VerifyTools } from './file-explanation.ts';
import { leavesName, logName, parseFileName, snapshotPrefix, tableName } from './file-names.ts';
import { explainFile } from './file-verify.ts';
import { SEGMENT_BYTES_MAX } from './log-format.ts';
import { type LogRecovery, recoverLog, type RecordVisitor } from './log-reader.ts';
import { loadManifest } from './manifest-files.ts';
import type { Manifest, TableMetadata } from './manifest.ts';
import { PrefixDisk } from './prefix-disk.ts';
import { snapshotNumbers } from './snapshot-job.ts';
import { loadFooter } from './table-verify.ts';

export interface StoreExplanation {
  /** The edition that counts. */
  readonly manifest: Manifest | undefined;
  readonly files: readonly FileExplanation[];
  /** Records of the log that no table holds. */
  readonly loggedCount: number;
  /** What files say of each other, and does not fit; those of each file are its own. */
  readonly faults: readonly string[];
  /** Files that nothing names: the next opening removes them. */
  readonly orphans: readonly string[];
  readonly snapshots: readonly { readonly number: number; readonly store: StoreExplanation }[];
}

/** `isWhole`: every block and group is read. */
export function explainStore(
  disk: Disk,
  tools: VerifyTools,
  isWhole: boolean,
): DiskResult<StoreExplanation> {
  const names = disk.list();
  if (!names.ok) return names;
  const own = names.value.filter((name) => {
    const kind = parseFileName(name)?.kind;
    return kind !== undefined && kind !== 'snapshot';
  });
  const load = loadManifest(disk, own, tools.checksum);
  const orphans = load.kind === 'found' ? orphansOf(load.manifest, own) : [];
  const files = own.toSorted().map((name) => {
    const file = explainFile(disk, name, tools, isWhole);
    // A crash leaves files unfinished that nobody names: they cost nothing.
    return orphans.includes(name) ? { ...file, faults: [] } : file;
  });
  const snapshots: StoreExplanation['snapshots'][number][] = [];
  for (const number of snapshotNumbers(names.value)) {
    const store = explainStore(new PrefixDisk(disk, snapshotPrefix(number)), tools, isWhole);
    if (!store.ok) return store;
    snapshots.push({ number, store: store.value });
  }
  const base = { files, loggedCount: 0, orphans, snapshots };
  switch (load.kind) {
    case 'found': {
      const { manifest } = load;
      const log = readLog(disk, tools, manifest, own, () => true);
      const faults = [...tableFaults(disk, tools, manifest, own), ...logFaults(log)];
      const loggedCount = log.kind === 'recovered' ? log.recordCount : 0;
      return { ok: true, value: { ...base, manifest, loggedCount, faults } };
    }
    case 'none': {
      const faults = own.length === 0 ? [] : [noManifest(load.reasons)];
      return { ok: true, value: { ...base, manifest: undefined, faults } };
    }
    case 'foreign': {
      const faults = [`${load.reason}: the store does not open in this build`];
      return { ok: true, value: { ...base, manifest: undefined, faults } };
    }
    case 'failed': {
      const faults = [unreadable('the manifest', load.error)];
      return { ok: true, value: { ...base, manifest: undefined, faults } };
    }
    default:
      return unreachable(load);
  }
}

/** The records of the log that the manifest's floor has not passed, in order. */
export function readLog(
  disk: Disk,
  tools: VerifyTools,
  manifest: Manifest,
  names: readonly string[],
  visit: RecordVisitor,
): LogRecovery {
  return recoverLog({
    ...manifest,
    disk,
    checksum: tools.checksum,
    names,
    segmentBytesMax: SEGMENT_BYTES_MAX,
    visit,
  });
}

function noManifest(reasons: readonly string[]): string {
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  return `no manifest counts${why}: a store that has held data does not open`;
}

function logFaults(log: LogRecovery): string[] {
  switch (log.kind) {
    case 'recovered':
    case 'no-room':
      return [];
    case 'damaged':
      return [
        `the log is damaged: ${log.reason}; records from sequence ${log.fromSequence} on are in doubt, ` +
          'and the store does not open',
      ];
    case 'foreign':
      return [`${log.reason}: the store does not open in this build`];
    case 'failed':
      return [unreadable('the log', log.error)];
    default:
      return unreachable(log);
  }
}

/** Tables that the manifest names, against what there is. */
function tableFaults(
  disk: Disk,
  tools: VerifyTools,
  manifest: Manifest,
  names: readonly string[],
): string[] {
  const faults: string[] = [];
  const held = new Set(names);
  for (const table of manifest.tables) {
    const name = tableName(table.fileNumber);
    if (!held.has(name)) {
      faults.push(`${name} is missing: the store does not open`);
      continue;
    }
    const load = loadFooter({ disk, name, tools, isWhole: false });
    if (load.kind === 'failed') continue;
    if (load.byteCount !== table.byteCount) {
      faults.push(`${name} has ${load.byteCount} bytes, and the manifest says ${table.byteCount}`);
    }
    if (load.reading.kind !== 'valid') continue;
    const { footer } = load.reading;
    const other = differences(table, { ...footer.table, byteCount: table.byteCount });
    if (other !== undefined) {
      faults.push(
        `${name}: it has another ${other} than the manifest says; the store does not open`,
      );
    }
    const { storeIdLow, storeIdHigh } = manifest;
    if (footer.storeIdLow !== storeIdLow || footer.storeIdHigh !== storeIdHigh) {
      faults.push(`${name}: it is a table of another store`);
    }
  }
  const leaves = leavesName(manifest.leavesFileNumber);
  if (manifest.leavesFileNumber !== 0 && !held.has(leaves)) {
    faults.push(`${leaves} is missing: a shard with tables does not open without it`);
  }
  return faults;
}

/** The first field that differs, in words; the level may. */
function differences(wanted: TableMetadata, found: TableMetadata): string | undefined {
  const fields = Object.keys(wanted) as (keyof TableMetadata)[];
  const other = fields.find((field) => field !== 'level' && wanted[field] !== found[field]);
  return other?.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function orphansOf(manifest: Manifest, names: readonly string[]): string[] {
  const named = new Set(manifest.tables.map(({ fileNumber }) => tableName(fileNumber)));
  named.add(leavesName(manifest.leavesFileNumber));
  for (const { opening, index } of manifest.sealed) named.add(logName(opening, index));
  return names.filter((name) => {
    const file = parseFileName(name);
    if (file?.kind === 'log') return file.opening < manifest.opening && !named.has(name);
    return (file?.kind === 'table' || file?.kind === 'leaves') && !named.has(name);
  });
}
