import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { FrameList } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { WorldEvent } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { FRAME_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { Gateway } from './gateway.ts';
import type { GatewayLimits } from './gateway.ts';
import { Inbox } from './inbox.ts';

type Event = WorldEvent<never, never>;

const LIMITS: GatewayLimits = {
  ...DEFAULT_LIMITS,
  connectionsMax: 8,
  frameBytesMax: 64 * 1024,
  socketHighWaterBytes: 256 * 1024,
  socketLowWaterBytes: 32 * 1024,
  pingMs: 30_000,
  stepFramesTarget: 1_000_000,
  stepWordsTarget: 1_000_000,
  slowConsumerMs: 10_000,
};

/** A gateway without a shell: events and frames are looked at, steps are `stepped`. */
class Bench {
  readonly events: Event[] = [];
  readonly frames: FrameList = new FrameList();
  readonly gateway: Gateway;
  readonly inbox: Inbox;
  drained = 0;
  nowMs = 0;
  port = 0;
  #changed: () => void = () => undefined;

  constructor(limits: Partial<GatewayLimits> = {}) {
    this.inbox = new Inbox(this.frames, 32 * 1024, 16);
    this.gateway = new Gateway({
      limits: { ...LIMITS, ...limits },
      inbox: this.inbox,
      emit: (event) => {
        this.events.push(event);
        this.#changed();
      },
      arrived: () => this.#changed(),
      drain: () => {
        this.drained += 1;
        this.step();
      },
      now: () => this.nowMs,
    });
  }

  async listen(): Promise<this> {
    const originsAllowed = ['https://allowed.example'];
    this.port = await this.gateway.listen({ host: '127.0.0.1', port: 0, originsAllowed });
    return this;
  }

  /** What a step does with memory and numbers. */
  step(): void {
    this.frames.clear();
    this.inbox.clear();
    this.gateway.stepped();
    this.events.length = 0;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  async event<Kind extends Event['kind']>(kind: Kind): Promise<Extract<Event, { kind: Kind }>> {
    await this.until(() => this.events.some((event) => event.kind === kind));
    return this.events.find((event) => event.kind === kind) as Extract<Event, { kind: Kind }>;
  }

  client(options: ClientOptions = {}): WebSocket {
    const client = new WebSocket(`ws://127.0.0.1:${this.port}`, options);
    client.on('error', () => undefined);
    return client;
  }

  /** A client whose handshake is done on both sides. */
  async openClient(options: ClientOptions = {}): Promise<WebSocket> {
    const client = this.client(options);
    await new Promise((resolve) => client.once('open', resolve));
    await this.event('connected');
    return client;
  }

  write(connection: number, value: number, wordCount = 8, patienceMs = 0): boolean {
    const sink = this.gateway.sink(connection);
    sink.patienceMs = patienceMs;
    const offset = sink.begin(TAG.response, wordCount);
    if (offset < 0) return false;
    sink.words[offset + 2] = value;
    sink.end(wordCount);
    return true;
  }
}

async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const closed = (client: WebSocket): Promise<number> =>
  new Promise((resolve) => client.once('close', resolve));
const refused = (client: WebSocket): Promise<number> =>
  new Promise((resolve) =>
    client.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0)),
  );

test('link contract: frames pass both ways between a gateway that dials and one that listens', async () => {
  const server = await new Bench().listen();
  const dialler = new Bench();
  dialler.gateway.dial(5, `127.0.0.1:${server.port}`);
  const opened = await dialler.event('connected');
  const accepted = await server.event('connected');
  assert.is(opened.peer, 5);
  assert.is(accepted.peer, -1);
  for (const [from, to, source, target] of [
    [dialler, server, opened.connection, accepted.connection],
    [server, dialler, accepted.connection, opened.connection],
  ] as const) {
    for (let value = 0; value < 10; value += 1) {
      assert.ok(from.write(source, value, 8 + value * 200));
      from.gateway.flush();
    }
    await to.until(() => to.frames.count === 10);
    for (let index = 0; index < 10; index += 1) {
      assert.is(to.frames.sources[index], CONNECTION_TARGET + target);
      assert.is(to.frames.wordCounts[index], FRAME_HEADER_WORDS + 8 + index * 200);
      const first = to.frames.offsets[index]! + FRAME_HEADER_WORDS;
      assert.is(to.frames.words[index]![first + 2], index);
      assert.is(to.frames.offsets[index]! % 2, 0);
    }
    to.step();
  }
  dialler.gateway.hangUp(opened.connection, 1000, 'done');
  assert.is((await server.event('disconnected')).connection, accepted.connection);
  assert.is((await dialler.event('disconnected')).reason, 'done');
  server.gateway.close();
});

