/**
 * Assertions stay on in production: an actor that fails one dies and is restarted by its supervisor.
 * A programmer's error is an assert; an operating error is a value (see protocol/errors).
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** REQUIRES: `message` says, positively, what must hold. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Ends every switch over a union: a new member fails to compile where nobody decided about it. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
