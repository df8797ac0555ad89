/** What tests of the client say in one word: answers with values, and what an operation came to. */
import { encodeValue, type Value } from '@clockwise/protocol/value-codec';
import { ClockwiseError } from './errors.ts';
import type { Script, ScriptedAnswer } from './scripted-node.ts';

/** The context that comes with scripted values. */
export const ENTRY: readonly number[] = [0x1111, 0x2222, 5, 0];

/** One sibling for each value. */
export function valuesAnswer(...values: readonly Value[]): ScriptedAnswer {
  const siblings = values.map((value) => {
    const encoded = encodeValue(value);
    if (!encoded.ok) throw new Error(encoded.reason);
    return encoded;
  });
  return { status: 0, context: ENTRY, siblings };
}

/** What an operation came to: its result, or its error as `CODE outcome`. */
export async function outcomeOf(operation: Promise<unknown>): Promise<unknown> {
  try {
    return await operation;
  } catch (error) {
    if (!(error instanceof ClockwiseError)) throw error;
    return `${error.code} ${error.outcome}`;
  }
}

export function once(first: ScriptedAnswer | undefined, then: ScriptedAnswer): Script {
  let count = 0;
  return () => {
    count += 1;
    return count === 1 ? first : then;
  };
}
