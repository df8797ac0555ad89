import { ERRORS } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryWorld } from './memory-world.ts';
import { once, outcomeOf, valuesAnswer } from './scripted-answers.ts';
import { welcomeOf } from './scripted-messages.ts';
import { OK, refusal } from './scripted-node.ts';

test('[DP3] a lost connection: the same operation goes out again, elsewhere, under its id', async () => {
  const world = new MemoryWorld();
  const nodes = [world.node('a:1'), world.node('b:1')];
  for (const node of nodes) node.script = () => undefined;
  const db = await world.connect();
  const putting = db.bucket().put('k', 'v');
  await world.settle();
  for (const node of nodes) node.script = () => OK;
  world.links[0]!.end('reset');
  await world.advance(10);
  await putting;
  const [before, after] = nodes.map((node) => node.requests[0]!);
  assert.is.not(world.dialled[0], world.dialled[1]);
  assert.is(before!.operationId, after!.operationId);
  assert.is.not(before!.requestId, after!.requestId);
  assert.equal(before!.value, after!.value);
  db.close();
});

test('[DP3] refusals that a retry can mend are retried under the same id', async () => {
  for (const code of ['OVERLOADED', 'UNAVAILABLE', 'NOT_READY', 'UNKNOWN_OUTCOME'] as const) {
    const world = new MemoryWorld();
    const node = world.node('a:1');
    node.script = once(refusal(code, code === 'OVERLOADED' ? 300 : 0), OK);
    const db = await world.connect();
    const before = world.now();
    let settledAt = 0;
    const putting = db
      .bucket()
      .put('k', 'v')
      .then(() => {
        settledAt = world.now();
      });
    await world.advance(1000);
    await putting;
    assert.is(node.requests.length, 2);
    assert.is(node.requests[0]!.operationId, node.requests[1]!.operationId);
    if (code === 'OVERLOADED') assert.ok(settledAt - before >= 300);
    db.close();
  }
});

test('[RO5] retries are made within their budget, but for what a lost connection had in flight and what nobody could do', async () => {
  const world = new MemoryWorld();
  const nodes = [world.node('a:1'), world.node('b:1')];
  for (const node of nodes) node.script = () => undefined;
  const db = await world.connect({ inFlightMax: 400, silenceTimeoutMs: 60_000 });
  const keys = Array.from({ length: 400 }, (_, index) => `${index}`);
  const getting = db.bucket().getMany(keys);
  await world.settle();
  for (const node of nodes) node.script = () => OK;
  world.links[0]!.end('reset');
  await world.advance(100);
  assert.ok(
    (await getting).every(({ ok }) => ok),
    'more than the budget, and all were sent again',
  );
  for (const node of nodes) {
    node.frames.length = 0;
    node.script = () => refusal('UNAVAILABLE');
  }
  const unavailable = db.bucket().getMany(keys, { timeoutMs: 5000 });
  await world.advance(1000);
  for (const node of nodes) {
    node.frames.length = 0;
    node.script = () => OK;
  }
  await world.advance(3000);
  assert.ok(
    (await unavailable).every(({ ok }) => ok),
    'a cluster that comes up is waited for',
  );
  for (const node of nodes) {
    node.frames.length = 0;
    node.script = () => refusal('OVERLOADED');
  }
  const refused = db.bucket().getMany(keys, { timeoutMs: 1000 });
  await world.advance(1500);
  assert.ok((await refused).every(({ ok }) => !ok));
  const retries = nodes.flatMap(({ requests }) => requests).length - keys.length;
  // [SW3] Half a window is saved up, and two of them found their window smaller.
  assert.ok(retries >= 200 && retries <= 200 + 40 + 20 + 800, `${retries} retries`);
  db.close();
});

test('[RO5] a burst that a node refuses for load is answered by and by, and fails nothing', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => refusal('OVERLOADED', 20);
  const db = await world.connect({ inFlightMax: 400 });
  const keys = Array.from({ length: 1200 }, (_, index) => `${index}`);
  const getting = db.bucket().getMany(keys, { timeoutMs: 5000 });
  await world.advance(300);
  const refused = node.requests.length;
  assert.ok(refused > 400, `${refused} were refused`);
  node.script = () => OK;
  await world.advance(4000);
  assert.ok((await getting).every(({ ok }) => ok));
  db.close();
});

