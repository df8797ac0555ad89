import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blank } from './blank.ts';
import { functionSpans } from './function-spans.ts';

function spans(text: string): string[] {
  return functionSpans(blank(text).code).map((span) => `${span.name} ${span.lineCount}`);
}

const FOUND: readonly (readonly [what: string, text: string, expected: readonly string[]])[] = [
  ['a function', 'function one() {\n}\n', ['one 2']],
  ['a generic one', 'export function one<T extends Map<string, T>>(a: T): T {\n}', ['one 2']],
  ['an object as return type', 'function one(): { ok: boolean } {\n\n}', ['one 3']],
  ['a function as return type', 'function one(): () => void {\n}', ['one 2']],
  ['a predicate', 'function one(x: unknown): x is readonly string[] {\n}', ['one 2']],
  ['parameters on many lines', 'function one(\n  a: number,\n) {\n}', ['one 4']],
  ['methods and accessors', 'class A {\n  #b(): void {\n  }\n  get c() {\n  }\n}', ['#b 2', 'c 2']],
  ['a named arrow', 'const one = async (a: number): Promise<void> => {\n};', ['one 2']],
  ['a typed arrow', 'const one: Rule = (a) => {\n};', ['one 2']],
  ['a callback', "test('x', () => {\n});", ['anonymous 2']],
  ['a function before a class', 'function one(): number {\n}\nclass A {\n\n}', ['one 2']],
  ['a union with an object', 'function one(): A | { b: C } {\n}', ['one 2']],
  ['a nested one', 'function one() {\n  list.map((x) => {\n  });\n}', ['one 4', 'anonymous 2']],
];

for (const [what, text, expected] of FOUND) {
  test(`finds ${what}`, () => assert.equal(spans(text), expected));
}

test('other braces are no functions', () => {
  const text = [
    'if (a) {\n} else {\n}',
    'for (const b of c) {\n}',
    'try {\n} catch (error) {\n}',
    'class A extends B<C> implements D {\n}',
    'const e: F = {\n};',
    'interface G {\n  h(): { i: number };\n}',
    'switch (j) {\n  case (1): {\n  }\n}',
    'const k = l ? (m) : {\n};',
    'do {\n} while (n);',
    'call({\n}, [\n]);',
  ].join('\n');
  assert.equal(spans(text), []);
});

test.run();
