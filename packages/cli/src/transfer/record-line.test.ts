import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecordLine, recordLineText } from './record-line.ts';

test('[RL1] a canonical line of any JSON reads and prints as the same bytes', () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), (key, json) => {
      const text = JSON.stringify({ key, value: JSON.parse(json) as unknown });
      const line = parseRecordLine(text);
      assert.ok(line.ok);
      if (!line.ok) return;
      assert.is(recordLineText(line.key, line.siblings), text);
      assert.is(line.isCanonical, true);
    }),
  );
});

test('[RL1] bytes, keys that are bytes, expiries and siblings have their form', () => {
  for (const text of [
    '{"key":"k","bytes":"/wAB"}',
    '{"key":"k","bytes":""}',
    '{"keyBytes":"/wAB","value":1}',
    '{"key":"k","value":"v","expires":4102444800}',
    '{"key":"k","siblings":[{"value":null},{"bytes":"/wAB"},{"value":[],"expires":1}]}',
    '{"key":"k","value":{"__proto__":1,"constructor":{"bytes":"x"}}}',
  ]) {
    const line = parseRecordLine(text);
    assert.ok(line.ok, text);
    if (!line.ok) continue;
    assert.is(line.isCanonical, true, text);
    assert.is(recordLineText(line.key, line.siblings), text);
  }
});

test('[RL1] other spellings are read and told apart', () => {
  for (const text of [
    '{ "key":"k","value":1}',
    '{"value":1,"key":"k"}',
    '{"key":"k","value":1.0}',
    '{"key":"k","value":12345678901234567890}',
    '{"key":"k","value":"\\u0041"}',
    '{"key":"k","value":{"b":1,"1":2}}',
    '{"key":"k","value":{"b":1,"b":2}}',
    '{"key":"k","siblings":[{"value":1}]}',
  ]) {
    const line = parseRecordLine(text);
    assert.ok(line.ok, text);
    assert.is(line.ok && line.isCanonical, false, text);
  }
});

test('[RL2] what would not be stored is refused with a reason, and the key where there is one', () => {
  const wrong: readonly (readonly [string, RegExp, string | undefined])[] = [
    ['', /no JSON/, undefined],
    ['[]', /no JSON object/, undefined],
    ['{"value":1}', /"key"/, undefined],
    ['{"key":1,"value":1}', /"key"/, undefined],
    ['{"key":"k","keyBytes":"aw==","value":1}', /"key"/, undefined],
    ['{"key":"k"}', /one of "value" and "bytes"/, 'k'],
    ['{"key":"k","value":1,"bytes":""}', /one of "value" and "bytes"/, 'k'],
    ['{"key":"k","value":1,"ttl":5}', /"ttl"/, 'k'],
    ['{"key":"k","value":1,"expires":0}', /"expires"/, 'k'],
    ['{"key":"k","bytes":"a"}', /base64/, 'k'],
    ['{"key":"k","siblings":[]}', /"siblings"/, 'k'],
    ['{"key":"k","siblings":[{"value":1}],"value":2}', /beside "siblings"/, 'k'],
  ];
  for (const [text, reason, key] of wrong) {
    const line = parseRecordLine(text);
    assert.not.ok(line.ok, text);
    if (line.ok) continue;
    assert.match(line.reason, reason);
    assert.is(line.key, key);
  }
});

test.run();
