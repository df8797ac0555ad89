import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_RUNTIME_LIMITS } from './runtime-limits.ts';
import { ToyClient } from './toy/toy-client.ts';
import { startToyNode } from './toy/toy-node.ts';
import type { ToyNode } from './toy/toy-node.ts';
import { TOY_OPCODE, TOY_STATUS, toyFrame } from './toy/toy-protocol.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

let node: ToyNode;
let folder = '';
let logPath = '';

async function connect(): Promise<ToyClient> {
  const client = new ToyClient(node.supervisor.port('coordinator-0')!);
  await client.opened();
  return client;
}

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runtime-node-'));
  logPath = join(folder, 'log');
  node = await startToyNode({
    logPath,
    runtimeLimits: {
      ...DEFAULT_RUNTIME_LIMITS,
      heartbeatMs: 200,
      hungAfterMs: 600,
      heapMegabytesMax: 64,
    },
  });
});

test.after(async () => {
  await node.stop();
  rmSync(folder, { recursive: true });
});

test('a frame goes from a socket through both rings and back, by each lane', async () => {
  const client = await connect();
  client.send(toyFrame(TOY_OPCODE.direct, 1, 3));
  client.send(toyFrame(TOY_OPCODE.now, 11, 3));
  client.send(toyFrame(TOY_OPCODE.durable, 21, 3));
  client.send(toyFrame(TOY_OPCODE.unsynced, 31, 3));
  await client.answered(12);
  assert.ok([...client.answers.values()].every((status) => status === TOY_STATUS.ok));
  client.end();
});

test('[GC1] what is answered on lane durable is in the file', async () => {
  const before = existsSync(logPath) ? statSync(logPath).size : 0;
  const client = await connect();
  client.send(toyFrame(TOY_OPCODE.durable, 1, 100));
  await client.answered(100);
  assert.ok(statSync(logPath).size >= before + 100 * 32);
  client.end();
});

test('many frames of many connections come back, each once', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, connect));
  clients.forEach((client, index) => {
    for (let frame = 0; frame < 50; frame += 1) {
      client.send(toyFrame(TOY_OPCODE.now + (frame & 1), index * 10_000 + frame * 32, 32));
    }
  });
  await Promise.all(clients.map((client) => client.answered(1600)));
  for (const client of clients) client.end();
});

test('actors of one thread have queues of their own, timers, tells and jobs', async () => {
  node.supervisor.tell('ring-manager', 'begin');
  await until(() => node.told.length >= 2);
  assert.equal(
    node.told.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    [{ failure: 'ENOSPC' }, { squared: 144 }],
  );
  const figures = await node.supervisor.figures('control');
  assert.equal(Object.keys(figures).toSorted(), ['compactor', 'ring-manager']);
  assert.ok(node.supervisor.port('ring-manager')! > 0);
});

test('[GW2] a message that is no frame closes that connection only', async () => {
  const bystander = await connect();
  const client = await connect();
  client.send(new Int32Array(3));
  assert.is(await client.closed(), 1002);
  bystander.send(toyFrame(TOY_OPCODE.now, 1, 1));
  await bystander.answered(1);
  bystander.end();
});

for (const victim of ['replica-0', 'log-0'] as const) {
  for (const mode of ['throw', 'exit', 'hang', 'terminate'] as const) {
    // Each shard may crash four times a minute: the rest of the modes is split among the two.
    if ((victim === 'log-0') === (mode === 'throw' || mode === 'hang')) continue;
    test(`H4 ${victim} dies by ${mode}: in flight is unknown, both come back as a pair`, async () => {
      const client = await connect();
      const { life } = node.states.findLast(({ name }) => name === 'replica-0')!;
      node.supervisor.fail(victim, mode);
      for (let frame = 0; frame < 20; frame += 1) {
        client.send(toyFrame(TOY_OPCODE.durable, frame * 10, 10));
      }
      await client.answered(200);
      await until(() => {
        const latest = node.states.findLast(({ name }) => name === 'replica-0')!;
        return latest.life === life + 1 && latest.state.kind === 'ready';
      });
      const statuses = [...client.answers.values()];
      assert.ok(
        statuses.every((status) => status === TOY_STATUS.ok || status === TOY_STATUS.unknown),
      );
      client.answers.clear();
      while (![...client.answers.values()].includes(TOY_STATUS.ok)) {
        client.answers.clear();
        client.send(toyFrame(TOY_OPCODE.durable, 1000, 10));
        await client.answered(10);
      }
      client.end();
    });
  }
}

for (const mode of ['throw', 'memory'] as const) {
  test(`H4 a coordinator dies by ${mode}: its port is the same, the shard answers the next one`, async () => {
    const port = node.supervisor.port('coordinator-0')!;
    const client = await connect();
    const { life } = node.states.findLast(({ name }) => name === 'coordinator-0')!;
    node.supervisor.fail('coordinator-0', mode);
    assert.is(await client.closed(), 1006);
    await until(() => {
      const latest = node.states.findLast(({ name }) => name === 'coordinator-0')!;
      return latest.life === life + 1 && latest.state.kind === 'ready';
    });
    assert.is(node.supervisor.port('coordinator-0'), port);
    const next = await connect();
    next.send(toyFrame(TOY_OPCODE.durable, 1, 10));
    await next.answered(10);
    next.end();
  });
}

test('[CP1] a call to a thread that dies is rejected', async () => {
  node.supervisor.fail('control', 'hang');
  let code = '';
  await node.supervisor.figures('control').catch((error: { readonly code: string }) => {
    code = error.code;
  });
  assert.is(code, 'WORKER_DIED');
  await until(() => node.supervisor.state('control')?.kind === 'ready');
});

test('a node whose port is taken fails its start, with the reason', async () => {
  const port = node.supervisor.port('coordinator-0')!;
  let reason = '';
  await startToyNode({ logPath: join(folder, 'second-log'), coordinatorPort: port }).catch(
    (error: Error) => (reason = error.message),
  );
  assert.match(reason, /coordinator-0 does not start: .*EADDRINUSE/);
});

test('[SV2] a shard is given up after five crashes in a minute, the node is not', async () => {
  while (node.supervisor.state('replica-0')?.kind !== 'given-up') {
    if (node.supervisor.state('replica-0')?.kind === 'ready') {
      node.supervisor.fail('replica-0', 'terminate');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const client = await connect();
  client.send(toyFrame(TOY_OPCODE.durable, 1, 10));
  client.send(toyFrame(TOY_OPCODE.direct, 11, 10));
  await client.answered(20);
  assert.is(client.answers.get(1), TOY_STATUS.unknown);
  assert.is(client.answers.get(11), TOY_STATUS.ok);
  client.end();
});

test.run();
