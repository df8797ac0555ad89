import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { invariants } from './invariants.ts';

const FOLDER = 'packages/placement/src';
const HEADER =
  '/**\n * The walk.\n *\n * Invariants:\n *   W1 distinct nodes\n * W2: racks first\n */\n';

function titles(...ids: string[]): string {
  return ids.map((id) => `test('[${id}] holds', () => {});`).join('\n');
}

test('an invariant that no test names is found, with its line', () => {
  assertFinds(invariants, { [`${FOLDER}/walk.ts`]: HEADER }, [
    /walk.ts:5 no test names \[W1\]/,
    /walk.ts:6 no test names \[W2\]/,
  ]);
});

test('a test of the package names it, in a string and not in a comment', () => {
  assertFinds(
    invariants,
    { [`${FOLDER}/walk.ts`]: HEADER, [`${FOLDER}/b.test.ts`]: `${titles('W1')}\n// [W2]\na[W2];` },
    [/no test names \[W2\]/],
  );
});

test('one title may name several', () => {
  assertFinds(
    invariants,
    { [`${FOLDER}/walk.ts`]: HEADER, [`${FOLDER}/walk.test.ts`]: titles('W1, W2') },
    [],
  );
});

test('a test in test/ counts when it imports the package', () => {
  assertFinds(
    invariants,
    {
      [`${FOLDER}/walk.ts`]: HEADER,
      'test/src/a.test.ts': `import { walk } from '@clockwise/placement/walk';\n${titles('W1')}`,
      'test/src/b.test.ts': titles('W2'),
    },
    [/no test names \[W2\]/],
  );
});

test('an id that two files of a package declare is named by the test of each', () => {
  assertFinds(
    invariants,
    {
      [`${FOLDER}/a.ts`]: '// W1 one thing\n',
      [`${FOLDER}/b.ts`]: '// W1 another thing\n',
      [`${FOLDER}/a.test.ts`]: titles('W1'),
    },
    [/placement\/src\/b.ts:1 no test names \[W1\]/],
  );
});

test('an id inside a sentence of the header, or after it, declares nothing', () => {
  const text = '// See P1 and (P2).\n// HTTP is not one.\nexport {};\n// P3 in the body\n';
  assertFinds(invariants, { [`${FOLDER}/a.ts`]: text }, []);
});

test.run();
