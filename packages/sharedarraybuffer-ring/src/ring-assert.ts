/**
 * The assert of this package, which imports nothing. Asserts stay on in production: a thread that
 * fails one has broken shared memory or is about to, and must die.
 */
export function assertRing(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Error(`sharedarraybuffer-ring: broken rule: ${reason}`);
}
