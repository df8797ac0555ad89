/** Values as text: for people, for the next program, and as JSON that says what a JSON value cannot. */
import type { Key, Value } from '@clockwise/client';

/** What a person reads: text as it is, structures as indented JSON, bytes as base64. */
export function shownValue(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return `${base64(value)} (base64 of ${value.length} bytes)`;
  return JSON.stringify(value, null, 2);
}

/** On one line. */
export function shortValue(value: Value): string {
  if (typeof value === 'string' || value instanceof Uint8Array) return shownValue(value);
  return JSON.stringify(value);
}

/** For the next program: text and bytes as they are, structures as one line of JSON. */
export function rawValue(value: Value): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  return JSON.stringify(value);
}

/** In JSON a value stands as `value`; bytes, which JSON has not, as `bytes` in base64. */
export function jsonValue(value: Value): { readonly value: unknown } | { readonly bytes: string } {
  return value instanceof Uint8Array ? { bytes: base64(value) } : { value };
}

export function shownKey(key: Key): string {
  return typeof key === 'string' ? key : `base64:${base64(key)}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
