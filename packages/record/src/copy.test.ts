import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { copyWords } from './copy.ts';

test('every length is copied whole and nothing beside it, within one array and between two', () => {
  for (let wordCount = 0; wordCount <= 300; wordCount += 1) {
    for (const isShared of [true, false]) {
      const from = Int32Array.from({ length: 1000 }, (_, index) => index + 1);
      const to = isShared ? from : new Int32Array(1000);
      const expected = to.slice();
      for (let index = 0; index < wordCount; index += 1) expected[500 + index] = 8 + index;
      copyWords(from, 7, to, 500, wordCount);
      assert.equal(to, expected);
    }
  }
});

test.run();
