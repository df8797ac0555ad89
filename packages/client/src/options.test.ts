import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { levelNumber } from './consistency-level.ts';
import { normalizedAddress, settingsOf } from './options.ts';

test('[OP1] every setting has its value', () => {
  assert.equal(settingsOf({ servers: '127.0.0.1:7001' }), {
    servers: ['ws://127.0.0.1:7001'],
    dataCentre: undefined,
    timeoutMs: 2000,
    connectTimeoutMs: 5000,
    connectionCount: 1,
    inFlightMax: 4096,
    requestsMax: 4096 + 32_768,
    silenceTimeoutMs: 1000,
  });
});

test('[OP2] what is out of range is refused by name', () => {
  const refused: [string, object][] = [
    ['servers', { servers: [] }],
    ['127.0.0.1', { servers: '127.0.0.1' }],
    ['http', { servers: 'http://127.0.0.1:1' }],
    ['dataCentre', { dataCentre: '' }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: 60_001 }],
    ['connections', { connections: 1.5 }],
    ['inFlightMax', { inFlightMax: 40_000 }],
    ['waitingMax', { waitingMax: NaN }],
  ];
  for (const [name, options] of refused) {
    assert.throws(() => settingsOf({ servers: 'a:1', ...options }), new RegExp(name), name);
  }
});

test('addresses have one form', () => {
  assert.is(normalizedAddress('a:1'), 'ws://a:1');
  assert.is(normalizedAddress('ws://a:1/'), 'ws://a:1');
  assert.is(normalizedAddress('wss://a:1'), 'wss://a:1');
  assert.is(normalizedAddress('[::1]:7001'), 'ws://[::1]:7001');
  assert.is(normalizedAddress('user@a:1'), undefined);
  assert.is(normalizedAddress('a:1/path'), undefined);
});

test('levels are numbers or names', () => {
  assert.equal(
    [undefined, 1, 32, 'one', 'quorum'].map((level) => levelNumber(level as never)),
    [0, 1, 32, 1, 64],
  );
  for (const level of [0, 33, 1.5, 'most']) {
    assert.throws(() => levelNumber(level as never), /BAD_REQUEST/);
  }
});

test.run();
