/** What a client says of its session: times that it has seen, tries that may have happened. */
import { REQUEST_FLAG, RESPONSE_FLAG } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Context } from './context.ts';
import type { ClockwiseError } from './errors.ts';
import { MemoryWorld } from './memory-world.ts';
import { outcomeOf, valuesAnswer } from './scripted-answers.ts';
import { welcomeOf } from './scripted-messages.ts';
import { NOT_FOUND, OK, refusal } from './scripted-node.ts';

const { retry, wantContext } = REQUEST_FLAG;

test('[RT5] every write carries the highest time of all answers before it; reads carry none', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const bucket = db.bucket();
  const step = async (hybrid: readonly [number, number]): Promise<void> => {
    node.script = ({ opcode }) => (opcode === 1 ? { ...NOT_FOUND, hybrid } : { ...OK, hybrid });
    const both = [bucket.get('a'), bucket.put('b', 'v')];
    await world.settle();
    await Promise.all(both);
  };
  for (const hybrid of [
    [5, 7],
    [1, 8],
    [-1, 3],
    [0, 0],
  ] as const)
    await step(hybrid);
  const seen = node.requests.map((request) => request.seen);
  assert.equal(
    seen.filter((_, index) => index % 2 === 0),
    [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  );
  assert.equal(
    seen.filter((_, index) => index % 2 === 1),
    [
      [0, 0],
      [5, 7],
      [1, 8],
      [1, 8],
    ],
  );
  db.close();
});

test('[RE2] [RT5] a retry says so and how old it is, and has seen what its first try had', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect({ timeoutMs: 5000 });
  const bucket = db.bucket();
  node.script = ({ keyText }) => {
    if (keyText === 'other') return { ...OK, hybrid: [9, 9] };
    return node.requests.length < 4 ? refusal('UNKNOWN_OUTCOME') : OK;
  };
  const putting = bucket.put('k', 'v');
  await world.settle();
  const other = bucket.put('other', 'v');
  await world.advance(3000);
  await Promise.all([putting, other]);
  const tries = node.requests.filter((request) => request.keyText === 'k');
  assert.ok(tries.length >= 3);
  tries.forEach((one, index) => {
    assert.is(one.flags, index === 0 ? wantContext : wantContext | retry);
    assert.is(one.ageMs > 0, index > 0);
    assert.equal(one.seen, [0, 0], 'the answer to the other write came after the first try');
    if (index > 1) assert.ok(one.ageMs > tries[index - 1]!.ageMs);
  });
  db.close();
});

test('[RE2] what was surely not applied is tried again as if for the first time', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  node.script = () => (node.requests.length < 3 ? refusal('OVERLOADED') : OK);
  const putting = db.bucket().put('k', 'v');
  await world.advance(1000);
  await putting;
  assert.equal(
    node.requests.map(({ flags, ageMs }) => [flags & retry, ageMs]),
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  );
  db.close();
});

test('a context brings the time it was read at, into another process too', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = ({ opcode }) => (opcode === 1 ? { ...valuesAnswer('v'), hybrid: [5, 7] } : OK);
  const reader = await world.connect();
  const reading = reader.bucket().get('k');
  await world.settle();
  const text = (await reading).context.toString();
  const writer = await world.connect();
  const writing = writer.bucket().put('k', 'w', { context: Context.parse(text) });
  await world.settle();
  await writing;
  assert.equal(node.requests[1]!.seen, [5, 7]);
  assert.equal(node.requests[1]!.context, (await reading).context.words);
  for (const db of [reader, writer]) db.close();
});

test('a result says how durable it is, who answered, and whether it was there before', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const { sloppy, duplicate } = RESPONSE_FLAG;
  node.script = () => ({ ...OK, flags: sloppy | duplicate, answered: 2 | (1 << 8) | (1 << 16) });
  const putting = db.bucket().put('k', 'v');
  await world.settle();
  const { answered, primaries, durability, ...rest } = await putting;
  assert.equal([answered, primaries, durability], [2, 1, 'interval']);
  assert.is(rest.sloppy, true);
  assert.is(rest.duplicate, true);
  node.script = () => valuesAnswer('v');
  const getting = db.bucket().get('k');
  await world.settle();
  assert.is((await getting).durability, 'sync');
  assert.is((await getting).sloppy, false);
  db.close();
});

