import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Context } from './context.ts';

test('[CX1] the text form reads back equal, and nothing else is taken', () => {
  for (const words of [[], [1, -1, 0x7fffffff, 0], [1, 2, 3, 4, -5, -6, -7, -8]]) {
    const context = new Context(words);
    assert.equal(Context.parse(context.toString()).words, words);
    assert.is(JSON.stringify({ context }), `{"context":"${context.toString()}"}`);
  }
  for (const text of ['0', 'g'.repeat(32), 'ab'.repeat(17), `${'0'.repeat(32)}\n`]) {
    assert.throws(() => Context.parse(text), /BAD_REQUEST/);
  }
});

test.run();
