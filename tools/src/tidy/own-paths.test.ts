import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { ownPaths } from './own-paths.ts';

test('a path of one machine is found in any text, and a word like it is not', () => {
  const folder = '/wo rk/'.replace(' ', '');
  const notes = '/tm p/cw'.replace(' ', '');
  assertFinds(
    ownPaths,
    {
      'docs/a.md': `first\nsee ${folder}main`,
      'packages/kernel/src/a.ts': `const a = 'net${folder}b, ./src${folder}c';`,
      'README.md': `in ${notes}/a.md and ${notes}d`,
    },
    [/docs\/a.md:2 /, /README.md:1 /],
  );
});

test.run();
