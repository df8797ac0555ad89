// Sites, with and without somebody who decides.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buggify, decideSites } from './buggify.ts';

test.after.each(() => decideSites(undefined));

test('[BG1] where nobody decides, or decides any more, no site fires', () => {
  assert.not(buggify('site'));
  decideSites({ forces: () => true });
  assert.ok(buggify('site'));
  decideSites(undefined);
  assert.not(buggify('site'));
});

test('a site is decided about by its name', () => {
  decideSites({ forces: (name) => name === 'on' });
  assert.ok(buggify('on'));
  assert.not(buggify('off'));
});

test.run();
