// Marks and forced rarities, with and without somebody who listens.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buggify } from './buggify.ts';
import { reachable, sometimes } from './probe.ts';
import { observeProbes } from './probe-observer.ts';

test.after.each(() => observeProbes(undefined));

test('[PB1] a mark is heard each time its condition holds, and not else', () => {
  const heard: string[] = [];
  observeProbes({ hit: (name) => heard.push(name), forces: () => false });
  sometimes(true, 'one');
  sometimes(false, 'two');
  reachable('three');
  sometimes(true, 'one');
  assert.equal(heard, ['one', 'three', 'one']);
});

test('[PO1] [BG1] where nobody listens, marks do nothing and no site fires', () => {
  const heard: string[] = [];
  observeProbes({ hit: (name) => heard.push(name), forces: () => true });
  assert.ok(buggify('site'));
  observeProbes(undefined);
  sometimes(true, 'one');
  reachable('two');
  assert.not(buggify('site'));
  assert.equal(heard, []);
});

test('the observer decides by the name of a site', () => {
  observeProbes({ hit: () => undefined, forces: (name) => name === 'on' });
  assert.ok(buggify('on'));
  assert.not(buggify('off'));
});

test.run();
