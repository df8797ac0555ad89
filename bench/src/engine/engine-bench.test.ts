// runner: limit 60s
// runner: test limit 40s
/** The benchmark itself, on a few keys: every workload of every peer runs and gives figures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engineBenchmark } from './engine-bench.ts';
import { newKey } from './engine-peer.ts';
import { KeySpace } from './key-space.ts';

test('[KS1] every key comes once, and strangers are none of them', () => {
  for (const count of [1, 2, 10, 977, 5000]) {
    const keys = new KeySpace(count, 10);
    const key = newKey();
    const seen = new Set<string>();
    for (let place = 0; place < count; place += 1) {
      keys.writeKey(key, keys.nth(place));
      seen.add(key.bytes.toString('hex'));
    }
    assert.is(seen.size, count);
    for (let place = 0; place < count; place += 1) {
      keys.writeStranger(key, place);
      assert.not.ok(seen.has(key.bytes.toString('hex')));
    }
  }
});

test('every peer goes through every workload, and each target is judged', async () => {
  const { results, versions } = await engineBenchmark.run([
    '--keys',
    '3000',
    '--memory',
    '4',
    '--values',
    '100',
  ]);
  assert.equal(Object.keys(versions ?? {}), ['classic-level', 'lmdb']);
  const titles = new Set(results.map(({ name }) => name));
  for (const title of [
    'fill',
    'fill until the first buffer is full',
    'overwrite',
    'read hot, copied',
    'read random',
    'read missing',
    'scan all',
    'open',
  ]) {
    assert.ok(titles.has(`100 B: ${title}`), title);
  }
  for (const { name, value, note } of results) {
    assert.ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`);
    if (note?.startsWith('target') === true) assert.match(note, /ok|MISSED/);
  }
  const judged = results.filter(({ note }) => note?.startsWith('target') === true);
  assert.ok(judged.length >= 12, `${judged.length} targets`);
});

test.run();
