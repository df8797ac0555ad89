import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { names } from './names.ts';

test('names that refuse nothing are refused, for folders and files', () => {
  assertFinds(
    names,
    {
      'packages/kernel/src/utils/a.ts': '',
      'packages/kernel/src/helpers.ts': '',
      'test/common/a.json': '',
      'bench/src/misc.test.ts': '',
    },
    [/"utils"/, /"helpers.ts"/, /"common"/, /"misc.test.ts"/],
  );
});

test('only the client has an index.ts', () => {
  assertFinds(names, { 'packages/kernel/src/index.ts': '', 'packages/client/src/index.ts': '' }, [
    /kernel\/src\/index.ts:0 no barrels/,
  ]);
});

test('sources are named in kebab-case', () => {
  assertFinds(
    names,
    { 'packages/kernel/src/putCore.ts': '', 'packages/kernel/src/put-core.test.ts': '' },
    [/putCore.ts:0 file names are kebab-case/],
  );
});

test.run();
