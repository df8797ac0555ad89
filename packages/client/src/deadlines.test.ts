/**
 * Deadlines while every try fails and is tried again, thousands of operations at once: in virtual
 * time, with the work that the client schedules counted.
 */
import { REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bucket } from './bucket.ts';
import { MemoryWorld } from './memory-world.ts';
import { outcomeOf, valuesAnswer } from './scripted-answers.ts';
import { OK, refusal, type ScriptedNode } from './scripted-node.ts';

const COUNT = 12_000;
/** The platform's timers know whole milliseconds. */
const GRAIN_MS = 1;

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key ${index}`);
}

/** Refuses every request; forgets them, for there are many. Returns how many there were. */
function refuseAll(node: ScriptedNode, code: 'READ_FAILED' | 'OVERLOADED'): () => number {
  let count = 0;
  node.script = () => {
    node.frames.length = 0;
    count += 1;
    return refusal(code);
  };
  return () => count;
}

/** How many timers were set so far. */
function countTimers(world: MemoryWorld): () => number {
  let count = 0;
  const setTimer = world.setTimer.bind(world);
  world.setTimer = (run, delayMs) => {
    count += 1;
    return setTimer(run, delayMs);
  };
  return () => count;
}

interface Storm {
  readonly settledAfterMs: number;
  readonly outcomes: ReadonlySet<unknown>;
  readonly timersSet: number;
  readonly requestCount: number;
}

/** Single reads, all at once, with time enough for `timeoutMs` twice. */
async function storm(count: number, timeoutMs: number): Promise<Storm> {
  const world = new MemoryWorld();
  const requestCount = refuseAll(world.node('a:1'), 'READ_FAILED');
  const db = await world.connect();
  const startedAt = world.now();
  const timersSet = countTimers(world);
  const outcomes = new Set<unknown>();
  let settledAfterMs = 0;
  const reads = keysOf(count).map(async (key) => {
    outcomes.add(await outcomeOf(db.bucket().get(key, { timeoutMs })));
    settledAfterMs = world.now() - startedAt;
  });
  await world.advance(timeoutMs * 2);
  await Promise.all(reads);
  db.close();
  return { settledAfterMs, outcomes, timersSet: timersSet(), requestCount: requestCount() };
}

for (const code of ['READ_FAILED', 'OVERLOADED'] as const) {
  test(`[DP6] [BK3] ${code} to all of 12,000 reads: getMany settles at its deadline`, async () => {
    const world = new MemoryWorld();
    refuseAll(world.node('a:1'), code);
    const db = await world.connect();
    const startedAt = world.now();
    let settledAfterMs = 0;
    const reading = db.bucket().getMany(keysOf(COUNT), { timeoutMs: 5000 });
    const noting = reading.then(() => (settledAfterMs = world.now() - startedAt));
    await world.advance(10_000);
    const results = await reading;
    await noting;
    assert.ok(settledAfterMs <= 5000 + GRAIN_MS, `${settledAfterMs} ms`);
    assert.is(results.length, COUNT);
    for (const item of results) {
      assert.ok(!item.ok && [code, 'TIMEOUT'].includes(item.error.code));
      assert.is(item.error.outcome, 'not-applied');
    }
    assert.is(db.connections[0]?.inFlightCount, 0);
    db.close();
  });
}

test('[DP1] in flight, resting or waiting in a storm: each settles at its own deadline', async () => {
  const world = new MemoryWorld();
  refuseAll(world.node('a:1'), 'OVERLOADED');
  const mute = world.node('b:1');
  mute.script = () => {
    mute.frames.length = 0;
    return undefined;
  };
  const options = { connections: 2, inFlightMax: 2000, silenceTimeoutMs: 60_000 };
  const db = await world.connect(options);
  const startedAt = world.now();
  let lateMsMost = -Infinity;
  let timeoutCount = 0;
  const reads = keysOf(COUNT).map(async (key, index) => {
    const timeoutMs = 200 + (index % 1000);
    const outcome = await outcomeOf(db.bucket().get(key, { timeoutMs }));
    assert.match(String(outcome), /^(OVERLOADED|TIMEOUT) not-applied$/);
    if (outcome === 'TIMEOUT not-applied') timeoutCount += 1;
    lateMsMost = Math.max(lateMsMost, world.now() - startedAt - timeoutMs);
  });
  await world.advance(3000);
  await Promise.all(reads);
  assert.ok(lateMsMost <= GRAIN_MS, `${lateMsMost} ms late`);
  assert.ok(timeoutCount > 2000, 'many had no answer, or never left');
  assert.is(db.connections[0]?.inFlightCount, 0);
  db.close();
});

test('[DP1] [ET1] four times the operations set no more timers, and a tenth of them in retries', async () => {
  const few = await storm(COUNT / 4, 2000);
  const many = await storm(COUNT, 2000);
  for (const { settledAfterMs, outcomes, timersSet } of [few, many]) {
    assert.ok(settledAfterMs <= 2000 + GRAIN_MS, `${settledAfterMs} ms`);
    assert.ok([...outcomes].every((outcome) => /^\w+ not-applied$/.test(String(outcome))));
    // Each may look at every request once: with at most about one a millisecond, that is linear.
    assert.ok(timersSet <= 2000 * 1.1, `${timersSet} timers`);
  }
  const retries = [few.requestCount - COUNT / 4, many.requestCount - COUNT];
  // [RU1] Half of the window is saved up, and ten come each second.
  const saved = 4096 / 2 + 2 * 10;
  assert.ok(retries[0]! > 0 && retries[0]! <= saved + COUNT / 40, `${retries[0]} retries`);
  assert.ok(retries[1]! <= saved + COUNT / 10, `${retries[1]} retries`);
});

test('[DP6] what begins behind the deadline of its call is never sent', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  node.script = () => undefined;
  const db = await world.connect({ inFlightMax: 10, silenceTimeoutMs: 60_000 });
  const bucket = db.bucket();
  const startedAt = world.now();
  const settledAfterMs: number[] = [];
  const note = (): unknown => settledAfterMs.push(world.now() - startedAt);
  const reading = bucket.getMany(keysOf(1000), { timeoutMs: 300 });
  void reading.then(note);
  await world.advance(1000);
  const results = await reading;
  assert.equal(settledAfterMs, [300]);
  assert.is(node.requests.length, 10);
  for (const item of results) assert.ok(!item.ok && item.error.code === 'TIMEOUT');
  const writing = bucket.putMany(keysOf(1000).map((key) => [key, 'v']));
  await world.advance(3000);
  const outcomes = (await writing).map((item) => (item.ok ? 'ok' : item.error.outcome));
  assert.is(
    outcomes.filter((outcome) => outcome === 'unknown').length,
    8,
    'the window is at its least',
  );
  assert.is(outcomes.filter((outcome) => outcome === 'not-applied').length, 992);
  db.close();
});

test('[BK3] an update has one deadline for its read and its write', async () => {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect({ silenceTimeoutMs: 60_000 });
  let hasRead = false;
  node.script = ({ opcode }) => {
    if (opcode !== REQUEST_OPCODE.get) return undefined;
    const answer = hasRead ? valuesAnswer('v') : refusal('OVERLOADED', 400);
    hasRead = true;
    return answer;
  };
  const startedAt = world.now();
  let settledAfterMs = 0;
  const updating = outcomeOf(append(db.bucket(), 500)).finally(() => {
    settledAfterMs = world.now() - startedAt;
  });
  await world.advance(2000);
  assert.is(await updating, 'TIMEOUT unknown');
  assert.is(settledAfterMs, 500);
  node.script = ({ opcode }) => (opcode === REQUEST_OPCODE.get ? valuesAnswer('v') : OK);
  const again = append(db.bucket(), 500);
  await world.settle();
  assert.is(await again, 'v!');
  db.close();
});

function append(bucket: Bucket, timeoutMs: number): Promise<unknown> {
  return bucket.update('k', (value) => (typeof value === 'string' ? `${value}!` : '!'), {
    timeoutMs,
  });
}

test.run();
