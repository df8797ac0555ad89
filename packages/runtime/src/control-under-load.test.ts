/** What controls a node goes beside its operations, by other ways, and is not held up by them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ToyClient } from './toy/toy-client.ts';
import { startToyNode } from './toy/toy-node.ts';
import { TOY_OPCODE, TOY_STATUS, toyFrame } from './toy/toy-protocol.ts';

const CLIENTS = 20;
const FRAMES = 300;
const OPERATIONS = 32;
/** Questions to the shard, one after the other. */
const QUESTIONS = 10;

test('[AS4] H3 a flood through both rings holds up no question to the shard, nor its heartbeat', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runtime-control-'));
  const node = await startToyNode({ logPath: join(folder, 'log') });
  try {
    const clients = Array.from(
      { length: CLIENTS },
      () => new ToyClient(node.supervisor.port('coordinator-0')!),
    );
    await Promise.all(clients.map((client) => client.opened()));
    const count = clients.length * FRAMES * OPERATIONS;
    const answered = (): number => clients.reduce((sum, { answers }) => sum + answers.size, 0);
    const flood = flooded(clients);
    for (let question = 0; question < QUESTIONS; question += 1) {
      const figures = await node.supervisor.figures('replica-0');
      assert.equal(Object.keys(figures), ['replica-0']);
    }
    assert.ok(answered() < count, 'asked and answered while operations waited');
    await flood;
    const statuses = clients.flatMap(({ answers }) => [...answers.values()]);
    assert.is(statuses.length, count);
    assert.ok(statuses.every((status) => status === TOY_STATUS.ok));
    const lives = node.states.filter(({ name }) => name === 'replica-0').map(({ life }) => life);
    assert.equal([...new Set(lives)], [lives[0]], 'nobody took it for hung');
    for (const client of clients) client.end();
  } finally {
    await node.stop();
    rmSync(folder, { recursive: true });
  }
});

/** All frames of all clients, without waiting for any answer. */
async function flooded(clients: readonly ToyClient[]): Promise<void> {
  for (const [index, client] of clients.entries()) {
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const firstId = (index * FRAMES + frame) * OPERATIONS;
      client.send(toyFrame(TOY_OPCODE.now + (frame & 1), firstId, OPERATIONS));
    }
  }
  await Promise.all(clients.map((client) => client.answered(FRAMES * OPERATIONS)));
}

test.run();
