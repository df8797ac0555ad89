import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const DESCRIPTORS = 40;
const CLIENTS = 80;

/** A process of its own that may open few files, with a listener in it; says its port. */
const SOURCE = `
  const { Listener } = await import(process.env.LISTENER);
  const rules = { handshakeTimeoutMs: 60000, connectionsMax: 1000, hasRoom: () => true, accepted: () => {} };
  const listener = new Listener({ host: '127.0.0.1', port: 0, originsAllowed: [] }, rules);
  console.log(await listener.listen());
  const began = process.cpuUsage();
  process.stdin.on('data', () => {
    const { user, system } = process.cpuUsage(began);
    console.log(Math.round((user + system) / 1000));
  });`;

function startScarce(): ChildProcess {
  const command = `ulimit -n ${DESCRIPTORS} && exec "$0" --input-type=module -e "$1"`;
  const LISTENER = new URL('./listener.js', import.meta.url).href;
  return spawn('sh', ['-c', command, process.execPath, SOURCE], {
    env: { ...process.env, LISTENER },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function said(child: ChildProcess): Promise<number> {
  const [text] = (await once(child.stdout!, 'data')) as [Buffer];
  return Number(text.toString());
}

/** Connects many times at once; resolves when all that do not fit were turned away. */
function crowd(port: number): Promise<readonly Socket[]> {
  const clients: Socket[] = [];
  let turnedAway = 0;
  return new Promise((resolve) => {
    for (let count = 0; count < CLIENTS; count += 1) {
      const client = connect(port, '127.0.0.1');
      // Turned away: closed, or reset.
      client.on('error', () => client.destroy());
      client.on('close', () => {
        turnedAway += 1;
        if (turnedAway === CLIENTS - DESCRIPTORS) resolve(clients);
      });
      clients.push(client);
    }
  });
}

/** What a plain request is answered; empty: turned away. */
async function answer(port: number): Promise<string> {
  const client = connect(port, '127.0.0.1');
  let text = '';
  client.on('error', () => client.destroy());
  client.on('data', (bytes: Buffer) => (text += bytes.toString()));
  client.end('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await new Promise((resolve) => client.once('close', resolve));
  return text;
}

test('F18 out of descriptors a listener turns connections away, at rest, and listens on', async () => {
  const child = startScarce();
  try {
    const port = await said(child);
    const clients = await crowd(port);
    child.stdin!.write('?');
    const before = await said(child);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.stdin!.write('?');
    const busyMs = (await said(child)) - before;
    // Of processor time: one that accepts in circles takes all there is.
    assert.ok(busyMs < 100, `it worked for ${busyMs} ms`);
    for (const client of clients) client.destroy();
    let text = '';
    while (text === '') text = await answer(port);
    assert.match(text, /^HTTP\/1\.1 426 /);
  } finally {
    child.kill();
  }
});

test.run();