test('refusals that no retry can mend fail at once, by name', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => refusal('TOO_MANY_SIBLINGS');
  const db = await world.connect();
  const putting = outcomeOf(db.bucket().put('k', 'v'));
  await world.settle();
  assert.is(await putting, 'TOO_MANY_SIBLINGS not-applied');
  assert.is(node.requests.length, 1);
  db.close();
});

test('[DP1] [DP4] [RO2] no answer: TIMEOUT at the deadline, unknown for what was sent and writes', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => undefined;
  const db = await world.connect({ silenceTimeoutMs: 60_000 });
  const outcomes = Promise.all([
    outcomeOf(db.bucket().put('k', 'v')),
    outcomeOf(db.bucket().delete('k')),
    outcomeOf(db.bucket().get('k', { timeoutMs: 500 })),
  ]);
  await world.advance(2001);
  assert.equal(await outcomes, ['TIMEOUT unknown', 'TIMEOUT unknown', 'TIMEOUT not-applied']);
  db.close();
});

test('[DP4] a write that never left was not applied', async () => {
  const world = new MemoryWorld();
  world.node('a:1');
  const db = await world.connect();
  world.nodes.clear();
  world.links[0]!.end('reset');
  const outcome = outcomeOf(db.bucket().put('k', 'v'));
  await world.advance(2100);
  assert.is(await outcome, 'TIMEOUT not-applied');
  db.close();
});

test('[DP4] [RO3] once ambiguous, a write stays unknown whatever later tries are told', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = once(refusal('UNKNOWN_OUTCOME'), refusal('UNAVAILABLE'));
  const db = await world.connect();
  const putting = outcomeOf(db.bucket().put('k', 'v'));
  await world.advance(2001);
  assert.match(String(await putting), /^(UNAVAILABLE|TIMEOUT) unknown$/);
  assert.ok(node.requests.length > 2);
  db.close();
});

test('[RO4] a signal cancels: before, while it waits, in flight', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => undefined;
  const db = await world.connect();
  const bucket = db.bucket();
  const waiting = new AbortController();
  const flying = new AbortController();
  const settled = Promise.all([
    outcomeOf(bucket.put('a', 'v', { signal: AbortSignal.abort() })),
    outcomeOf(bucket.put('b', 'v', { signal: waiting.signal })),
    outcomeOf(bucket.put('c', 'v', { signal: flying.signal })),
  ]);
  waiting.abort();
  await world.settle();
  flying.abort();
  await world.settle();
  assert.equal(await settled, [
    'CANCELLED not-applied',
    'CANCELLED not-applied',
    'CANCELLED unknown',
  ]);
  assert.equal(
    node.requests.map((request) => request.keyText),
    ['c'],
  );
  db.close();
});

test('[DP5] in flight is bounded, waiting is bounded, excess is OVERLOADED at once', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => undefined;
  const db = await world.connect({ inFlightMax: 4, waitingMax: 3 });
  const puts = Array.from({ length: 9 }, (_, index) => outcomeOf(db.bucket().put(`${index}`, 'v')));
  await world.settle();
  assert.is(node.requests.length, 4);
  assert.is(await puts[7], 'OVERLOADED not-applied');
  assert.is(await puts[8], 'OVERLOADED not-applied');
  node.script = () => OK;
  node.answer(node.frames[0]!, (words) => world.links[0]!.send(words));
  node.script = () => undefined;
  await world.settle();
  assert.is(node.requests.length, 7);
  db.close();
  assert.is(await puts[5], 'CLOSED unknown');
  await Promise.all(puts);
});

test('one signal for very many operations cancels them all', async () => {
  const world = new MemoryWorld();
  world.node('a:1').script = () => undefined;
  const db = await world.connect();
  const controller = new AbortController();
  const { signal } = controller;
  const bucket = db.bucket();
  const gets = Array.from({ length: 500 }, (_, index) =>
    outcomeOf(bucket.get(`${index}`, { signal })),
  );
  await world.settle();
  controller.abort();
  assert.equal(new Set(await Promise.all(gets)), new Set(['CANCELLED not-applied']));
  assert.is(db.connections[0]?.inFlightCount, 0);
  db.close();
});

