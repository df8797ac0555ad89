import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TextCoder } from './text-coder.ts';

const TEXTS = ['', 'a', 'key:000000000001', 'é', '中文', '😀', 'x'.repeat(49), 'é'.repeat(5000)];

for (const useBuffer of [true, false]) {
  const coder = new TextCoder(useBuffer);
  const name = useBuffer ? 'with Buffer' : 'without Buffer';

  test(`${name}: [TC1] text reads back equal`, () => {
    for (const text of [...TEXTS, 'y'.repeat(9000)]) {
      const words = new Int32Array(4096 * 2);
      const bytes = coder.bytesOf(words);
      const byteCount = coder.write(text, bytes, 8);
      assert.is(byteCount, coder.byteLength(text));
      assert.is(byteCount, Buffer.byteLength(text));
      assert.is(coder.read(words, bytes, 2, byteCount), text);
    }
  });

  test(`${name}: [TC1] half a character has no bytes`, () => {
    assert.is(coder.byteLength('\ud800'), -1);
    assert.is(coder.byteLength('a\udc00b'), -1);
  });

  test(`${name}: [TC2] bytes that are not UTF-8 are no text`, () => {
    const words = new Int32Array(4);
    const bytes = coder.bytesOf(words);
    bytes.set([0x61, 0xc3]);
    assert.is(coder.read(words, bytes, 0, 2), undefined);
    bytes.set([0xed, 0xa0, 0x80]);
    assert.is(coder.read(words, bytes, 0, 3), undefined);
  });
}

test.run();
