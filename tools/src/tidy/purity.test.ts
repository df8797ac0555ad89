import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { purity } from './purity.ts';

const CORE = 'packages/actors/replica/src/a.ts';
const IMPURE = [
  'const now = Date.now();',
  'let at: Date;',
  'const chance = Math.random();',
  'const at = performance.now();',
  'async function a() {}',
  'function a(): Promise<void> {}',
  'setTimeout(a, 1);',
  'queueMicrotask(a);',
  'console.log(1);',
  'process.exit(1);',
  'globalThis.a = 1;',
  "import { readFileSync } from 'node:fs';",
  "const fs = import('node:fs');",
  'const text = `${Date.now()}`;',
];

for (const text of IMPURE) {
  test(`a core may not hold: ${text}`, () => {
    assertFinds(purity, { [CORE]: `\n  ${text}` }, [/replica\/src\/a.ts:2 /]);
  });
}

test('a core keeps no state at module level', () => {
  assertFinds(purity, { [CORE]: 'export let count = 0;\n' }, [/state at module level/]);
});

test('the simulator is as pure as what it runs', () => {
  assertFinds(purity, { 'packages/simulator/src/a.ts': 'Date.now();' }, [/`now` is an argument/]);
});

test('comments, strings, names of members, tests and other packages are left alone', () => {
  const text = '// Date.now()\nconst a = "await";\nthis.process(b.Date, c.console);\nprocess(a);\n';
  assertFinds(
    purity,
    {
      [CORE]: text,
      'packages/kernel/src/a.test.ts': 'Date.now();',
      'packages/runtime/src/a.ts': 'Date.now();',
    },
    [],
  );
});

test.run();
