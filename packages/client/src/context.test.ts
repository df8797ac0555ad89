import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Context } from './context.ts';

test('[CX1] the text form reads back equal, and nothing else is taken', () => {
  for (const words of [[], [1, -1, 0x7fffffff, 0], [1, 2, 3, 4, -5, -6, -7, -8]]) {
    for (const [low, high] of [
      [0, 0],
      [0, 0x0190_0000],
      [-7, -1],
    ] as const) {
      const context = new Context(words, low, high);
      const read = Context.parse(context.toString());
      assert.equal(read.words, words);
      assert.equal([read.timeLow, read.timeHigh], [low, high]);
      assert.is(read.entryCount, words.length / 4);
      assert.is(JSON.stringify({ context }), `{"context":"${context.toString()}"}`);
    }
  }
  for (const text of ['0', 'g'.repeat(32), 'ab'.repeat(17), `${'0'.repeat(32)}\n`]) {
    assert.throws(() => Context.parse(text), /BAD_REQUEST/);
  }
});

test('[CX1] a context without a time is written as it was before there were times', () => {
  assert.is(new Context([1, 2, 3, 4]).toString().length, 32);
  assert.is(new Context([1, 2, 3, 4], 5, 6).toString().length, 48);
});

test.run();
