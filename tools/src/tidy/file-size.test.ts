import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { fileSize } from './file-size.ts';

test('a file of 500 lines passes, one of 501 does not', () => {
  assertFinds(
    fileSize,
    {
      'packages/kernel/src/long.ts': 'a();\n'.repeat(500),
      'packages/kernel/src/longer.ts': '// data plane\n'.repeat(501),
    },
    [/longer.ts:0 501 lines/],
  );
});

test.run();
