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
/** The node tells operations apart by their ids alone: each client has its own. */
const IDS_EACH = 1 << 26;

test('[AS4] H3 a flood through both rings holds up no question to the shard, nor its heartbeat', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runtime-control-'));
  const node = await startToyNode({ logPath: join(folder, 'log') });
  try {
    const clients = Array.from(
      { length: CLIENTS },
      () => new ToyClient(node.supervisor.port('coordinator-0')!),
    );
    await Promise.all(clients.map((client) => client.opened()));
    let isOver = false;
    const flood = Promise.all(
      clients.map((client, index) => flooded(client, index * IDS_EACH, () => isOver)),
    );
    for (let question = 0; question < QUESTIONS; question += 1) {
      const figures = await node.supervisor.figures('replica-0');
      assert.equal(Object.keys(figures), ['replica-0']);
    }
    isOver = true;
    const sent = await flood;
    for (const [index, { answers }] of clients.entries()) {
      assert.is(answers.size, sent[index]);
      assert.ok([...answers.values()].every((status) => status === TOY_STATUS.ok));
    }
    const lives = node.states.filter(({ name }) => name === 'replica-0').map(({ life }) => life);
    assert.equal([...new Set(lives)], [lives[0]], 'nobody took it for hung');
    for (const client of clients) client.end();
  } finally {
    await node.stop();
    rmSync(folder, { recursive: true });
  }
});

/** Many frames at once, and as many again until it is over: how many operations they were. */
async function flooded(client: ToyClient, firstId: number, isOver: () => boolean): Promise<number> {
  let count = 0;
  do {
    for (let frame = 0; frame < FRAMES; frame += 1) {
      client.send(toyFrame(TOY_OPCODE.now + (frame & 1), firstId + count, OPERATIONS));
      count += OPERATIONS;
    }
    await client.answered(count);
  } while (!isOver());
  return count;
}

test.run();
