/**
 * Where a scan stands, as text that a caller can keep and hand back: the partition, and the last
 * object seen in it.
 *
 * Invariants:
 *   SC1 the text form reads back equal, and anything else is refused
 */
import { unreachable } from '@clockwise/kernel/assert';
import { badRequest } from './errors.ts';
import type { ScanPosition } from './results.ts';

export type ScanCursor =
  | { readonly kind: 'start'; readonly partition: number }
  | { readonly kind: 'behind'; readonly partition: number; readonly position: ScanPosition }
  | { readonly kind: 'end' };

const FORM = /^1\.(?:(e)|s(\d{1,10})|b(\d{1,10})\.([0-9a-f]{8})([0-9a-f]{8})\.((?:[0-9a-f]{2})+))$/;

export function cursorText(cursor: ScanCursor): string {
  switch (cursor.kind) {
    case 'end':
      return '1.e';
    case 'start':
      return `1.s${cursor.partition}`;
    case 'behind': {
      const { tokenHigh, tokenLow, key } = cursor.position;
      const keyHex = Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return `1.b${cursor.partition}.${wordHex(tokenHigh)}${wordHex(tokenLow)}.${keyHex}`;
    }
    default:
      return unreachable(cursor);
  }
}

export function parseCursor(text: string): ScanCursor {
  const match = FORM.exec(text);
  if (match === null) throw badRequest('this is not the cursor of a scan');
  const [, end, start, behind, high, low, keyHex] = match;
  if (end !== undefined) return { kind: 'end' };
  if (start !== undefined) return { kind: 'start', partition: Number(start) };
  const pairs = keyHex?.match(/../g) ?? [];
  const position = {
    tokenHigh: Number.parseInt(high ?? '', 16) | 0,
    tokenLow: Number.parseInt(low ?? '', 16) | 0,
    key: Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)),
  };
  return { kind: 'behind', partition: Number(behind), position };
}

function wordHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
