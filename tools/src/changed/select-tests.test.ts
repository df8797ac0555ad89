import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeTree } from '../tidy/tree.ts';
import { selectTests } from './select-tests.ts';

const TREE = makeTree(
  Object.entries({
    'packages/kernel/package.json': '{}',
    'packages/kernel/src/prng.ts': '',
    'packages/kernel/src/prng.test.ts': "import { Prng } from './prng.ts';",
    'packages/kernel/src/assert.test.ts': '',
    'packages/record/package.json': '{}',
    'packages/record/src/copy.test.ts': "import { Prng } from '@clockwise/kernel/prng';",
    'packages/record/src/layout.test.ts': '',
    'test/package.json': '{}',
    'test/src/laws.test.ts': "import { Prng } from '@clockwise/kernel/prng';",
    'test/src/other.test.ts': '',
    'test/src/cluster/kill.test.ts': "import { Prng } from '@clockwise/kernel/prng';",
  }).map(([path, text]) => ({ path, text })),
);

test('a changed source asks for the tests of its package and for direct importers', () => {
  assert.equal(selectTests(TREE, new Set(['packages/kernel/src/prng.ts'])), [
    'packages/kernel/src/prng.test.ts',
    'packages/kernel/src/assert.test.ts',
    'packages/record/src/copy.test.ts',
    'test/src/laws.test.ts',
  ]);
});

test('in test/ a changed test asks for itself only, also one with a whole cluster', () => {
  assert.equal(selectTests(TREE, new Set(['test/src/cluster/kill.test.ts'])), [
    'test/src/cluster/kill.test.ts',
  ]);
});

test('a changed page of documentation asks for no test', () => {
  assert.equal(selectTests(TREE, new Set(['README.md', 'package.json'])), []);
});

test.run();