test('[XP1] explain brings the account of the answer; one that cannot be read is left out', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const account = { node: 'n1', replicas: [{ node: 'n1', position: 0, outcome: 'ok' }] };
  for (const explanation of [JSON.stringify(account), '{"replicas":', '[]', 'null']) {
    node.script = ({ opcode }) =>
      opcode === 1 ? { ...valuesAnswer('v', 'w'), explanation } : { ...OK, explanation };
    const getting = db.bucket().get('k', { explain: true, monotonic: true });
    const putting = db.bucket().put('k', 'v', { explain: true });
    await world.settle();
    const wanted = explanation.endsWith(']}') ? account : undefined;
    assert.equal((await getting).explanation, wanted);
    assert.equal((await getting).values, ['v', 'w']);
    await putting;
    node.script = () => ({ ...refusal('BAD_REQUEST'), explanation });
    const refused = db
      .bucket()
      .put('k', 'v', { explain: true })
      .catch((error: unknown) => error);
    await world.settle();
    assert.equal(((await refused) as ClockwiseError).explanation, wanted);
  }
  const { explain, monotonic } = REQUEST_FLAG;
  assert.equal(
    [...new Set(node.requests.map(({ flags }) => flags))],
    [explain | monotonic, explain | wantContext],
  );
  db.close();
});

test('[BK2] a bucket that takes writes only with a context is not asked without one', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const welcome = welcomeOf('cluster');
  node.welcome = { ...welcome, buckets: [{ ...welcome.buckets[0]!, contextRequired: true }] };
  const db = await world.connect();
  const bucket = db.bucket();
  const refused = await Promise.all([
    outcomeOf(bucket.put('k', 'v')),
    outcomeOf(bucket.delete('k')),
  ]);
  assert.equal(refused, ['CONTEXT_REQUIRED not-applied', 'CONTEXT_REQUIRED not-applied']);
  assert.is(node.requests.length, 0);
  node.script = ({ opcode }) => (opcode === 1 ? NOT_FOUND : OK);
  const fine = [bucket.put('k', 'v', { context: 'none' }), bucket.update('k', () => 'w')];
  await world.settle();
  await Promise.all(fine);
  db.close();
});

test('a level that cannot be met is refused in words', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const address = { nodeId: 'n1', address: 'a:1', dataCentre: 'dc1', rack: '' };
  node.welcome = welcomeOf('cluster', { addresses: [address] });
  node.script = () => refusal('IMPOSSIBLE_LEVEL');
  const db = await world.connect();
  const reasonOf = async (asked: Promise<unknown>): Promise<string> => {
    const failing = asked.then(String, (error: unknown) => (error as Error).message);
    await world.settle();
    return failing;
  };
  const bucket = db.bucket();
  assert.match(await reasonOf(bucket.get('k', { r: 4 })), 'r 4 asks for more replicas than the 3');
  assert.match(await reasonOf(bucket.put('k', 'v', { w: 9 })), 'w 9 asks for more replicas');
  assert.match(
    await reasonOf(bucket.put('k', 'v', { w: 'local-quorum' })),
    'local-quorum needs a replica in dc1, where n1 is; bucket default has none there',
  );
  db.close();
});

test('a level that cannot be met while a data centre is cut off is refused in words, when tries end', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const addresses = [
    { nodeId: 'n1', address: 'a:1', dataCentre: 'dc1', rack: '' },
    { nodeId: 'n2', address: 'b:1', dataCentre: 'dc2', rack: '' },
  ];
  node.welcome = welcomeOf('cluster', { addresses });
  node.script = () => refusal('UNAVAILABLE');
  const db = await world.connect();
  const bucket = db.bucket();
  const rows = [
    [
      'each-quorum',
      'UNAVAILABLE: each-quorum needs a majority of the replicas in every data centre (dc1, dc2)',
    ],
    [
      'local-quorum',
      'UNAVAILABLE: local-quorum needs a majority of the replicas in dc1, and n1 reaches too few',
    ],
    ['quorum', 'UNAVAILABLE: too few replicas are reachable'],
  ] as const;
  for (const [w, reason] of rows) {
    const refused = bucket.put('k', 'v', { w, timeoutMs: 1 }).then(String, String);
    await world.settle();
    assert.match(await refused, reason);
  }
  db.close();
});

test.run();
