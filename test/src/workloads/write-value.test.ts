import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawValue, readValue } from './write-value.ts';

const SIZES = { byteCountMax: 400, byteCountLimit: 600 };
const NAMES = Array.from({ length: 600 }, (_, index) => ({
  client: index % 7,
  operation: Math.floor(index / 7),
}));

test('[WV1] a value reads back to the write that put it, and nothing else reads back', () => {
  for (const [index, name] of NAMES.entries()) {
    const value = drawValue('12', name, SIZES);
    assert.equal(readValue('12', value, SIZES), name);
    assert.is(readValue('12', `${value}!`, SIZES), undefined, 'a byte too many');
    if (value === '') continue;
    assert.is(readValue('13', value, SIZES), undefined, 'another seed');
    const place = index % value.length;
    const damaged = `${value.slice(0, place)}!${value.slice(place + 1)}`;
    assert.is(readValue('12', damaged, SIZES), undefined, 'a byte out of place');
    if (value.length > 10) {
      assert.is(readValue('12', value.slice(0, -1), SIZES), undefined, 'a byte too few');
    }
  }
});

test('[WV2] no two writes put one value, and sizes reach from nothing to above the limit', () => {
  const values = NAMES.map((name) => drawValue('12', name, SIZES));
  assert.is(new Set(values).size, values.length);
  const lengths = values.map(({ length }) => length);
  assert.is(lengths.filter((length) => length === 0).length, 1);
  assert.ok(lengths.some((length) => length > 0 && length < 8));
  assert.ok(lengths.includes(SIZES.byteCountMax));
  assert.ok(lengths.includes(SIZES.byteCountLimit));
  assert.ok(lengths.some((length) => length > SIZES.byteCountLimit));
});

test.run();
