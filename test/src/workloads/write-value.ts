/**
 * Values as invertible functions of (seed, client, operation): a name, and padding that follows from
 * it, so that any byte out of place shows. Sizes reach from nothing to above what a node takes.
 *
 * Invariants:
 *   WV1 a value that reads back is, byte for byte, the one that its write put
 *   WV2 no two writes of a seed put one value
 */
import { Buffer } from 'node:buffer';
import { Prng } from '@clockwise/kernel/prng';

export interface ValueName {
  readonly client: number;
  readonly operation: number;
}

export interface ValueSizes {
  /** Bytes of what this run means to store. */
  readonly byteCountMax: number;
  /** The nodes' limit. What is longer must be refused. */
  readonly byteCountLimit: number;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz012345';
/** Five bits make a letter, a word six. */
const LETTER_CODES: Uint8Array = Uint8Array.from(LETTERS, (letter) => letter.charCodeAt(0));
const LETTERS_A_WORD = 6;
const SHORT_PADDING = 64;
/** The empty value has no room for a name: one write of a run puts it, one of this client's first. */
const EMPTY_CLIENT = 0;
const EMPTY_OPERATION_MAX = 12;

/** Of any size: nothing, a short name, what fits, the limit, more than that. */
export function drawValue(seed: string, name: ValueName, sizes: ValueSizes): string {
  if (isEmptyName(seed, name)) return '';
  const { byteCountMax, byteCountLimit } = sizes;
  const head = headOf(seed, name);
  const prng = new Prng(`${head}shape`);
  const shape = prng.unit();
  if (shape < 0.08) return `${name.client}.${name.operation}${lettersOf(prng, 2)}`;
  if (shape < 0.1) return head + lettersOf(prng, byteCountLimit + prng.below(byteCountLimit));
  if (shape < 0.12) return head + lettersOf(prng, Math.max(1, byteCountLimit - head.length));
  return makeValue(seed, name, byteCountMax);
}

/** `seed|client.operation|padding`, at most `byteCountMax` long. */
export function makeValue(seed: string, name: ValueName, byteCountMax: number): string {
  const head = headOf(seed, name);
  const prng = new Prng(head);
  const room = Math.max(0, byteCountMax - head.length);
  const length = prng.chance(0.4) ? room : prng.below(Math.min(room, SHORT_PADDING) + 1);
  return head + lettersOf(prng, length);
}

/** The name of a drawn value. Undefined: no write of this seed put that. */
export function readValue(seed: string, value: string, sizes: ValueSizes): ValueName | undefined {
  const name = nameIn(seed, value);
  return name !== undefined && drawValue(seed, name, sizes) === value ? name : undefined;
}

function nameIn(seed: string, value: string): ValueName | undefined {
  if (value === '') return { client: EMPTY_CLIENT, operation: emptyOperation(seed) };
  const short = /^(\d+)\.(\d+)[a-z0-5]{2}$/.exec(value);
  if (short !== null) return { client: Number(short[1]), operation: Number(short[2]) };
  const match = /^(.*)\|(\d+)\.(\d+)\|[a-z0-5]*$/.exec(value);
  if (match === null || match[1] !== seed) return undefined;
  return { client: Number(match[2]), operation: Number(match[3]) };
}

function headOf(seed: string, { client, operation }: ValueName): string {
  return `${seed}|${client}.${operation}|`;
}

function isEmptyName(seed: string, { client, operation }: ValueName): boolean {
  return client === EMPTY_CLIENT && operation === emptyOperation(seed);
}

function emptyOperation(seed: string): number {
  return new Prng(`${seed}|empty`).below(EMPTY_OPERATION_MAX);
}

function lettersOf(prng: Prng, count: number): string {
  // As bytes first: a text put together from hundreds of pieces is copied piece by piece.
  const letters = Buffer.allocUnsafe(count + LETTERS_A_WORD);
  for (let at = 0; at < count; at += LETTERS_A_WORD) {
    const word = prng.word();
    letters[at] = LETTER_CODES[word & 31]!;
    letters[at + 1] = LETTER_CODES[(word >>> 5) & 31]!;
    letters[at + 2] = LETTER_CODES[(word >>> 10) & 31]!;
    letters[at + 3] = LETTER_CODES[(word >>> 15) & 31]!;
    letters[at + 4] = LETTER_CODES[(word >>> 20) & 31]!;
    letters[at + 5] = LETTER_CODES[(word >>> 25) & 31]!;
  }
  return letters.toString('latin1', 0, count);
}
