import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptOf, answerUpgrade, faultOfAnswer, upgradeHeaders } from './websocket-upgrade.ts';
import type { Headers } from './websocket-upgrade.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const request = (changes: Headers = {}): Headers => ({
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': KEY,
  ...changes,
});
const answer = (changes: Headers = {}): Headers => ({
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': ACCEPT,
  ...changes,
});

test('the example of RFC 6455 is accepted, and no extension with it', () => {
  const offered = { 'sec-websocket-extensions': 'permessage-deflate' };
  const { accepted, response } = answerUpgrade('GET', request(offered));
  assert.ok(accepted);
  assert.ok(response.startsWith('HTTP/1.1 101 Switching Protocols\r\n'));
  assert.ok(response.includes(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`));
  assert.ok(response.endsWith('\r\n\r\n'));
  assert.not(response.includes('Extensions'));
  assert.is(acceptOf(KEY), ACCEPT);
});

test('tokens are found in lists and in any case', () => {
  const headers = request({ connection: 'keep-alive, UPGRADE', upgrade: 'WebSocket' });
  assert.ok(answerUpgrade('GET', headers).accepted);
});

for (const [name, method, changes, status] of [
  ['another method', 'POST', {}, 405],
  ['another protocol', 'GET', { upgrade: 'h2c' }, 400],
  ['no token upgrade', 'GET', { connection: 'keep-alive' }, 400],
  ['no connection header', 'GET', { connection: undefined }, 400],
  ['no key', 'GET', { 'sec-websocket-key': undefined }, 400],
  ['a short key', 'GET', { 'sec-websocket-key': 'AAAA' }, 400],
  ['a long key', 'GET', { 'sec-websocket-key': `AAAA${KEY}` }, 400],
  ['an older version', 'GET', { 'sec-websocket-version': '8' }, 426],
  ['no version', 'GET', { 'sec-websocket-version': undefined }, 426],
] as const) {
  test(`refused with ${status}: ${name}`, () => {
    const { accepted, response } = answerUpgrade(method, request(changes));
    assert.not(accepted);
    assert.ok(response.startsWith(`HTTP/1.1 ${status} `), response);
    assert.is(response.includes('Sec-WebSocket-Version: 13\r\n'), status === 426);
  });
}

test('our own request is one we accept', () => {
  const lower = Object.fromEntries(
    Object.entries(upgradeHeaders(KEY)).map(([name, value]) => [name.toLowerCase(), value]),
  );
  assert.ok(answerUpgrade('GET', lower).accepted);
});

test('a client takes the answer to its key, without anything it did not offer', () => {
  assert.is(faultOfAnswer(KEY, answer()), undefined);
  for (const changes of [
    { upgrade: 'h2c' },
    { connection: 'close' },
    { 'sec-websocket-accept': undefined },
    { 'sec-websocket-accept': acceptOf('AAAAAAAAAAAAAAAAAAAAAA==') },
    { 'sec-websocket-extensions': 'permessage-deflate' },
    { 'sec-websocket-protocol': 'chat' },
  ]) {
    assert.type(faultOfAnswer(KEY, answer(changes)), 'string');
  }
});

test.run();
