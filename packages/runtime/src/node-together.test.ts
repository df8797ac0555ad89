/** A node whose coordinator lives in the thread of its shard. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_RUNTIME_LIMITS } from './runtime-limits.ts';
import { ToyClient } from './toy/toy-client.ts';
import { startToyNode, type ToyNode } from './toy/toy-node.ts';
import { TOY_OPCODE, TOY_STATUS, toyFrame } from './toy/toy-protocol.ts';

interface Context {
  folder: string;
  logPath: string;
  node: ToyNode;
}

const together = suite<Context>('coordinator and replica in one thread');

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function connect({ node }: Context): Promise<ToyClient> {
  const client = new ToyClient(node.supervisor.port('coordinator-0')!);
  await client.opened();
  return client;
}

function latest({ node }: Context, unit: string): ToyNode['states'][number] {
  return node.states.findLast(({ name }) => name === unit)!;
}

together.before.each(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'runtime-together-'));
  context.logPath = join(context.folder, 'log');
  context.node = await startToyNode({
    logPath: context.logPath,
    runtimeLimits: { ...DEFAULT_RUNTIME_LIMITS, heartbeatMs: 200, hungAfterMs: 600 },
    together: true,
  });
});
together.after.each(async ({ node, folder }) => {
  await node.stop();
  rmSync(folder, { recursive: true });
});

together('a frame goes through both cores and the log, by each lane', async (context) => {
  const client = await connect(context);
  const before = statSync(context.logPath).size;
  client.send(toyFrame(TOY_OPCODE.direct, 1, 3));
  client.send(toyFrame(TOY_OPCODE.now, 11, 3));
  client.send(toyFrame(TOY_OPCODE.unsynced, 31, 3));
  client.send(toyFrame(TOY_OPCODE.durable, 41, 100));
  await client.answered(109);
  assert.ok([...client.answers.values()].every((status) => status === TOY_STATUS.ok));
  assert.ok(statSync(context.logPath).size >= before + 100 * 32);
  const figures = await context.node.supervisor.figures('replica-0');
  assert.equal(Object.keys(figures).toSorted(), ['coordinator-0', 'replica-0']);
  client.end();
});

for (const victim of ['coordinator-0', 'log-0'] as const) {
  together(`H4 ${victim} dies: both actors come back, on the same port`, async (context) => {
    const port = context.node.supervisor.port('coordinator-0')!;
    const client = await connect(context);
    const { life } = latest(context, 'replica-0');
    context.node.supervisor.fail(victim, 'throw');
    assert.is(await client.closed(), 1006);
    await until(() => {
      const { life: next, state } = latest(context, 'replica-0');
      return next === life + 1 && state.kind === 'ready';
    });
    assert.is(latest(context, 'coordinator-0').state.kind, 'ready');
    assert.is(context.node.supervisor.port('coordinator-0'), port);
    const next = await connect(context);
    next.send(toyFrame(TOY_OPCODE.durable, 1, 10));
    await next.answered(10);
    next.end();
  });
}

together(
  '[SV2] the shard is given up: its coordinator gets a thread of its own',
  async (context) => {
    const { supervisor } = context.node;
    const port = supervisor.port('coordinator-0')!;
    while (supervisor.state('replica-0')?.kind !== 'given-up') {
      if (supervisor.state('replica-0')?.kind === 'ready')
        supervisor.fail('replica-0', 'terminate');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => supervisor.state('coordinator-0')?.kind === 'ready');
    assert.is(supervisor.port('coordinator-0'), port);
    const client = await connect(context);
    client.send(toyFrame(TOY_OPCODE.durable, 1, 10));
    client.send(toyFrame(TOY_OPCODE.direct, 11, 10));
    await client.answered(20);
    assert.is(client.answers.get(1), TOY_STATUS.unknown);
    assert.is(client.answers.get(11), TOY_STATUS.ok);
    client.end();
  },
);

together("a port that is taken is said to be the coordinator's trouble", async (context) => {
  const coordinatorPort = context.node.supervisor.port('coordinator-0')!;
  let reason = '';
  const states: ToyNode['states'] = [];
  await startToyNode({
    logPath: join(context.folder, 'second-log'),
    coordinatorPort,
    together: true,
    states,
  }).catch((error: Error) => (reason = error.message));
  assert.match(reason, /EADDRINUSE/);
  const first = states.find(({ state }) => state.kind === 'crashed')!;
  assert.is(first.name, 'coordinator-0');
});

together.run();
