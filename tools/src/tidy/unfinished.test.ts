import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { unfinished } from './unfinished.ts';

test('a mark for later is found, in code and comments, in plain scripts and configuration', () => {
  const mark = 'TO DO'.replace(' ', '');
  assertFinds(
    unfinished,
    {
      'packages/kernel/src/a.ts': `a();\n// ${mark}: b`,
      'tools/a.mjs': `// ${'FIX ME'.replace(' ', '')}`,
      'packages/kernel/src/b.ts': `const ${mark.toLowerCase()} = 'all of it';`,
    },
    [/a.ts:2 a mark for later/, /a.mjs:1 a mark for later/],
  );
});

test('a test that is kept from running is found', () => {
  assertFinds(
    unfinished,
    { 'packages/kernel/src/a.test.ts': "test.only('a', b);\nwalk.skip('c', d);\nlist.skip(3);" },
    [/a.test.ts:1 a test runs or goes/, /a.test.ts:2 a test runs or goes/],
  );
});

test.run();
