/**
 * Says what a file of a store is and what is wrong with it, one file at a time and whatever its kind.
 *
 * Boundary: what files say of each other is store-verify's. Nothing is written.
 *
 * Invariants:
 *   FV1 a file whose content differs in any byte that a reader relies on has a fault, or says less
 *       records; a file of another version says which one this build reads
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Disk } from './disk.ts';
import {
  type FileExplanation,
  type FileToExplain,
  storeIdText,
  unreadable,
  type VerifyTools,
} from './file-explanation.ts';
import { parseFileName, snapshotPrefix, type StoreFile } from './file-names.ts';
import { LEAVES_VERSION, readLeaves } from './leaves-file.ts';
import { explainSegment } from './log-verify.ts';
import { decodeManifest, type Manifest, MANIFEST_VERSION } from './manifest.ts';
import { PrefixDisk } from './prefix-disk.ts';
import { explainTable } from './table-verify.ts';
import { readFileWords, readWhole } from './whole-transfer.ts';

const FILE_BYTES_MAX = 256 * 1024 * 1024;

export function explainFile(
  disk: Disk,
  name: string,
  tools: VerifyTools,
  isWhole = true,
): FileExplanation {
  const file = parseFileName(name);
  if (file === undefined) {
    return { name, kind: 'foreign', version: 0, byteCount: 0, rows: [], faults: [] };
  }
  return explainKind({ disk, name, tools, isWhole }, file);
}

function explainKind(wanted: FileToExplain, file: StoreFile): FileExplanation {
  switch (file.kind) {
    case 'manifest':
      return explainManifest(wanted, file.edition);
    case 'log':
      return explainSegment(wanted, file);
    case 'table':
      return explainTable(wanted, file.fileNumber);
    case 'leaves':
      return explainLeaves(wanted, file.fileNumber);
    case 'reserve':
      return explainReserve(wanted);
    case 'snapshot': {
      const prefix = snapshotPrefix(file.snapshotNumber);
      const disk = new PrefixDisk(wanted.disk, prefix);
      const name = wanted.name.slice(prefix.length);
      const inner = explainKind({ ...wanted, disk, name }, file.file);
      return { ...inner, name: wanted.name };
    }
    default:
      return unreachable(file);
  }
}

function explainManifest({ disk, name, tools }: FileToExplain, edition: number): FileExplanation {
  const base = { name, kind: 'manifest', version: 0, byteCount: 0, rows: [] } as const;
  const words = readFileWords(disk, name, FILE_BYTES_MAX);
  if (!words.ok) return { ...base, faults: [unreadable(name, words)] };
  const byteCount = words.value.byteLength;
  const reading = decodeManifest(words.value, tools.checksum);
  switch (reading.kind) {
    case 'foreign':
      return { ...base, byteCount, faults: [`${name}: ${reading.reason}`] };
    case 'damaged': {
      const fault = `${name}: damaged (${reading.reason}); the edition before it counts, where there is one`;
      return { ...base, byteCount, faults: [fault] };
    }
    case 'valid': {
      const { manifest } = reading;
      const isOther = manifest.edition !== edition;
      const faults = isOther
        ? [`${name}: it is edition ${manifest.edition}, and does not count`]
        : [];
      const rows = manifestRows(manifest);
      return { name, kind: 'manifest', version: MANIFEST_VERSION, byteCount, rows, faults };
    }
    default:
      return unreachable(reading);
  }
}

function manifestRows(manifest: Manifest): (readonly [string, string])[] {
  const { storeIdLow, storeIdHigh, sealed, rangeDrops, givenUp, tables } = manifest;
  return [
    ['store', storeIdText(storeIdLow, storeIdHigh)],
    ['shard', `${manifest.shardIndex} of ${manifest.shardCount}`],
    ['edition', String(manifest.edition)],
    ['opening', String(manifest.opening)],
    ['next file number', String(manifest.nextFileNumber)],
    ['floor', `sequence ${manifest.floorSequence}`],
    ['leaves', manifest.leavesFileNumber === 0 ? 'none' : `file ${manifest.leavesFileNumber}`],
    ['sealed segments', String(sealed.length)],
    ['tables', String(tables.length)],
    ['range drops', String(rangeDrops.length)],
    ['partitions given up', String(givenUp.length)],
    ['dropped by merges', `${manifest.droppedRecordCount} records`],
  ];
}

function explainLeaves({ disk, name, tools }: FileToExplain, fileNumber: number): FileExplanation {
  const base = { name, kind: 'leaves', version: 0, byteCount: 0, rows: [] } as const;
  const words = readFileWords(disk, name, FILE_BYTES_MAX);
  if (!words.ok) return { ...base, faults: [unreadable(name, words)] };
  const byteCount = words.value.byteLength;
  const read = readLeaves(disk, fileNumber, tools.checksum);
  if (!read.ok) return { ...base, byteCount, faults: [unreadable(name, read)] };
  if (read.value === undefined) {
    const fault = `${name}: damaged, or of another version than ${LEAVES_VERSION}; a shard whose`;
    return { ...base, byteCount, faults: [`${fault} manifest names it does not open`] };
  }
  const { sequence, leaves } = read.value;
  const rows = [
    ['leaves', String(leaves.length / 2)],
    ['as of', `sequence ${sequence}`],
  ] as const;
  return { name, kind: 'leaves', version: LEAVES_VERSION, byteCount, rows, faults: [] };
}

/** Nobody reads what is in it; but zeros are what a full disk gives up in one piece. */
function explainReserve({ disk, name }: FileToExplain): FileExplanation {
  const base = { name, kind: 'reserve', version: 0, rows: [] } as const;
  const file = disk.open(name, 'read');
  if (!file.ok) return { ...base, byteCount: 0, faults: [unreadable(name, file)] };
  const size = disk.size(file.value);
  const probe = readWhole(disk, file.value, new Uint8Array(1), 0);
  disk.close(file.value);
  if (!size.ok) return { ...base, byteCount: 0, faults: [unreadable(name, size)] };
  const faults = probe.ok ? [] : [unreadable(name, probe)];
  return { ...base, byteCount: size.value, faults };
}