test('[CN1] link contract: what was written before a hang-up arrives, later writes go nowhere', async () => {
  const server = await new Bench().listen();
  const client = server.client();
  const messages: number[] = [];
  client.on('message', (data: Buffer) =>
    messages.push(data.readInt32LE(FRAME_HEADER_WORDS * 4 + 8)),
  );
  const { connection } = await server.event('connected');
  server.write(connection, 41);
  server.gateway.flush();
  server.gateway.hangUp(connection, 1000, 'bye');
  assert.ok(server.write(connection, 42), 'swallowed');
  server.gateway.flush();
  assert.is(await closed(client), 1000);
  assert.equal(messages, [41]);
  await server.event('disconnected');
  assert.ok(server.write(connection, 43), 'swallowed');
  server.gateway.close();
});

/** A client, and the values of each message that it was sent. */
async function listener(
  server: Bench,
): Promise<{ client: WebSocket; connection: number; messages: number[][] }> {
  const client = server.client();
  const messages: number[][] = [];
  client.on('message', (data: Buffer) => {
    const values: number[] = [];
    for (let at = FRAME_HEADER_WORDS * 4; at < data.length; at += 8 * 4) {
      values.push(data.readInt32LE(at + 8));
    }
    messages.push(values);
  });
  const { connection } = await server.event('connected');
  return { client, connection, messages };
}

const PATIENT_MS = 5000;
/** Longer than a test may take. */
const NEVER_MS = 600_000;

test('[GW4] what may wait is gathered over steps, and leaves with what may not', async () => {
  const server = await new Bench().listen();
  const patient = await listener(server);
  server.step();
  const { connection, messages } = await listener(server);
  server.write(patient.connection, 1, 8, PATIENT_MS);
  for (const value of [1, 2, 3]) {
    server.write(connection, value, 8, PATIENT_MS);
    server.gateway.flush();
  }
  server.write(connection, 4);
  server.gateway.flush();
  await turnsUntil(() => messages.length > 0);
  const leftMeanwhile = patient.messages.length;
  server.write(connection, 5);
  server.gateway.flush();
  await turnsUntil(() => messages.length > 1);
  server.gateway.close();
  assert.equal(messages, [[1, 2, 3, 4], [5]]);
  assert.is(leftMeanwhile, 0, 'the others go on waiting');
});

test('[GW4] what may wait leaves by itself when its patience ends, for each connection', async () => {
  const server = await new Bench().listen();
  const one = await listener(server);
  server.step();
  const other = await listener(server);
  for (const value of [1, 2]) {
    for (const { connection } of [one, other]) server.write(connection, value, 8, 2);
    server.gateway.flush();
  }
  await turnsUntil(() => one.messages.length > 0 && other.messages.length > 0);
  server.write(one.connection, 3, 8, 2);
  server.gateway.flush();
  await turnsUntil(() => one.messages.length > 1);
  server.gateway.close();
  assert.equal(one.messages, [[1, 2], [3]]);
  assert.equal(other.messages, [[1, 2]]);
});

test('[GW4] a patience that ends sooner ends that of all', async () => {
  const server = await new Bench().listen();
  const one = await listener(server);
  server.step();
  const other = await listener(server);
  server.write(one.connection, 1, 8, NEVER_MS);
  server.gateway.flush();
  server.write(other.connection, 2, 8, 2);
  server.gateway.flush();
  await turnsUntil(() => one.messages.length > 0 && other.messages.length > 0);
  server.gateway.close();
  assert.equal([one.messages, other.messages], [[[1]], [[2]]]);
});

