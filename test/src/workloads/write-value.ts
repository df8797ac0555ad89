/**
 * Values as invertible functions of (seed, client, operation): a name, and padding that follows from
 * it, so that any byte out of place shows.
 *
 * Invariants:
 *   WV1 a value that reads back is, byte for byte, the one that its write put
 */
import { Prng } from '@clockwise/kernel/prng';

export interface ValueName {
  readonly client: number;
  readonly operation: number;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz012345';

/** `seed|client.operation|padding`, at most `byteCountMax` long. */
export function makeValue(seed: string, name: ValueName, byteCountMax: number): string {
  const head = `${seed}|${name.client}.${name.operation}|`;
  const prng = new Prng(head);
  const room = Math.max(0, byteCountMax - head.length);
  const length = prng.chance(0.4) ? room : prng.below(Math.min(room, 64) + 1);
  let padding = '';
  for (let index = 0; index < length; index += 1) padding += LETTERS[prng.word() & 31]!;
  return head + padding;
}

/** Undefined: no write of this seed put that. */
export function readValue(
  seed: string,
  value: string,
  byteCountMax: number,
): ValueName | undefined {
  const match = /^(.*)\|(\d+)\.(\d+)\|[a-z0-5]*$/.exec(value);
  if (match === null || match[1] !== seed) return undefined;
  const name = { client: Number(match[2]), operation: Number(match[3]) };
  return makeValue(seed, name, byteCountMax) === value ? name : undefined;
}
