import { REQUEST_FLAG, REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { VALUE_CODEC } from '@clockwise/protocol/response-body';
import { encodeValue, type Value } from '@clockwise/protocol/value-codec';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryWorld } from './memory-world.ts';
import { ENTRY, outcomeOf, valuesAnswer } from './scripted-answers.ts';
import { NOT_FOUND, OK, refusal } from './scripted-node.ts';

test('a get brings value, context and where it came from', async () => {
  const world = new MemoryWorld();
  world.node('a:1').script = () => valuesAnswer('hello');
  const db = await world.connect();
  const getting = db.bucket('default').get('k');
  await world.settle();
  const result = await getting;
  assert.is(result.found, true);
  assert.is(result.value, 'hello');
  assert.equal(result.values, ['hello']);
  assert.equal(result.context.words, ENTRY);
  assert.is(result.siblings.length, 1);
  assert.is(result.siblings[0]?.dot, '0000222200001111:1');
  assert.is(result.answered, 2);
  db.close();
});

test('[RS1] a get that finds nothing, or only tombstones, says so', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  node.script = () => NOT_FOUND;
  const missing = db.bucket().get('k');
  await world.settle();
  assert.is((await missing).found, false);
  const siblings = [{ codec: 0, bytes: new Uint8Array(0), isTombstone: true }];
  node.script = () => ({ status: 0, context: ENTRY, siblings });
  const deleted = db.bucket().get('k');
  await world.settle();
  assert.is((await deleted).found, false);
  assert.is((await deleted).value, undefined);
  assert.is((await deleted).siblings[0]?.isTombstone, true);
  assert.equal((await deleted).context.words, ENTRY);
  db.close();
});

test('[DP2] the operations of one tick leave in one frame and one flush, in their order', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const bucket = db.bucket();
  const flushesBefore = world.links[0]!.flushCount;
  const all = [bucket.get('a'), bucket.put('b', 'x'), bucket.delete('c'), bucket.get('d')];
  await world.settle();
  await Promise.all(all);
  assert.is(node.frames.length, 1);
  assert.equal(
    node.requests.map((request) => request.keyText),
    ['a', 'b', 'c', 'd'],
  );
  assert.is(world.links[0]!.flushCount, flushesBefore + 1);
  db.close();
});

test('what a put sends: operation id, flags, level, codec, time to live, context', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => ({ status: 0, context: ENTRY });
  const db = await world.connect();
  const bucket = db.bucket();
  const first = bucket.put('k', 'v', { w: 2, timeToLiveSeconds: 60, strict: true });
  await world.settle();
  const { context } = await first;
  const second = bucket.put('k', [1, { a: null }], { w: 'all', context });
  const third = bucket.put('k', Uint8Array.of(1, 2), { context: 'none' });
  await world.settle();
  await Promise.all([second, third]);
  const [one, two, three] = node.requests;
  assert.is(one!.level, 2);
  assert.is(one!.flags, REQUEST_FLAG.wantContext | REQUEST_FLAG.strict);
  assert.is(one!.codec, VALUE_CODEC.text);
  assert.is(one!.timeToLiveSeconds, 60);
  assert.equal(two!.context, ENTRY);
  assert.is(two!.flags, REQUEST_FLAG.wantContext | REQUEST_FLAG.contextGiven);
  assert.is(two!.codec, VALUE_CODEC.structured);
  assert.is(three!.flags, REQUEST_FLAG.wantContext | REQUEST_FLAG.contextGiven);
  assert.equal(three!.context, []);
  assert.equal([...three!.value], [1, 2]);
  assert.is(new Set(node.requests.map((request) => request.operationId)).size, 3);
  assert.is(one!.remainingMs, 2000);
  db.close();
});

test('[CN3] deadlines that differ do not share a frame', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const bucket = db.bucket();
  const all = [
    bucket.get('a', { timeoutMs: 1000 }),
    bucket.get('b', { timeoutMs: 1040 }),
    bucket.get('c', { timeoutMs: 5000 }),
  ];
  await world.settle();
  await Promise.all(all);
  assert.equal(
    node.frames.map((frame) => frame.map((request) => request.keyText).join()),
    ['a,b', 'c'],
  );
  assert.equal(
    node.frames.map((frame) => frame[0]!.remainingMs),
    [1040, 5000],
  );
  db.close();
});

test('several connections take an even share of each tick', async () => {
  const world = new MemoryWorld();
  const nodes = ['a:1', 'b:1', 'c:1'].map((name) => world.node(name));
  const db = await world.connect({ connections: 3 });
  const gets = Array.from({ length: 9 }, (_, index) => db.bucket().get(`${index}`));
  await world.settle();
  await Promise.all(gets);
  assert.equal(
    nodes.map((node) => node.requests.length),
    [3, 3, 3],
  );
  db.close();
});

