/**
 * Keys and values as the command line takes them. `-` reads standard input: a key loses one line end,
 * a value is taken byte for byte.
 *
 * Without --as a value that begins with `{` or `[` is JSON and stored structured; everything else is
 * text (or bytes, where standard input is no UTF-8). What begins like JSON and is none is refused, so
 * that no typing error is stored silently.
 *
 * Invariants:
 *   KV1 text is stored as it was given; only what is JSON by its first character, or by --as, is read
 *   KV2 what begins like JSON and is none is refused
 */
import type { Key, Value } from '@clockwise/client';
import { UsageError } from './command.ts';
import type { Terminal } from './terminal.ts';

export type ValueForm = 'auto' | 'json' | 'text' | 'bytes';

export const VALUE_FORMS: readonly ['auto', ...ValueForm[]] = ['auto', 'json', 'text', 'bytes'];

const INPUT_BYTES_MAX = 64 * 1024 * 1024;

export async function keyArgument(argument: string, terminal: Terminal): Promise<Key> {
  if (argument !== '-') return argument;
  const bytes = await inputBytes(terminal);
  const text = decoded(bytes);
  return text === undefined ? bytes : text.replace(/\r?\n$/, '');
}

export async function valueArgument(
  argument: string,
  form: ValueForm,
  terminal: Terminal,
): Promise<Value> {
  if (argument !== '-') {
    return form === 'bytes' ? new TextEncoder().encode(argument) : valueOfText(argument, form);
  }
  const bytes = await inputBytes(terminal);
  if (form === 'bytes') return bytes;
  const text = decoded(bytes);
  if (text !== undefined) return valueOfText(text, form);
  if (form === 'auto') return bytes;
  throw new UsageError(`standard input is no UTF-8; it can be stored with --as bytes`);
}

export function valueOfText(text: string, form: Exclude<ValueForm, 'bytes'>): Value {
  if (form === 'text' || (form === 'auto' && !/^\s*[{[]/.test(text))) return text;
  try {
    return JSON.parse(text) as Value;
  } catch (error) {
    const { message } = error as Error;
    const way = form === 'auto' ? '; to store it as it is: --as text' : '';
    throw new UsageError(`VALUE is no JSON: ${message}${way}`);
  }
}

async function inputBytes(terminal: Terminal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of terminal.input) {
    byteCount += chunk.length;
    if (byteCount > INPUT_BYTES_MAX) throw new UsageError('standard input is longer than 64 MiB');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Undefined where the bytes are no UTF-8. */
export function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
