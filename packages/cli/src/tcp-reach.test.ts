import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unreachableReason } from './tcp-reach.ts';

test('an address is reachable while something listens there, and refused afterwards', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.is(await unreachableReason(address, 5000), undefined);
  assert.is(await unreachableReason(`ws://${address}`, 5000), undefined);
  server.close();
  await once(server, 'close');
  assert.is(await unreachableReason(address, 5000), 'connection refused');
});

test.run();
