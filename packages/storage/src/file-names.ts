/**
 * The names of the store's files. A name is made from numbers that are never given twice, and read
 * back strictly: what does not parse is not ours and is left alone.
 *
 *     manifest-0000000a            edition 10 of the manifest
 *     log-00000003-00000007        segment 7 of the log of the 3rd opening of the store
 *     table-0000000c, leaves-...   numbered by the manifest's one counter
 *     reserve-00000002             zeros, whose room the log takes when the disk is full
 *     snapshot-00000005.NAME       the file NAME of snapshot 5
 *     tail-copy                    a segment, before it takes the segment's name
 */

/** What holds data, in a store's folder and in a snapshot. */
export type DataFile =
  | { readonly kind: 'manifest'; readonly edition: number }
  | { readonly kind: 'log'; readonly opening: number; readonly index: number }
  | { readonly kind: 'table'; readonly fileNumber: number }
  | { readonly kind: 'leaves'; readonly fileNumber: number };

export type StoreFile =
  | DataFile
  | { readonly kind: 'reserve'; readonly reserveNumber: number }
  | { readonly kind: 'snapshot'; readonly snapshotNumber: number; readonly file: DataFile };

function hexadecimal(value: number): string {
  return value.toString(16).padStart(8, '0');
}

export function manifestName(edition: number): string {
  return `manifest-${hexadecimal(edition)}`;
}
export function logName(opening: number, index: number): string {
  return `log-${hexadecimal(opening)}-${hexadecimal(index)}`;
}
export function tableName(fileNumber: number): string {
  return `table-${hexadecimal(fileNumber)}`;
}
export function leavesName(fileNumber: number): string {
  return `leaves-${hexadecimal(fileNumber)}`;
}
export function reserveName(reserveNumber: number): string {
  return `reserve-${hexadecimal(reserveNumber)}`;
}
/** A segment of the log while an opening makes its end durable; left behind, it is nobody's. */
export const TAIL_COPY_NAME = 'tail-copy';

/** What the names of a snapshot's files begin with. */
export function snapshotPrefix(snapshotNumber: number): string {
  return `snapshot-${hexadecimal(snapshotNumber)}.`;
}

const NUMBERED = /^(manifest|table|leaves|reserve)-([0-9a-f]{8})$/;
const LOG = /^log-([0-9a-f]{8})-([0-9a-f]{8})$/;
const SNAPSHOT = /^snapshot-([0-9a-f]{8})\.(.+)$/;

/** Undefined: not a name of the store's. */
export function parseFileName(name: string): StoreFile | undefined {
  const snapshot = SNAPSHOT.exec(name);
  if (snapshot !== null) return snapshotFile(parseInt(snapshot[1]!, 16), snapshot[2]!);
  const log = LOG.exec(name);
  if (log !== null) {
    return { kind: 'log', opening: parseInt(log[1]!, 16), index: parseInt(log[2]!, 16) };
  }
  const numbered = NUMBERED.exec(name);
  if (numbered === null) return undefined;
  const value = parseInt(numbered[2]!, 16);
  switch (numbered[1]) {
    case 'manifest':
      return { kind: 'manifest', edition: value };
    case 'table':
      return { kind: 'table', fileNumber: value };
    case 'reserve':
      return { kind: 'reserve', reserveNumber: value };
    default:
      return { kind: 'leaves', fileNumber: value };
  }
}

function snapshotFile(snapshotNumber: number, name: string): StoreFile | undefined {
  const file = parseFileName(name);
  if (file === undefined || file.kind === 'reserve' || file.kind === 'snapshot') return undefined;
  return { kind: 'snapshot', snapshotNumber, file };
}
