// Marks, with and without somebody who listens.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { observeMarks, reachable, sometimes } from './probe.ts';

test.after.each(() => observeMarks(undefined));

test('[PB1] a mark is heard each time its condition holds, and not else', () => {
  const heard: string[] = [];
  observeMarks({ hit: (name) => heard.push(name) });
  sometimes(true, 'one');
  sometimes(false, 'two');
  reachable('three');
  sometimes(true, 'one');
  assert.equal(heard, ['one', 'three', 'one']);
});

test('[PB2] where nobody listens any more, marks do nothing', () => {
  const heard: string[] = [];
  observeMarks({ hit: (name) => heard.push(name) });
  observeMarks(undefined);
  sometimes(true, 'one');
  reachable('two');
  assert.equal(heard, []);
});

test.run();
