import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blank } from './blank.ts';

function code(text: string): string {
  return blank(text).code;
}

test('comments and the insides of strings are spaces, and every character keeps its place', () => {
  const text = 'a(); // Date\nb("Date\\"", \'x\'); /* {\n} */ c();';
  const { code: blanked, withStrings } = blank(text);
  assert.is(blanked, 'a();        \nb("      ", \' \');     \n     c();');
  assert.is(withStrings, 'a();        \nb("Date\\"", \'x\');     \n     c();');
});

test('expressions inside templates stay code, in parentheses', () => {
  assert.is(code('`a ${now({ b: `${c}` })} d` + e'), '`   (now({ b: ` (c)` }))  ` + e');
});

test('a quote or a comment mark inside a regular expression starts nothing', () => {
  assert.is(code('x = /[/\'"]/g; y'), 'x = 0      g; y');
  assert.is(code('return /\\/\\//.test(z)'), 'return 0     .test(z)');
  assert.is(code('else return /"/'), 'else return 0  ');
});

test('a division is no regular expression', () => {
  assert.is(code("a / b; c(')') / 2"), "a / b; c(' ') / 2");
});

test.run();
