import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { connect, connectIn } from './connect.ts';
import type { Database } from './database.ts';
import { LoopbackNode } from './loopback-node.ts';
import { settingsOf } from './options.ts';
import { platformWorld } from './platform.ts';
import { makeWebDial } from './transport-web.ts';

const PUT_COUNT = 3000;

async function startNode(): Promise<LoopbackNode> {
  const node = new LoopbackNode(0);
  await node.listening();
  return node;
}

/** The same client over the transport for browsers, on the WebSocket that ws offers as one. */
async function connectWeb(servers: readonly string[]): Promise<Database> {
  const webSocketClass = WebSocket as unknown as Parameters<typeof makeWebDial>[0];
  const world = { ...(await platformWorld()), dial: makeWebDial(webSocketClass) };
  return connectIn(world, settingsOf({ servers }), new Prng('web'));
}

const TRANSPORTS = [
  ['node', (servers: readonly string[]): Promise<Database> => connect({ servers })],
  ['web', connectWeb],
] as const;

for (const [name, connectTo] of TRANSPORTS) {
  test(`${name}: [TN1] [TW1] values of all sizes go out and come back`, async () => {
    const node = await startNode();
    const limits = { keyBytesMax: 1024, valueBytesMax: 1024 * 1024, contextEntriesMax: 64 };
    Object.assign(node.node.welcome, limits);
    const db = await connectTo([node.address]);
    const bucket = db.bucket();
    const sizes = [0, 1, 7, 40, 85, 100, 1000, 10_000, 70_000, 200_000];
    const values = sizes.map((size, index) => 'aé'[index & 1]!.repeat(size >>> (index & 1)));
    const put = await bucket.putMany(values.map((value, index) => [`key ${index}`, value]));
    assert.ok(put.every((item) => item.ok));
    const got = await bucket.getMany(values.map((_, index) => `key ${index}`));
    got.forEach((item, index) => assert.ok(item.ok && item.result.value === values[index]));
    const alone = Uint8Array.from({ length: 5000 }, (_, index) => index);
    await bucket.put('alone', alone);
    assert.equal((await bucket.get('alone')).value, alone);
    await bucket.delete('alone');
    assert.is((await bucket.get('alone')).found, false);
    db.close();
    await node.close();
  });

  test(`${name}: [TN2] [RE2] a cut in the middle of thousands of puts loses none`, async () => {
    const nodes = [await startNode(), await startNode()];
    const db = await connectTo(nodes.map((node) => node.address));
    const bucket = db.bucket();
    const putting = bucket.putMany(
      Array.from({ length: PUT_COUNT }, (_, index) => [`key ${index}`, `value ${index}`] as const),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const node of nodes) node.cutAll();
    const results = await putting;
    assert.ok(results.every((item) => item.ok));
    const valuesByKey = new Map<string, string>();
    const idsByKey = new Map<string, string>();
    for (const request of nodes.flatMap((node) => node.node.requests)) {
      const id = idsByKey.get(request.keyText) ?? request.operationId;
      assert.is(request.operationId, id);
      idsByKey.set(request.keyText, id);
      valuesByKey.set(request.keyText, Buffer.from(request.value).toString());
    }
    assert.is(valuesByKey.size, PUT_COUNT);
    assert.is(new Set(idsByKey.values()).size, PUT_COUNT);
    for (const [key, value] of valuesByKey) assert.is(value, key.replace('key', 'value'));
    db.close();
    await Promise.all(nodes.map((node) => node.close()));
  });
}

test('nobody listens: connect fails by name within its time', async () => {
  const node = await startNode();
  const { address } = node;
  await node.close();
  try {
    await connect({ servers: address, connectTimeoutMs: 100 });
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, 'UNAVAILABLE');
    assert.match((error as Error).message, /ECONNREFUSED/);
  }
});

test.run();
