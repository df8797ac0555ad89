/** Where a key of a test lies: its partition, by the product's own token. */
import { computeToken, partitionOf, type Token } from '@clockwise/placement/token';
import { writeBytes } from '@clockwise/record/build';
import { paddedWords } from '@clockwise/record/layout';
import { bytesOf } from './client-identity.ts';

export function partitionOfKey(bucketId: number, key: string, partitionBits: number): number {
  const bytes = bytesOf(key);
  const words = new Int32Array(paddedWords(bytes.length));
  writeBytes(words, 0, bytes);
  const token: Token = { high: 0, low: 0 };
  computeToken(token, bucketId, words, 0, bytes.length);
  return partitionOf(token.high, partitionBits);
}
