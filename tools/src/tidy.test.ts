// tidy, on this repository.
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findingLine, RULES } from './tidy/rules.ts';
import { readTree } from './tidy/tree.ts';

const tree = readTree(fileURLToPath(new URL('../..', import.meta.url)));

test('tidy sees the workspace', () => {
  assert.ok(tree.sources.some((file) => file.path === 'packages/kernel/src/core.ts'));
  assert.ok(tree.manifests.some((manifest) => manifest.folder === 'packages/actors/replica'));
});

for (const rule of RULES) {
  test(`nothing breaks the rule ${rule.name}`, () => {
    const lines = rule.check(tree).map(findingLine);
    // Not in the assertion's text, which uvu would print twice.
    if (lines.length > 0) console.log(`${rule.name}:\n  ${lines.join('\n  ')}`);
    assert.is(lines.length, 0, 'the findings are in what this file wrote');
  });
}

test.run();
