/**
 * Values as invertible functions of (seed, client, operation): a name, and padding that follows from
 * it, so that any byte out of place shows. Sizes reach from nothing to above what a node takes.
 *
 * Invariants:
 *   WV1 a value that reads back is, byte for byte, the one that its write put
 *   WV2 no two writes of a seed put one value
 */
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
/** Five bits make a letter; two letters at once are half the work. */
const PAIRS: readonly string[] = Array.from(
  { length: 1024 },
  (_, index) => LETTERS[index & 31]! + LETTERS[index >> 5]!,
);
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
  let letters = '';
  while (letters.length < count) {
    const word = prng.word();
    letters += PAIRS[word & 1023]! + PAIRS[(word >>> 10) & 1023]! + PAIRS[(word >>> 20) & 1023]!;
  }
  return letters.slice(0, count);
}
