// For the rules' tests: trees of a few files that break a rule, or do not.
import * as assert from 'uvu/assert';
import { makeTree, type Rule } from './tree.ts';

/** Paths and texts, in pairs. */
export type Example = Readonly<Record<string, string>>;

/** What the rule finds, as `path:line message`. */
export function findings(rule: Rule, example: Example): readonly string[] {
  const texts = Object.entries(example).map(([path, text]) => ({ path, text }));
  return rule.check(makeTree(texts)).map(({ path, line, message }) => `${path}:${line} ${message}`);
}

export function assertFinds(rule: Rule, example: Example, expected: readonly RegExp[]): void {
  const found = findings(rule, example);
  assert.is(found.length, expected.length, `found ${JSON.stringify(found)}`);
  for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern);
}
