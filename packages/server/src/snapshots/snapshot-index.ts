/**
 * The names of a node's snapshots: snapshots.json in its data folder. Shards know numbers alone; one
 * number is one snapshot, in every shard of the node.
 *
 * Invariants:
 *   SI1 the file is there whole or not at all: written aside, synced, renamed, folder synced
 *   SI2 a name given by a user stands in this file, and is never the name of one
 *   SI3 a file that cannot be read, or is of another version, is never written over
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { snapshotPrefix } from '@clockwise/storage/file-names';
import * as v from 'valibot';
import type { AdminRefusal } from './snapshot-report.ts';

export interface IndexedSnapshot {
  readonly name: string;
  readonly number: number;
  readonly state: 'making' | 'made' | 'dropping';
  /** ISO 8601. */
  readonly createdAt: string;
}

export type IndexResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: AdminRefusal; readonly reasons: readonly string[] };

const FORMAT = 1;
const INDEX = v.strictObject({
  format: v.literal(FORMAT),
  snapshots: v.array(
    v.strictObject({
      name: v.string(),
      number: v.pipe(v.number(), v.integer(), v.minValue(1)),
      state: v.picklist(['making', 'made', 'dropping']),
      createdAt: v.string(),
    }),
  ),
});

export interface SnapshotIndex {
  /** [SI3] No file: no names. */
  read(): Promise<IndexResult<readonly IndexedSnapshot[]>>;
  /** [SI1] REQUIRES: it was read before. Ok: durable. */
  write(snapshots: readonly IndexedSnapshot[]): Promise<IndexResult<null>>;
}

export function indexIn(dataFolder: string): SnapshotIndex {
  return {
    read: () => readIndex(dataFolder),
    write: (snapshots) => writeIndex(dataFolder, snapshots),
  };
}

function indexFile(dataFolder: string): string {
  return path.join(dataFolder, 'snapshots.json');
}

async function readIndex(dataFolder: string): Promise<IndexResult<readonly IndexedSnapshot[]>> {
  const file = indexFile(dataFolder);
  let text: string;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, value: [] };
    return refusalOf(file, error);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), INDEX), text);
  if (parsed.success) return { ok: true, value: parsed.output.snapshots };
  const reason = `${file} cannot be used: ${parsed.issues[0].message}`;
  const way = 'move it away: its snapshots are then called by their numbers';
  return { ok: false, code: 'FAILED', reasons: [reason, way] };
}

async function writeIndex(
  dataFolder: string,
  snapshots: readonly IndexedSnapshot[],
): Promise<IndexResult<null>> {
  const file = indexFile(dataFolder);
  const aside = `${file}.new`;
  try {
    const text = `${JSON.stringify({ format: FORMAT, snapshots }, null, 2)}\n`;
    await fs.writeFile(aside, text, { flush: true });
    await fs.rename(aside, file);
    const folder = await fs.open(dataFolder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return { ok: true, value: null };
  } catch (error) {
    return refusalOf(file, error);
  }
}

/** [SI2] What a snapshot without a name is called. */
export function nameOfNumber(snapshotNumber: number): string {
  return snapshotPrefix(snapshotNumber).slice(0, -1);
}

/** The number in such a name. */
export function numberInName(name: string): number | undefined {
  const match = NUMBERED.exec(name);
  return match === null ? undefined : parseInt(match[1]!, 16);
}

const NUMBERED = /^snapshot-([0-9a-f]{8})$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What is wrong with a name that a user gives; undefined: nothing. */
export function nameFault(name: string): string | undefined {
  if (!NAME.test(name)) {
    return `a name has 1 to 64 letters, digits, dots, dashes or underscores, not "${name}"`;
  }
  return NUMBERED.test(name) ? `${name} is what one without a name is called` : undefined;
}

/** Errors of the system are told; others are faults of this program. */
function refusalOf(file: string, error: unknown): Extract<IndexResult<never>, { ok: false }> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return { ok: false, code: isFull ? 'DISK_FULL' : 'FAILED', reasons: [`${file}: ${message}`] };
}
