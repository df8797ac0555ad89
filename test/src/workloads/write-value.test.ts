import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeValue, readValue } from './write-value.ts';

test('[WV1] a value reads back to the write that put it, and nothing else reads back', () => {
  for (let operation = 0; operation < 300; operation += 1) {
    const name = { client: operation % 7, operation };
    const value = makeValue('12', name, 400);
    assert.equal(readValue('12', value, 400), name);
    assert.is(readValue('13', value, 400), undefined, 'another seed');
    assert.is(readValue('12', `${value}a`, 400), undefined, 'a byte too many');
    const place = operation % value.length;
    const damaged = `${value.slice(0, place)}!${value.slice(place + 1)}`;
    assert.is(readValue('12', damaged, 400), undefined, 'a byte out of place');
  }
});

test.run();
