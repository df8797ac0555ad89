/**
 * The names of the store's files. A name is made from numbers that are never given twice, and read
 * back strictly: what does not parse is not ours and is left alone.
 *
 *     manifest-0000000a            edition 10 of the manifest
 *     log-00000003-00000007        segment 7 of the log of the 3rd opening of the store
 *     table-0000000c, leaves-...   numbered by the manifest's one counter
 */

export type StoreFile =
  | { readonly kind: 'manifest'; readonly edition: number }
  | { readonly kind: 'log'; readonly opening: number; readonly index: number }
  | { readonly kind: 'table'; readonly fileNumber: number }
  | { readonly kind: 'leaves'; readonly fileNumber: number };

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

const NUMBERED = /^(manifest|table|leaves)-([0-9a-f]{8})$/;
const LOG = /^log-([0-9a-f]{8})-([0-9a-f]{8})$/;

/** Undefined: not a name of the store's. */
export function parseFileName(name: string): StoreFile | undefined {
  const log = LOG.exec(name);
  if (log !== null) {
    return { kind: 'log', opening: parseInt(log[1]!, 16), index: parseInt(log[2]!, 16) };
  }
  const numbered = NUMBERED.exec(name);
  if (numbered === null) return undefined;
  const value = parseInt(numbered[2]!, 16);
  if (numbered[1] === 'manifest') return { kind: 'manifest', edition: value };
  if (numbered[1] === 'table') return { kind: 'table', fileNumber: value };
  return { kind: 'leaves', fileNumber: value };
}
