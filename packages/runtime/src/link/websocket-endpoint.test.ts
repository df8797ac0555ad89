/** The endpoint against `ws`, the reference, at the other end of a socket. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket, WebSocketServer } from 'ws';
import { dial } from './dial.ts';
import { WebSocketEndpoint } from './websocket-endpoint.ts';
import type { EndpointOwner } from './websocket-endpoint.ts';
import { answerUpgrade } from './websocket-upgrade.ts';

const MESSAGE_BYTES_MAX = 200_000;

/** One of our endpoints, and all it was told. */
class Recorder implements EndpointOwner {
  readonly told: string[] = [];
  readonly messages: Buffer[] = [];
  readonly endpoint: WebSocketEndpoint;
  readonly socket: Socket;
  heardCount = 0;
  #changed: () => void = () => undefined;

  constructor(socket: Socket, head: Uint8Array, client: boolean) {
    const options = { owner: this, client, messageBytesMax: MESSAGE_BYTES_MAX, head };
    this.socket = socket;
    this.endpoint = new WebSocketEndpoint(socket, options);
  }

  binary(bytes: Uint8Array, start: number, byteCount: number, mask: number): void {
    const message = Buffer.from(bytes.subarray(start, start + byteCount));
    message.forEach((byte, index) => (message[index] = byte ^ (mask >>> ((index & 3) * 8))));
    this.messages.push(message);
    this.#changed();
  }
  text(): void {
    this.#tell('text');
  }
  heard(): void {
    this.heardCount += 1;
    this.#changed();
  }
  failed(reason: string): void {
    this.#tell(`failed ${reason}`);
  }
  finishing(): void {
    if (!this.told.includes('finishing')) this.#tell('finishing');
  }
  drained(): void {
    this.#changed();
  }
  closed(code: number, reason: string): void {
    this.#tell(`closed ${code} ${reason}`);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  /** The last thing it is told. */
  async ended(): Promise<string> {
    await this.until(() => this.told.at(-1)?.startsWith('closed') === true);
    return this.told.at(-1)!;
  }

  #tell(what: string): void {
    this.told.push(what);
    this.#changed();
  }
}