test('[GW4] a connection to which nothing could be written does not end the patience of others', async () => {
  const server = await new Bench().listen();
  const one = await listener(server);
  server.step();
  const blocked = await listener(server);
  server.write(one.connection, 1, 8, PATIENT_MS);
  server.gateway.flush();
  assert.is(server.write(blocked.connection, 2, 64 * 1024), false, 'longer than a frame');
  server.gateway.flush();
  server.write(one.connection, 3, 8, PATIENT_MS);
  server.gateway.flush();
  for (let turn = 0; turn < 50; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.write(one.connection, 4);
  server.gateway.flush();
  await turnsUntil(() => one.messages.length > 0);
  server.gateway.close();
  assert.equal(one.messages, [[1, 3, 4]]);
});

test('[GW4] what waits leaves before its connection is hung up, or all are', async () => {
  const server = await new Bench().listen();
  const one = await listener(server);
  server.step();
  const other = await listener(server);
  for (const { connection } of [one, other]) server.write(connection, 1, 8, PATIENT_MS);
  server.gateway.flush();
  server.gateway.hangUp(one.connection, 1000, 'bye');
  assert.is(await closed(one.client), 1000);
  server.gateway.close();
  await closed(other.client);
  assert.equal([one.messages, other.messages], [[[1]], [[1]]]);
});

test('a dial that fails says so', async () => {
  const dialler = new Bench();
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  await new Promise((resolve) => taken.close(resolve));
  dialler.gateway.dial(3, `127.0.0.1:${port}`);
  assert.equal(await dialler.event('dial-failed'), {
    kind: 'dial-failed',
    peer: 3,
    reason: 'ECONNREFUSED',
  });
  dialler.step();
  dialler.gateway.dial(4, 'not an address');
  assert.is((await dialler.event('dial-failed')).peer, 4);
});

test('[GW2] text and odd lengths are malformed, not frames', async () => {
  const server = await new Bench().listen();
  const client = await server.openClient();
  const { connection } = await server.event('connected');
  client.send('text');
  client.send(Buffer.alloc(12));
  client.send(Buffer.alloc(0));
  await server.until(() => server.events.filter(({ kind }) => kind === 'malformed').length === 3);
  assert.is(server.frames.count, 0);
  server.gateway.hangUp(connection, 1002, 'malformed');
  assert.is(await closed(client), 1002);
  server.gateway.close();
});

test('[GW2] a message over the limit is malformed and ends the connection, not others', async () => {
  const server = await new Bench().listen();
  const other = server.client();
  await server.event('connected');
  const client = server.client();
  await new Promise((resolve) => client.once('open', resolve));
  client.send(Buffer.alloc(LIMITS.frameBytesMax + 8));
  assert.is(await closed(client), 1009);
  assert.is((await server.event('malformed')).reason, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
  await server.event('disconnected');
  other.send(Buffer.alloc(16));
  await server.until(() => server.frames.count === 1);
  server.gateway.close();
});

test('a browser of another origin is denied, a listed one is not', async () => {
  const server = await new Bench().listen();
  assert.is(await refused(server.client({ origin: 'https://evil.example' })), 403);
  const client = server.client({ origin: 'https://allowed.example' });
  await server.event('connected');
  client.close();
  server.gateway.close();
});

test('a plain request is told to upgrade', async () => {
  const server = await new Bench().listen();
  const response = await new Promise<string>((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('data', (data) => resolve(data.toString()));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  });
  assert.match(response, /^HTTP\/1.1 426/);
  server.gateway.close();
});

test('[GW3] one connection more than the limit is refused', async () => {
  const server = await new Bench({ connectionsMax: 2 }).listen();
  const clients = [server.client(), server.client()];
  await server.until(() => server.gateway.openCount === 2);
  assert.is(await refused(server.client()), 503);
  for (const client of clients) client.close();
  server.gateway.close();
});

test('[GW1] a number is used again only after the step that was told', async () => {
  const server = await new Bench({ connectionsMax: 2 }).listen();
  const first = server.client();
  const { connection } = await server.event('connected');
  first.close();
  await server.event('disconnected');
  server.client();
  await server.until(() => server.events.filter(({ kind }) => kind === 'connected').length === 2);
  const numbers = server.events.flatMap((event) =>
    event.kind === 'connected' ? [event.connection] : [],
  );
  assert.equal(numbers, [connection, connection + 1]);
  server.step();
  server.client();
  assert.is((await server.event('connected')).connection, connection);
  server.gateway.close();
});

test('[IB2] an inbox that is full asks for a step, and nothing is lost', async () => {
  const server = await new Bench().listen();
  const client = await server.openClient();
  await server.event('connected');
  let seen = 0;
  const drain = server.step.bind(server);
  server.step = (): void => {
    seen += server.frames.count;
    drain();
  };
  for (let message = 0; message < 100; message += 1) client.send(Buffer.alloc(4096));
  await server.until(() => seen + server.frames.count === 100);
  assert.ok(server.drained > 0);
  server.gateway.close();
});

test('[SB3] [CN2] H9 a reader that stops is blocked at the high mark, and goes on at the low one', async () => {
  const server = await new Bench().listen();
  const client = await server.openClient();
  let received = 0;
  const { connection } = await server.event('connected');
  client.pause();
  client.on('message', () => (received += 1));
  let sent = 0;
  while (server.write(connection, sent, 4096)) {
    sent += 1;
    server.gateway.flush();
    assert.ok(sent < 10_000, 'the mark is reached');
    if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.not(server.write(connection, 0, 8));
  client.resume();
  while (!server.write(connection, sent, 8)) {
    server.gateway.tick(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.gateway.flush();
  await turnsUntil(() => received === sent + 1);
  assert.is(received, sent + 1);
  server.gateway.close();
});

test('[CN2] two sides that are both above their high marks do not wait for each other', async () => {
  const server = await new Bench().listen();
  const dialler = new Bench();
  dialler.gateway.dial(3, `127.0.0.1:${server.port}`);
  const near = (await dialler.event('connected')).connection;
  const far = (await server.event('connected')).connection;
  // Each writes until it is refused, without a turn in which the other could read.
  let sentCount = 0;
  for (let turn = 0; turn < 2000; turn += 1) {
    for (const [bench, connection] of [
      [dialler, near],
      [server, far],
    ] as const) {
      if (bench.write(connection, 0, 4096)) sentCount += 1;
      bench.gateway.flush();
    }
  }
  assert.ok(sentCount > 100 && sentCount < 4000, `${sentCount} frames: both were refused`);
  let canWrite = false;
  for (let turn = 0; turn < 5000 && !canWrite; turn += 1) {
    dialler.gateway.tick(0);
    server.gateway.tick(0);
    canWrite = dialler.write(near, 0, 8) && server.write(far, 0, 8);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(canWrite, 'both write again');
  dialler.gateway.close();
  server.gateway.close();
});

test('H9 who stays above the low mark for too long is closed, and his memory is free', async () => {
  const server = await new Bench().listen();
  const client = await server.openClient();
  const { connection } = await server.event('connected');
  client.pause();
  for (let sent = 0; server.write(connection, sent, 4096); sent += 1) {
    server.gateway.flush();
    if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let nowMs = 0; nowMs <= 30_000; nowMs += 1000) server.gateway.tick(nowMs);
  assert.is((await server.event('disconnected')).reason, 'slow consumer');
  client.terminate();
  server.gateway.close();
});

test('H10 a silent connection is pinged, then ended', async () => {
  const server = await new Bench().listen();
  const client = await server.openClient({ autoPong: false });
  await server.event('connected');
  let pings = 0;
  client.on('ping', () => (pings += 1));
  server.gateway.tick(30_000);
  await turnsUntil(() => pings > 0);
  server.gateway.tick(45_000);
  assert.is(server.gateway.openCount, 1);
  server.gateway.tick(60_000);
  assert.is((await server.event('disconnected')).reason, 'no answer to a ping');
  assert.is(await closed(client), 1006);
  server.gateway.close();
});

test.run();
