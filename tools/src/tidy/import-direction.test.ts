import { test } from 'uvu';
import { assertFinds, type Example } from './bad-example.ts';
import { importDirection } from './import-direction.ts';

function manifest(...dependencies: string[]): string {
  const entries = dependencies.map((name) => [name, '1.0.0']);
  return JSON.stringify({ dependencies: Object.fromEntries(entries) });
}

const ROOT: Example = { 'package.json': '{ "devDependencies": { "uvu": "1" } }' };
const REPLICA = 'packages/actors/replica';
const RULES: readonly (readonly [rule: string, example: Example, expected: readonly RegExp[]])[] = [
  [
    'what points down, and is declared, may be imported',
    {
      [`${REPLICA}/package.json`]: manifest('@clockwise/kernel'),
      [`${REPLICA}/src/a.ts`]: "import { assert } from '@clockwise/kernel/assert';",
      [`${REPLICA}/src/a.test.ts`]: "import { test } from 'uvu';\nimport { a } from './a.ts';",
    },
    [],
  ],
  [
    'an actor never imports another actor',
    {
      [`${REPLICA}/package.json`]: manifest('@clockwise/gossiper'),
      [`${REPLICA}/src/a.ts`]: "\nimport type { B } from '@clockwise/gossiper/b';",
    },
    [
      /replica\/package.json:0 may not depend on @clockwise\/gossiper/,
      /src\/a.ts:2 may not import/,
    ],
  ],
  [
    'an actor never imports a runtime, not even lazily',
    {
      [`${REPLICA}/package.json`]: manifest(),
      [`${REPLICA}/src/a.ts`]: "const b = import('@clockwise/runtime/b');",
    },
    [/may not import @clockwise\/runtime\/b/],
  ],
  [
    'libraries do not know each other',
    { 'packages/storage/src/a.ts': "export { b } from '@clockwise/protocol/b';" },
    [/may not import @clockwise\/protocol\/b/],
  ],
  [
    'an import needs its line in package.json',
    {
      'packages/server/package.json': manifest(),
      'packages/server/src/a.ts': "import '@clockwise/runtime/b';\nimport ws from 'ws';",
    },
    [/:1 @clockwise\/runtime is not in package.json/, /:2 ws is not in package.json/],
  ],
  [
    'what serves tests is for tests only',
    { 'packages/kernel/src/a.ts': "import { test } from 'uvu';" },
    [/uvu is not in package.json/],
  ],
  [
    'a relative import stays in its package and names the source',
    { 'packages/kernel/src/a.ts': "import '../../record/src/b.ts';\nimport './c.js';" },
    [/:1 .* leaves the package/, /:2 \.\/c\.js must end in \.ts/],
  ],
  [
    'an import in a comment or a string is none',
    { 'packages/kernel/src/a.ts': "// import 'ws';\nconst a = \"import 'ws'\";" },
    [],
  ],
  [
    'a new package needs its place',
    { 'packages/new/package.json': '{}' },
    [/no place in the layers/],
  ],
];

for (const [rule, example, expected] of RULES) {
  test(rule, () => assertFinds(importDirection, { ...ROOT, ...example }, expected));
}

test.run();
