/**
 * Raw sockets that break every rule of the way in, against a node as a process, while a client of good
 * manners goes on working.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@clockwise/client';
import { Prng } from '@clockwise/kernel/prng';
import { frameCorpus } from '@clockwise/protocol/frame-corpus';
import { damagedFrame } from '@clockwise/protocol/frame-damage';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster, type TestNode } from './test-node.ts';

const MASKED = 0x80;

async function openSocket(node: TestNode): Promise<Socket> {
  const socket = connectSocket(node.member.ports.coordinator, node.member.host);
  // What a hostile peer meets is not its concern here: resets are expected.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function upgraded(node: TestNode): Promise<Socket> {
  const socket = await openSocket(node);
  socket.write(
    'GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await once(socket, 'data');
  return socket;
}

/** A binary message under a zero mask. */
function message(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(payload.length < 126 ? 6 : 8);
  header[0] = 0x82;
  if (payload.length < 126) {
    header[1] = MASKED | payload.length;
  } else {
    header[1] = MASKED | 126;
    header.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([header, payload]);
}

async function ended(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

/** I1: a length of 4 GB with ten bytes behind it. */
async function lengthBomb(node: TestNode): Promise<void> {
  const socket = await upgraded(node);
  const header = Buffer.alloc(14);
  header[0] = 0x82;
  header[1] = MASKED | 127;
  header.writeBigUInt64BE(4n * 1024n ** 3n, 2);
  socket.write(Buffer.concat([header, Buffer.alloc(10)]));
  await ended(socket);
}

/** I1: a frame that arrives byte by byte, and never whole. */
async function dribble(node: TestNode): Promise<void> {
  const socket = await upgraded(node);
  const bytes = message(Buffer.alloc(200, 7));
  for (const byte of bytes.subarray(0, 60)) {
    socket.write(Buffer.of(byte));
    await sleep(1);
  }
  socket.destroy();
}

/** I1: empty messages without end. */
async function emptyMessages(node: TestNode): Promise<void> {
  const socket = await upgraded(node);
  socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => message(Buffer.alloc(0)))));
  await ended(socket);
}

/** Text where frames belong, fragments, and bytes that are no WebSocket at all. */
async function wrongShapes(node: TestNode): Promise<void> {
  for (const bytes of [
    Buffer.from([0x81, MASKED | 2, 0, 0, 0, 0, 104, 105]),
    Buffer.from([0x02, MASKED | 2, 0, 0, 0, 0, 104, 105, 0x83, MASKED, 0, 0, 0, 0]),
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x82, 2, 104, 105]),
  ]) {
    const socket = await upgraded(node);
    socket.write(bytes);
    await ended(socket);
  }
  const plain = await openSocket(node);
  plain.write('\0\0\0\0 this is not HTTP\r\n\r\n');
  await ended(plain);
}

/** I6: damaged frames, each connection until it is closed. */
async function damage(node: TestNode, label: string): Promise<void> {
  const corpus = frameCorpus();
  const random = new Prng(label);
  for (let connection = 0; connection < 20; connection += 1) {
    const socket = await upgraded(node);
    const frames = Array.from({ length: 20 }, () => damagedFrame(corpus, random));
    for (const frame of frames.filter((one) => one.length > 0 && one.length < 16_000)) {
      socket.write(message(new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)));
    }
    // Damage that happens to be well-formed is no reason to be closed.
    await Promise.race([ended(socket), sleep(100)]);
    socket.destroy();
  }
}

const hostile = suite<{ cluster: TestCluster }>('hostile connections');
hostile.before.each(async (context) => {
  context.cluster = await makeCluster(1);
});
hostile.after.each(({ cluster }) => cluster.dispose());

hostile('I1 I6 whoever breaks the rules is closed, and nobody else notices', async (context) => {
  const [node] = context.cluster.nodes;
  await node!.start();
  const database = await connect({ servers: context.cluster.addresses });
  const bucket = database.bucket();
  const over = new AbortController();
  let operations = 0;
  const working = (async () => {
    while (!over.signal.aborted) {
      const key = `key-${operations % 100}`;
      await bucket.put(key, operations);
      assert.is((await bucket.get(key)).value, operations);
      operations += 1;
    }
  })();
  await Promise.all([
    lengthBomb(node!),
    dribble(node!),
    emptyMessages(node!),
    wrongShapes(node!),
    damage(node!, 'first'),
    damage(node!, 'second'),
  ]);
  over.abort();
  await working;
  assert.ok(operations > 10, 'the good client went on');
  const status = await node!.status();
  assert.ok(status.healthy, status.reasons.join('; '));
  assert.equal(
    status.actors.filter((actor) => actor.restarts > 0),
    [],
    'no thread died of it',
  );
  database.close();
});

hostile.run();
