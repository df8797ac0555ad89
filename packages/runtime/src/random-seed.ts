/** Where the seeds of the cores' generators come from in the real world: the operating system. */
import { randomBytes } from 'node:crypto';

/** 128 random bits as hexadecimal text. */
export function randomSeed(): string {
  return randomBytes(16).toString('hex');
}