interface Pair {
  readonly ours: Recorder;
  readonly reference: WebSocket;
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Our server side; the promise gives one endpoint for the next connection. */
async function serve(): Promise<{ port: number; accepted: Promise<Recorder> }> {
  const server = createServer();
  const port = await listening(server);
  const accepted = new Promise<Recorder>((resolve) => {
    server.on('upgrade', (request, socket, head) => {
      socket.write(answerUpgrade(request.method, request.headers).response);
      resolve(new Recorder(socket as Socket, head, false));
      server.close();
    });
  });
  return { port, accepted };
}

async function acceptedPair(): Promise<Pair> {
  const { port, accepted } = await serve();
  const reference = new WebSocket(`ws://127.0.0.1:${port}`);
  reference.on('error', () => undefined);
  const opened = once(reference, 'open');
  const ours = await accepted;
  await opened;
  return { ours, reference };
}

async function dialledPair(): Promise<Pair> {
  const server = createServer();
  const port = await listening(server);
  const references = new WebSocketServer({ server });
  const connected = once(references, 'connection') as Promise<[WebSocket]>;
  const ours = await new Promise<Recorder>((resolve, reject) => {
    dial(`127.0.0.1:${port}`, 10_000, {
      opened: (socket, head) => resolve(new Recorder(socket, head, true)),
      failed: (reason) => reject(new Error(reason)),
    });
  });
  const [reference] = await connected;
  reference.on('error', () => undefined);
  server.close();
  return { ours, reference };
}

/** `ws` does not give its socket away. */
const rawSocket = (reference: WebSocket): Socket => Reflect.get(reference, '_socket') as Socket;

const closeOf = async (reference: WebSocket): Promise<[number, string]> => {
  const [code, reason] = (await once(reference, 'close')) as [number, Buffer];
  return [code, reason.toString()];
};

for (const [side, makePair] of [
  ['accepted', acceptedPair],
  ['dialled', dialledPair],
] as const) {
  test(`${side}: random messages and fragments of ws arrive as they were sent`, async () => {
    const { ours, reference } = await makePair();
    const prng = new Prng(`conformance ${side}`);
    const sent: Buffer[] = [];
    for (let message = 0; message < 200; message += 1) {
      const size = prng.pick([0, 1, 8, 125, 126, 4096, 65_535, 65_536, 150_000]);
      const bytes = Buffer.alloc(size, prng.between(1, 255));
      const fragmentBytes = prng.pick([size + 1, size + 1, (size >> 1) + 1, (size >> 4) + 1]);
      for (let at = 0; at === 0 || at < size; at += fragmentBytes) {
        const fin = at + fragmentBytes >= size;
        reference.send(bytes.subarray(at, at + fragmentBytes), { binary: true, fin });
        if (prng.between(0, 9) === 0) reference.ping('between');
      }
      sent.push(bytes);
    }
    await ours.until(() => ours.messages.length === sent.length);
    assert.ok(sent.every((bytes, index) => bytes.equals(ours.messages[index]!)));
    reference.close(4001, 'enough');
    assert.equal(await closeOf(reference), [4001, 'enough'], 'our echo');
    assert.is(await ours.ended(), 'closed 4001 enough');
    assert.equal(ours.told, ['finishing', 'closed 4001 enough']);
  });

  test(`${side}: a ping is answered with its payload, and ours is heard to be`, async () => {
    const { ours, reference } = await makePair();
    const payload = Buffer.alloc(125, 'p');
    reference.ping(payload);
    assert.equal((await once(reference, 'pong'))[0], payload);
    ours.endpoint.ping();
    await once(reference, 'ping');
    await ours.until(() => ours.heardCount === 2);
    reference.close();
    assert.is((await closeOf(reference))[0], 1005);
    assert.is(await ours.ended(), 'closed 1005 ');
  });

  test(`[WE2] ${side}: our close goes out once, with code and reason, and is answered`, async () => {
    const { ours, reference } = await makePair();
    ours.endpoint.close(1013, 'é'.repeat(100));
    ours.endpoint.close(1000, 'again');
    ours.endpoint.ping();
    assert.equal(await closeOf(reference), [1013, 'é'.repeat(61)], 'whole characters');
    assert.ok((await ours.ended()).startsWith('closed 1013 '));
  });

  test(`[WE1] ${side}: a socket that is gone is closed with 1006, once`, async () => {
    for (const end of ['terminate', 'reset', 'ours'] as const) {
      const { ours, reference } = await makePair();
      const closed = closeOf(reference);
      if (end === 'terminate') reference.terminate();
      else if (end === 'reset') {
        rawSocket(reference).resetAndDestroy();
      } else ours.endpoint.terminate();
      assert.is(await ours.ended(), 'closed 1006 ', end);
      await closed;
      assert.is(ours.told.filter((what) => what.startsWith('closed')).length, 1);
    }
  });

  test(`${side}: a message over the limit is closed with 1009, text is told`, async () => {
    const { ours, reference } = await makePair();
    reference.send('text');
    reference.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1));
    assert.is((await closeOf(reference))[0], 1009);
    await ours.ended();
    assert.equal(ours.told.slice(0, 2), ['text', 'failed WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
  });
}

test('frames that come together with the handshake are not lost', async () => {
  const { port, accepted } = await serve();
  const socket = connect(port, '127.0.0.1');
  const handshake =
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
  socket.write(Buffer.concat([Buffer.from(handshake), Buffer.of(0x82, 0x81, 1, 0, 0, 0, 8)]));
  const ours = await accepted;
  await ours.until(() => ours.messages.length === 1);
  assert.equal([...ours.messages[0]!], [9]);
  socket.destroy();
  assert.is(await ours.ended(), 'closed 1006 ');
});

test('[WE3] a flood of pings in one piece is answered by few pongs, the last one among them', async () => {
  const { ours, reference } = await acceptedPair();
  const pongs: string[] = [];
  reference.on('pong', (payload) => pongs.push(payload.toString()));
  const raw = rawSocket(reference);
  const pings: Buffer[] = [];
  for (let ping = 0; ping < 1000; ping += 1) {
    const payload = Buffer.from(String(ping));
    pings.push(Buffer.of(0x89, 0x80 | payload.length, 0, 0, 0, 0), payload);
  }
  raw.write(Buffer.concat(pings));
  while (pongs.at(-1) !== '999') await once(reference, 'pong');
  assert.ok(pongs.length < 100, `${pongs.length} pongs`);
  assert.is(ours.heardCount, 1000);
  reference.terminate();
  await ours.ended();
});

test('[CN2] a paused endpoint reads nothing, and goes on where it was', async () => {
  const { ours, reference } = await acceptedPair();
  ours.endpoint.pause();
  for (let message = 0; message < 50; message += 1) reference.send(Buffer.alloc(1000, message));
  await new Promise((resolve) => reference.send(Buffer.alloc(8), resolve));
  assert.is(ours.messages.length, 0);
  ours.endpoint.resume();
  await ours.until(() => ours.messages.length === 51);
  assert.is(ours.messages[49]![0], 49);
  reference.terminate();
  await ours.ended();
});

test('a dial that meets no WebSocket server fails once, with the reason', async () => {
  for (const [answer, expected] of [
    ['HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n', /503/],
    [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: AAAA\r\n\r\n',
      /another key/,
    ],
    ['not HTTP\r\n\r\n', /HPE/],
  ] as const) {
    const server = createServer();
    const port = await listening(server);
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => undefined);
      socket.end(answer);
    });
    const reasons: string[] = [];
    await new Promise<void>((resolve) => {
      dial(`127.0.0.1:${port}`, 10_000, {
        opened: () => reasons.push('opened'),
        failed: (reason) => {
          reasons.push(reason);
          resolve();
        },
      });
    });
    server.close();
    assert.is(reasons.length, 1);
    assert.match(reasons[0]!, expected);
  }
});

test('a dial that is not answered fails in time', async () => {
  const server = createServer();
  const port = await listening(server);
  const sockets: { destroy(): void }[] = [];
  server.on('upgrade', (_request, socket) => sockets.push(socket));
  const reason = await new Promise<string>((resolve, reject) => {
    dial(`127.0.0.1:${port}`, 50, { opened: reject, failed: resolve });
  });
  assert.match(reason, /too long/);
  for (const socket of sockets) socket.destroy();
  server.close();
});

test.run();