test('a socket that takes no more is left alone until it does', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  world.links[0]!.bufferedBytes = 100 * 1024 * 1024;
  const putting = db.bucket().put('k', 'v');
  await world.advance(50);
  assert.is(node.requests.length, 0);
  world.links[0]!.bufferedBytes = 0;
  await world.advance(10);
  await putting;
  assert.is(node.requests.length, 1);
  db.close();
});

test('a late answer, a second answer and an answer to another try settle nothing', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  node.script = () => undefined;
  const outcome = outcomeOf(db.bucket().get('k', { timeoutMs: 50 }));
  await world.advance(60);
  assert.is(await outcome, 'TIMEOUT not-applied');
  node.script = () => valuesAnswer('late');
  const answerAgain = (): void =>
    node.answer(node.frames[0]!, (words) => world.links[0]!.send(words));
  answerAgain();
  const next = db.bucket().get('other');
  node.script = () => valuesAnswer('right');
  await world.settle();
  answerAgain();
  await world.settle();
  assert.is((await next).value, 'right');
  db.close();
});

test('[CN1] a frame that breaks the protocol ends the connection, not the operation', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => undefined;
  const db = await world.connect();
  const getting = db.bucket().get('k');
  await world.settle();
  node.script = () => valuesAnswer('after');
  const junk = new Int32Array(16).fill(7);
  world.links[0]!.send(junk);
  await world.advance(10);
  assert.ok(world.links[0]!.isClosed);
  assert.is((await getting).value, 'after');
  db.close();
});

test('[CN2] silence: a ping, then another node, and the operation succeeds in its time', async () => {
  const world = new MemoryWorld();
  for (const name of ['a:1', 'b:1']) world.node(name).script = () => valuesAnswer('v');
  const db = await world.connect({ silenceTimeoutMs: 400 });
  world.links[0]!.isCut = true;
  const getting = db.bucket().get('k');
  await world.advance(300);
  assert.is(world.links[0]!.pingCount, 1);
  await world.advance(300);
  assert.is((await getting).value, 'v');
  world.links[0]!.isCut = false;
  world.links[0]!.end('told late');
  await world.settle();
  assert.is(db.connections[0]?.isReady, true);
  db.close();
});

test('reconnects to addresses that it learned', async () => {
  const world = new MemoryWorld();
  const first = world.node('a:1');
  const addresses = [{ nodeId: 'n2', address: 'b:1', dataCentre: '', rack: '' }];
  first.welcome = welcomeOf('cluster', { addresses });
  const db = await world.connect();
  const second = world.node('b:1');
  second.script = () => valuesAnswer('from b');
  world.nodes.delete('ws://a:1');
  world.links[0]!.end('gone');
  const getting = db.bucket().get('k');
  await world.advance(1000);
  assert.is((await getting).value, 'from b');
  assert.is((second.hellos[0] as { clusterId?: string }).clusterId, 'cluster');
  db.close();
});

test('[MB3] a client that is in a data centre never talks to a coordinator of another one that it learned', async () => {
  const world = new MemoryWorld();
  const first = world.node('a:1');
  const addresses = [
    { nodeId: 'n2', address: 'b:1', dataCentre: 'dc2', rack: '' },
    { nodeId: 'n3', address: 'c:1', dataCentre: 'dc1', rack: '' },
  ];
  first.welcome = welcomeOf('cluster', { addresses });
  const db = await world.connect({ dataCentre: 'dc1' });
  const [elsewhere, beside] = [world.node('b:1'), world.node('c:1')];
  beside.script = () => valuesAnswer('from c');
  world.nodes.delete('ws://a:1');
  world.links[0]!.end('gone');
  const getting = db.bucket().get('k');
  await world.advance(1000);
  assert.is((await getting).value, 'from c');
  world.nodes.delete('ws://c:1');
  world.links.at(-1)!.end('gone');
  await world.advance(5000);
  assert.is(elsewhere.hellos.length, 0);
  db.close();
});

