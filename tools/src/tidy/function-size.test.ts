import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { functionSize } from './function-size.ts';
import { RATCHET_PATH } from './tree.ts';

const PATH = 'packages/kernel/src/a.ts';

function source(lineCount: number): string {
  return `function long() {\n${'  a();\n'.repeat(lineCount - 2)}}\n`;
}

function ratchet(lineCount: number): string {
  return JSON.stringify({ functions: { [`${PATH}#long`]: lineCount } });
}

test('a function of 70 lines passes, one of 71 does not', () => {
  assertFinds(functionSize, { [PATH]: source(70) }, []);
  assertFinds(functionSize, { [PATH]: source(71) }, [/a.ts:1 .*#long has 71 lines, above 70/]);
});

test('on the data plane the limit is 120', () => {
  assertFinds(functionSize, { [PATH]: `// Words. data plane.\n${source(120)}` }, []);
  assertFinds(functionSize, { [PATH]: `// data plane\n${source(121)}` }, [/above 120/]);
});

test('a header that only speaks of the data plane is not on it', () => {
  assertFinds(functionSize, { [PATH]: `// Not on the data plane.\n${source(71)}` }, [/above 70/]);
});

test('a known function may stay as it is, and not grow', () => {
  assertFinds(functionSize, { [PATH]: source(90), [RATCHET_PATH]: ratchet(90) }, []);
  assertFinds(functionSize, { [PATH]: source(91), [RATCHET_PATH]: ratchet(90) }, [
    /grew from 90 to 91/,
  ]);
});

test('the figure of a known function follows when it shrinks, and goes with it', () => {
  assertFinds(functionSize, { [PATH]: source(80), [RATCHET_PATH]: ratchet(90) }, [
    /lower its figure to 80/,
  ]);
  assertFinds(functionSize, { [PATH]: source(60), [RATCHET_PATH]: ratchet(90) }, [
    /remove it from the ratchet/,
  ]);
  assertFinds(functionSize, { [PATH]: '', [RATCHET_PATH]: ratchet(90) }, [/is gone/]);
});

test('in test code callbacks do not count as lines of the function around them', () => {
  const text = `function contract() {\n${"  test('x', () => {\n    a();\n  });\n".repeat(40)}}\n`;
  assertFinds(functionSize, { 'test/src/contracts/disk-contract.ts': text }, []);
  assertFinds(functionSize, { [PATH]: text }, [/#contract has 122 lines/]);
});

test.run();
