import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hiddenWordCount, isHidden, writeHidden } from '@clockwise/record/hidden';
import { record } from '../requests/sample-requests.ts';
import { VisibleRecord } from './visible-record.ts';

const KEYS = ['k', 'seven77', 'eight888', 'a key of more than two words'];

test('[VR1] a hidden record is taken in the form that it has in its own bucket, a normal one as it is', () => {
  const visible = new VisibleRecord();
  for (const key of KEYS) {
    const normal = record({ key, dots: [[9, 1]], seen: [[8, 3]] });
    const memory = new Int32Array(3 + hiddenWordCount(normal, 0));
    writeHidden(normal, 0, 5, memory, 3);
    assert.ok(isHidden(memory, 3));
    visible.take(memory, 3);
    const { words, offset } = visible;
    assert.equal(words.slice(offset, offset + normal.length), normal);
    visible.take(normal, 0);
    assert.is(visible.words, normal);
    assert.is(visible.offset, 0);
  }
});

test.run();
