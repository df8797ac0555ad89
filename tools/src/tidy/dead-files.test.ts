import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { deadFiles } from './dead-files.ts';

test('a file that only its own test imports is dead', () => {
  assertFinds(
    deadFiles,
    {
      'packages/kernel/src/a.ts': '',
      'packages/kernel/src/a.test.ts': "import { a } from './a.ts';",
    },
    [/kernel\/src\/a.ts:0 nothing but its own test uses it/],
  );
});

test('a file lives that another file imports, loads as a worker, or another package names', () => {
  assertFinds(
    deadFiles,
    {
      'packages/kernel/package.json': '{}',
      'packages/kernel/src/a.ts': "import { b } from './b.ts';",
      'packages/kernel/src/b.ts': "const c = new URL('./deep/c.js', import.meta.url);",
      'packages/kernel/src/deep/c.ts': '',
      'test/src/x.test.ts': "import { a } from '@clockwise/kernel/a';",
    },
    [],
  );
});

test('a file lives where something starts', () => {
  assertFinds(
    deadFiles,
    {
      'package.json': '{ "scripts": { "sim": "node test/dist/sim.js" } }',
      'test/src/sim.ts': '',
      'packages/cli/package.json': '{ "bin": { "clockwise": "./dist/clockwise.js" } }',
      'packages/cli/src/clockwise.ts': '',
      'packages/server/src/workers/replica.ts': '',
      'packages/server/src/pool/flush.ts': '',
      'packages/client/src/index.ts': '',
      'tools/verify.mjs': "run('tools/dist/tidy.js');",
      'tools/src/tidy.ts': '',
    },
    [],
  );
});

test.run();