test('[BK2] unknown buckets and what breaks a limit are refused here, by name', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const bucket = db.bucket();
  const context = { context: undefined as never };
  const settled = Promise.all([
    outcomeOf(db.bucket('nowhere').get('k')),
    outcomeOf(bucket.get('k'.repeat(1025))),
    outcomeOf(bucket.get('é'.repeat(513))),
    outcomeOf(bucket.put('k', 'v'.repeat(10 * 1024 + 1))),
    outcomeOf(bucket.put('k', new Uint8Array(10 * 1024 + 1))),
    outcomeOf(bucket.get('')),
    outcomeOf(bucket.get('\ud800')),
    outcomeOf(bucket.put('k', '\udc00 half')),
    outcomeOf(bucket.put('k', undefined as never)),
    outcomeOf(bucket.put('k', { when: new Date(0) as never })),
    outcomeOf(bucket.put('k', 'v', { context })),
    outcomeOf(bucket.get('k', { r: 0 })),
    outcomeOf(bucket.get('k', { timeoutMs: 100_000 })),
    outcomeOf(bucket.put('k', 'v', { timeToLiveSeconds: 0.5 })),
  ]);
  await world.settle();
  assert.equal(
    (await settled).map((outcome) => String(outcome).split(' ')[0]),
    [
      'NO_SUCH_BUCKET',
      ...['KEY_TOO_LARGE', 'KEY_TOO_LARGE', 'VALUE_TOO_LARGE', 'VALUE_TOO_LARGE'],
      ...Array<string>(9).fill('BAD_REQUEST'),
    ],
  );
  assert.is(node.requests.length, 0);
  const fine = bucket.put('é'.repeat(512), 'v'.repeat(10 * 1024));
  await world.settle();
  await fine;
  db.close();
});

test('[BK1] what the caller changes after the call changes no request', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const key = Uint8Array.of(1, 2, 3);
  const value = { list: [1] };
  const putting = db.bucket().put(key, value);
  key[0] = 9;
  value.list.push(2);
  await world.settle();
  await putting;
  assert.equal([...node.requests[0]!.key], [1, 2, 3]);
  const encoded = encodeValue({ list: [1] });
  assert.ok(encoded.ok && Buffer.from(encoded.bytes).equals(node.requests[0]!.value));
  db.close();
});

test('values keep their kind, and field names are only names', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  const hostile = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as Value;
  const all: Value[] = ['', 'é中😀', 0, -1.5, true, null, [1, ['x']], Uint8Array.of(0, 255)];
  for (const value of [...all, hostile]) {
    node.script = () => valuesAnswer(value);
    const getting = db.bucket().get('k');
    await world.settle();
    const got = (await getting).value;
    assert.is(JSON.stringify(got), JSON.stringify(value));
  }
  assert.is(({} as { polluted?: boolean }).polluted, undefined);
  db.close();
});

test('[RD1] bytes that their codec cannot read come as bytes', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect();
  for (const codec of [VALUE_CODEC.text, VALUE_CODEC.structured]) {
    const bytes = Uint8Array.of(0xff, 0xc3);
    node.script = () => ({ status: 0, context: ENTRY, siblings: [{ codec, bytes }] });
    const getting = db.bucket().get('k');
    await world.settle();
    assert.equal((await getting).value, bytes);
  }
  db.close();
});

test('[RS2] several siblings: no value without resolve, its value with it, its error to who asked', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => valuesAnswer('b', 'a');
  const db = await world.connect();
  const plain = db.bucket().get('k');
  const resolved = db.bucket('default', { resolve: (all) => all.map(String).join('+') }).get('k');
  const broken = db.bucket('default', {
    resolve: () => {
      throw new RangeError('mine');
    },
  });
  const failing = broken.get('k').catch((error: unknown) => error);
  await world.settle();
  assert.is((await plain).value, undefined);
  assert.equal((await plain).values, ['b', 'a']);
  assert.is((await resolved).value, 'b+a');
  assert.instance(await failing, RangeError);
  db.close();
});

test('update replaces exactly what it read; undefined leaves it', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = (request) => (request.opcode === REQUEST_OPCODE.get ? valuesAnswer(41) : OK);
  const db = await world.connect();
  const updating = db.bucket().update('k', (value) => Number(value) + 1);
  await world.settle();
  assert.is(await updating, 42);
  assert.equal(node.requests[1]!.context, ENTRY);
  const leaving = db.bucket().update('k', () => undefined);
  await world.settle();
  assert.is(await leaving, undefined);
  assert.is(node.requests.length, 3);
  db.close();
});

test('putMany and getMany give one result for each item, and never fail as a whole', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = (request) => (request.keyText === 'b' ? refusal('DISK_FAILED') : OK);
  const db = await world.connect({ timeoutMs: 200 });
  const bucket = db.bucket();
  const putting = bucket.putMany([
    ['a', 1],
    ['b', 2],
    ['x'.repeat(2000), 3],
    { key: 'd', value: 4, context: 'none' },
  ]);
  const getting = bucket.getMany(['a', '', 'd']);
  await world.advance(300);
  const told = (await putting).map((item) => (item.ok ? 'ok' : item.error.code));
  assert.equal(told, ['ok', 'DISK_FAILED', 'KEY_TOO_LARGE', 'ok']);
  assert.equal(
    (await getting).map((item) => item.ok),
    [true, false, true],
  );
  assert.equal(await bucket.putMany([]), []);
  db.close();
});

test('status and ring ask the node; an error there is an error here', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.control = (message) => {
    if (message.kind === 'statusRequest') {
      return { kind: 'status', requestId: message.requestId, json: '{"ready":true}' };
    }
    if (message.kind === 'ringRequest') {
      return { kind: 'ring', requestId: message.requestId, bytes: Uint8Array.of(1, 2) };
    }
    if (message.kind === 'adminRequest') {
      return { kind: 'error', requestId: message.requestId, code: 38, text: 'no such command' };
    }
    return undefined;
  };
  const db = await world.connect();
  const asking = Promise.all([db.status(), db.ring(), outcomeOf(db.admin('dance'))]);
  await world.settle();
  const [status, ring, refused] = await asking;
  assert.equal(status, { ready: true });
  assert.equal([...ring.bytes], [1, 2]);
  assert.is(ring.epoch, 1);
  assert.is(refused, 'BAD_REQUEST not-applied');
  db.close();
});

test.run();