test('[MB2] connect fails by name: nobody there, another protocol', async () => {
  const nobody = new MemoryWorld();
  const connecting = outcomeOf(nobody.connect({ servers: 'nowhere:1', connectTimeoutMs: 300 }));
  await nobody.advance(400);
  assert.is(await connecting, 'UNAVAILABLE not-applied');
  assert.is(nobody.timerCount, 0);
  const other = new MemoryWorld();
  other.node('a:1').welcome = { kind: 'goodbye', reason: 30, text: 'you speak another version' };
  assert.is(await outcomeOf(other.connect()), 'WRONG_VERSION not-applied');
});

test('[CQ1] a question whose connection ends, or that nobody answers, fails', async () => {
  const world = new MemoryWorld();
  world.node('a:1');
  const db = await world.connect();
  const late = outcomeOf(db.status(50));
  await world.advance(60);
  assert.is(await late, 'TIMEOUT unknown');
  const lost = outcomeOf(db.status());
  world.links[0]!.end('reset');
  assert.is(await lost, 'CONNECTION_LOST unknown');
  db.close();
});

test('close fails what is under way, and leaves no timer behind', async () => {
  const world = new MemoryWorld();
  world.node('a:1').script = () => undefined;
  const db = await world.connect();
  const putting = outcomeOf(db.bucket().put('k', 'v'));
  await world.settle();
  db.close();
  assert.is(await putting, 'CLOSED unknown');
  assert.is(await outcomeOf(db.bucket().get('k')), 'CLOSED not-applied');
  assert.is(world.timerCount, 0);
  assert.ok(world.links[0]!.isClosed);
});

test('[MB1] the first welcome fixes the cluster: another one is refused', async () => {
  const world = new MemoryWorld();
  world.node('a:1');
  const db = await world.connect();
  world.nodes.clear();
  const stranger = world.node('a:1');
  stranger.welcome = welcomeOf('another cluster');
  world.links[0]!.end('reset');
  const getting = outcomeOf(db.bucket().get('k'));
  await world.advance(2100);
  assert.is(await getting, 'TIMEOUT not-applied');
  assert.is(stranger.requests.length, 0);
  assert.is((stranger.hellos[0] as { clusterId?: string }).clusterId, 'cluster');
  db.close();
});

test("[RO1] an operation that ends inside another one's answer ends once", async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => valuesAnswer('v');
  const db = await world.connect();
  const controller = new AbortController();
  const resolve = (): string => {
    controller.abort();
    return 'merged';
  };
  node.script = (request) =>
    request.keyText === 'first' ? valuesAnswer('a', 'b') : valuesAnswer('v');
  const { signal } = controller;
  const first = db.bucket('default', { resolve }).get('first');
  const second = outcomeOf(db.bucket().get('second', { signal }));
  await world.settle();
  assert.is((await first).value, 'merged');
  assert.is(await second, 'CANCELLED not-applied');
  const after = db.bucket().get('third');
  await world.settle();
  assert.is((await after).value, 'v');
  assert.is(db.connections[0]?.inFlightCount, 0);
  db.close();
});

test('[RO1] an operation cancelled by its own resolve is settled once', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => valuesAnswer('a', 'b');
  const db = await world.connect();
  const controller = new AbortController();
  const resolve = (): string => {
    controller.abort();
    return 'merged';
  };
  const { signal } = controller;
  const outcome = outcomeOf(db.bucket('default', { resolve }).get('k', { signal }));
  await world.settle();
  assert.is(await outcome, 'CANCELLED not-applied');
  assert.is(db.connections[0]?.inFlightCount, 0);
  db.close();
});

test('the cause of a timeout is the last refusal', async () => {
  const world = new MemoryWorld();
  world.node('a:1').script = once(refusal('UNAVAILABLE'), OK);
  const db = await world.connect({ silenceTimeoutMs: 60_000 });
  world.nodes.get('ws://a:1')!.script = once(refusal('UNAVAILABLE'), undefined as never);
  const failing = db
    .bucket()
    .get('k')
    .catch((error: unknown) => error);
  await world.advance(2100);
  const error = (await failing) as { code?: string; cause?: { code?: string } };
  assert.is(error.code, 'TIMEOUT');
  assert.is(error.cause?.code, 'UNAVAILABLE');
  assert.ok(ERRORS.UNAVAILABLE.retryable);
  db.close();
});

test.run();
