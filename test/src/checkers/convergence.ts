/**
 * O4, convergence: after everything came to rest, each primary of a key holds the same values under
 * the same context, byte for byte.
 *
 * Invariants:
 *   O4 all primaries answer alike
 */
import { type KeyName, nameOfKey, type Violation } from './history.ts';

/** What one primary answered of a key by itself: the words of the answer's body. */
export interface ReplicaState extends KeyName {
  readonly node: string;
  readonly words: Int32Array;
}

export function checkConvergence(states: readonly ReplicaState[]): Violation[] {
  const byKey = new Map<string, ReplicaState[]>();
  for (const state of states) {
    const name = nameOfKey(state);
    byKey.set(name, [...(byKey.get(name) ?? []), state]);
  }
  return [...byKey].flatMap(([name, replicas]) => {
    const [first, ...others] = replicas;
    const differing = others.filter((other) => !isEqualWords(first!.words, other.words));
    if (differing.length === 0) return [];
    const nodes = differing.map(({ node }) => node).join(', ');
    return [{ oracle: 'O4', text: `${name}: ${nodes} and ${first!.node} hold different versions` }];
  });
}

export function isEqualWords(left: Int32Array, right: Int32Array): boolean {
  return left.length === right.length && left.every((word, index) => word === right[index]);
}
