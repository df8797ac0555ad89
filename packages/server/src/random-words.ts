/** 64 random bits as two words, from the operating system. */
import { randomBytes } from 'node:crypto';

export interface RandomWords {
  readonly low: number;
  readonly high: number;
}

export function randomWords(): RandomWords {
  const bytes = randomBytes(8);
  return { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) };
}
