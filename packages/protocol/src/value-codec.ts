/**
 * Values to bytes and back, by codec id (VALUE_CODEC): a string is UTF-8 text, a Uint8Array is
 * itself, everything else is structured (structured-value.ts). Failure is a value: bytes come from
 * other programs, values from callers.
 *
 * Invariants:
 *   VC1 what is encoded decodes to an equal value
 */
import { VALUE_CODEC } from '@clockwise/record/layout';
import { decodeStructured, encodeStructured } from './structured-value.ts';
import type { StructuredRejection, StructuredValue } from './structured-value.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export type Value = StructuredValue | Uint8Array;

export type ValueRejection = StructuredRejection | 'codecUnknown';

export type EncodedValue =
  | { readonly ok: true; readonly codec: number; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: ValueRejection };

export type DecodedValue =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: ValueRejection };

export function encodeValue(value: Value): EncodedValue {
  if (typeof value === 'string') {
    const bytes = encodeUtf8(value);
    if (bytes === undefined) return { ok: false, reason: 'textMalformed' };
    return { ok: true, codec: VALUE_CODEC.text, bytes };
  }
  if (value instanceof Uint8Array) return { ok: true, codec: VALUE_CODEC.bytes, bytes: value };
  const encoded = encodeStructured(value);
  if (!encoded.ok) return encoded;
  return { ok: true, codec: VALUE_CODEC.structured, bytes: encoded.bytes };
}

export function decodeValue(codec: number, bytes: Uint8Array): DecodedValue {
  switch (codec) {
    case VALUE_CODEC.bytes:
      return { ok: true, value: bytes };
    case VALUE_CODEC.text: {
      const value = decodeUtf8(bytes);
      return value === undefined ? { ok: false, reason: 'textMalformed' } : { ok: true, value };
    }
    case VALUE_CODEC.structured:
      return decodeStructured(bytes);
    default:
      return { ok: false, reason: 'codecUnknown' };
  }
}
