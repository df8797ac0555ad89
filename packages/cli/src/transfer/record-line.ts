/**
 * One object as one line of JSON, both ways: what `export` prints and `import` reads.
 *
 *     {"key":"k","value":V}                        V: any JSON; a string is stored as text,
 *                                                  everything else as a structure
 *     {"key":"k","bytes":"BASE64"}                 a value that is bytes
 *     {"key":"k","value":V,"expires":SECONDS}      since 1970
 *     {"key":"k","siblings":[{"value":V}, ...]}    concurrent values
 *     {"keyBytes":"BASE64", ...}                   a key that is no UTF-8
 *
 * The canonical form of a line is what JSON.stringify prints: no blanks, fields in their order,
 * numbers as short as they can be. A canonical line that is imported is exported byte for byte. Any
 * other line is stored with the same meaning as far as JSON.parse keeps it, exported canonically, and
 * counted by the import.
 *
 * Invariants:
 *   RL1 a line that is canonical reads and prints as the same bytes
 *   RL2 a line that holds anything that would not be stored is refused with a reason
 */
import type { Key, Value } from '@clockwise/client';
import { jsonValue } from '../value-text.ts';

export interface Sibling {
  readonly value: Value;
  /** Seconds since 1970; 0: never. */
  readonly expirySeconds: number;
}

export type RecordLine =
  | {
      readonly ok: true;
      readonly key: Key;
      /** At least one. */
      readonly siblings: readonly Sibling[];
      readonly isCanonical: boolean;
    }
  | { readonly ok: false; readonly reason: string; readonly key: Key | undefined };

const SECONDS_MAX = 0xffff_ffff;

/** REQUIRES: there is a sibling. */
export function recordLineText(key: Key, siblings: readonly Sibling[]): string {
  const [first] = siblings;
  const body =
    siblings.length === 1 && first !== undefined
      ? siblingJson(first)
      : { siblings: siblings.map(siblingJson) };
  const head =
    typeof key === 'string' ? { key } : { keyBytes: Buffer.from(key).toString('base64') };
  return JSON.stringify({ ...head, ...body });
}

export function parseRecordLine(text: string): RecordLine {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: `no JSON: ${(error as Error).message}`, key: undefined };
  }
  if (!isObject(content)) return { ok: false, reason: 'no JSON object', key: undefined };
  const { key: keyText, keyBytes, ...body } = content;
  const key = keyOf(keyText, keyBytes);
  if (key === undefined) {
    return { ok: false, reason: 'it needs "key" (text) or "keyBytes" (base64)', key };
  }
  const siblings = siblingsOf(body);
  if (typeof siblings === 'string') return { ok: false, reason: siblings, key };
  return { ok: true, key, siblings, isCanonical: recordLineText(key, siblings) === text };
}

function siblingJson({ value, expirySeconds }: Sibling): object {
  return { ...jsonValue(value), ...(expirySeconds === 0 ? {} : { expires: expirySeconds }) };
}

function keyOf(text: unknown, bytes: unknown): Key | undefined {
  if (typeof text === 'string') return bytes === undefined ? text : undefined;
  return text === undefined ? bytesOf(bytes) : undefined;
}

/** What is wrong, as text; or the siblings. */
function siblingsOf(body: Record<string, unknown>): readonly Sibling[] | string {
  const { siblings: list, ...rest } = body;
  if (list === undefined) {
    const one = siblingOf(body);
    return typeof one === 'string' ? one : [one];
  }
  const [extra] = Object.keys(rest);
  if (extra !== undefined) return `"${extra}" cannot stand beside "siblings"`;
  if (!Array.isArray(list) || list.length === 0) return '"siblings" is no list with a value in it';
  const siblings: Sibling[] = [];
  for (const item of list as readonly unknown[]) {
    const one = isObject(item) ? siblingOf(item) : 'a sibling is no object';
    if (typeof one === 'string') return one;
    siblings.push(one);
  }
  return siblings;
}

function siblingOf(body: Record<string, unknown>): Sibling | string {
  const { value, bytes, expires, ...rest } = body;
  const [extra] = Object.keys(rest);
  if (extra !== undefined) return `it has a field that cannot be stored: "${extra}"`;
  const isInTime = Number.isInteger(expires) && (expires as number) >= 1;
  if (expires !== undefined && !(isInTime && (expires as number) <= SECONDS_MAX)) {
    return '"expires" is no number of seconds since 1970';
  }
  const expirySeconds = expires === undefined ? 0 : (expires as number);
  if ((value === undefined) === (bytes === undefined)) return 'it needs one of "value" and "bytes"';
  if (value !== undefined) return { value: value as Value, expirySeconds };
  const decoded = bytesOf(bytes);
  return decoded === undefined ? '"bytes" is no base64' : { value: decoded, expirySeconds };
}

/** Base64 in its one canonical spelling. */
function bytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
