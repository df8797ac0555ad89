import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readShared } from './shared-reads.ts';

/** A server that moves each accepted socket, and a client of it. */
async function pair(
  server: Server,
  received: (chunk: Buffer) => void,
): Promise<{ readonly client: Socket; readonly moved: Socket; readonly accepted: Socket }> {
  const connected = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await connected) as [Socket];
  const moved = readShared(accepted, received);
  assert.ok(moved !== undefined, 'a socket of this platform can be moved');
  return { client, moved, accepted };
}

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function countOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_error, count) => resolve(count));
  });
}

test('[SR1] what several sockets read into one buffer is handed on to each, whole and in order', async () => {
  const server = await listening();
  const texts = ['', '', ''];
  const pairs: Awaited<ReturnType<typeof pair>>[] = [];
  for (const index of texts.keys()) {
    pairs.push(await pair(server, (chunk) => (texts[index] += chunk.toString('latin1'))));
  }
  const sent = texts.map(() => '');
  for (let round = 0; round < 200; round += 1) {
    for (const [index, { client }] of pairs.entries()) {
      const text = `${index}:${round};`.repeat(1 + ((round * 7) % 500));
      sent[index] += text;
      client.write(text);
    }
    if (round % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { client } of pairs) client.end();
  await Promise.all(pairs.map(({ moved }) => once(moved, 'end')));
  assert.equal(texts, sent);
  for (const { moved } of pairs) moved.end();
  server.close();
  await once(server, 'close');
});

test('[SR2] the socket that was moved is destroyed and not counted, the new one writes and closes', async () => {
  const server = await listening();
  const { client, moved, accepted } = await pair(server, () => undefined);
  assert.ok(accepted.destroyed);
  assert.is(await countOf(server), 0);
  moved.write('still there');
  const [chunk] = (await once(client, 'data')) as [Buffer];
  assert.is(chunk.toString(), 'still there');
  moved.destroy();
  await once(client, 'close');
  server.close();
});

test('a paused socket reads nothing more until it is resumed', async () => {
  const server = await listening();
  let byteCount = 0;
  const { client, moved } = await pair(server, (chunk) => {
    byteCount += chunk.length;
    moved.pause();
  });
  client.write('x'.repeat(300_000));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const whilePaused = byteCount;
  assert.ok(whilePaused > 0 && whilePaused <= 65_536, `${whilePaused} bytes`);
  moved.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(byteCount > whilePaused);
  client.destroy();
  moved.destroy();
  server.close();
});

test('a stream that does not stand on a handle as we know it stays as it is', () => {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  assert.is(
    readShared(stream as Socket, () => undefined),
    undefined,
  );
  assert.is(
    readShared(new Socket(), () => undefined),
    undefined,
  );
  assert.not.ok(stream.destroyed);
});

test.run();
