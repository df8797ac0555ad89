import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from './command.ts';
import { keyArgument, valueArgument, valueOfText } from './key-and-value.ts';
import { testTerminal, type TestTerminal } from './test-terminal.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const given = (...chunks: Uint8Array[]): TestTerminal => testTerminal({ input: chunks });
const isUsageError = (error: unknown): boolean => error instanceof UsageError;

test('[KV1] only what begins with { or [ is JSON by itself', () => {
  assert.equal(valueOfText('{"a":[1]}', 'auto'), { a: [1] });
  assert.equal(valueOfText(' [1,2]\n', 'auto'), [1, 2]);
  for (const text of ['12', 'true', 'null', '"x"', '', ' ', 'a {}', '007']) {
    assert.is(valueOfText(text, 'auto'), text);
    assert.is(valueOfText(text, 'text'), text);
  }
  assert.is(valueOfText('{"a":1}', 'text'), '{"a":1}');
  assert.is(valueOfText('12', 'json'), 12);
  assert.is(valueOfText('null', 'json'), null);
  assert.is(valueOfText('"x"', 'json'), 'x');
});

test('[KV2] what begins like JSON and is none is refused, with the way out', () => {
  assert.throws(() => valueOfText('{broken', 'auto'), /--as text/);
  assert.throws(() => valueOfText('{broken', 'auto'), isUsageError);
  assert.throws(() => valueOfText('word', 'json'), isUsageError);
});

test('[KV1] standard input: a key loses one line end, a value nothing', async () => {
  assert.is(await keyArgument('k', given()), 'k');
  assert.is(await keyArgument('-', given(utf8('ke'), utf8('y\n'))), 'key');
  assert.is(await keyArgument('-', given(utf8('key\n\r\n'))), 'key\n');
  assert.is(await valueArgument('-', 'auto', given(utf8('text\n'))), 'text\n');
  assert.equal(await valueArgument('-', 'auto', given(utf8('{"a":1}\n'))), { a: 1 });
});

test('[KV1] bytes that are no UTF-8 stay bytes, and are no text', async () => {
  const bytes = Uint8Array.of(0xff, 0, 1);
  assert.equal(await valueArgument('-', 'auto', given(bytes)), bytes);
  assert.equal(await valueArgument('-', 'bytes', given(utf8('abc'))), utf8('abc'));
  assert.equal(await valueArgument('abc', 'bytes', given()), utf8('abc'));
  assert.equal(await keyArgument('-', given(bytes)), bytes);
  try {
    await valueArgument('-', 'text', given(bytes));
    assert.unreachable();
  } catch (error) {
    assert.ok(isUsageError(error));
  }
});

test.run();
