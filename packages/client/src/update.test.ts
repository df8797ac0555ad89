/** Updates under everything that can come between a read and its write. */
import type { ErrorName } from '@clockwise/protocol/errors';
import { REQUEST_OPCODE } from '@clockwise/protocol/frame';
import type { Value } from '@clockwise/protocol/value-codec';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bucket } from './bucket.ts';
import type { Database } from './database.ts';
import { MemoryWorld } from './memory-world.ts';
import { ENTRY, outcomeOf, valuesAnswer } from './scripted-answers.ts';
import { ClockwiseError } from './errors.ts';
import { GetResult } from './results.ts';
import { OK, refusal, type ScriptedNode, type ScriptedRequest } from './scripted-node.ts';
import { updateObject, type UpdateSteps } from './update.ts';

/** Texts as they are. */
function shown(value: Value | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const isGet = ({ opcode }: ScriptedRequest): boolean => opcode === REQUEST_OPCODE.get;

async function start(
  options: { readonly timeoutMs?: number } = {},
): Promise<{ world: MemoryWorld; node: ScriptedNode; db: Database; bucket: Bucket }> {
  const world = new MemoryWorld();
  const node = world.node('a:1');
  const db = await world.connect({ silenceTimeoutMs: 60_000, ...options });
  const resolve = (values: readonly unknown[]): string =>
    [...values].map(String).toSorted().join('+');
  return { world, node, db, bucket: db.bucket('default', { resolve }) };
}

function writesOf(node: ScriptedNode): string[] {
  return node.requests
    .filter((request) => !isGet(request))
    .map(({ value }) => new TextDecoder().decode(value));
}

test('[UP1] an update merges all siblings that it read, and replaces just these', async () => {
  const { world, node, db, bucket } = await start();
  node.script = (request) => (isGet(request) ? valuesAnswer('b', 'a', 'c') : OK);
  const updating = bucket.update('k', (value) => `${shown(value)}!`);
  await world.settle();
  assert.is(await updating, 'a+b+c!');
  assert.equal(writesOf(node), ['a+b+c!']);
  assert.equal(node.requests[1]!.context, ENTRY);
  db.close();
});

test('[UP1] without resolve an update sees all values, and no single one', async () => {
  const { world, node, db } = await start();
  node.script = (request) => (isGet(request) ? valuesAnswer('b', 'a') : OK);
  const seen: unknown[] = [];
  const updating = db.bucket().update('k', (value, values) => {
    seen.push(value, [...values]);
    return 'merged';
  });
  await world.settle();
  await updating;
  assert.equal(seen, [undefined, ['b', 'a']]);
  db.close();
});

test('a resolve or a change that throws fails the update with its own error, and nothing is written', async () => {
  const { world, node, db } = await start();
  node.script = (request) => (isGet(request) ? valuesAnswer('b', 'a') : OK);
  const broken = db.bucket('default', {
    resolve: () => {
      throw new RangeError('mine');
    },
  });
  const resolving = broken.update('k', () => 'v').catch((error: unknown) => error);
  const changing = db
    .bucket()
    .update('k', () => {
      throw new TypeError('also mine');
    })
    .catch((error: unknown) => error);
  await world.advance(3000);
  assert.instance(await resolving, RangeError);
  assert.instance(await changing, TypeError);
  assert.equal(writesOf(node), []);
  db.close();
});

/** Steps that are refused so many times before they succeed. */
function refusedSteps(refusals: number, code: ErrorName): { steps: UpdateSteps; log: string[] } {
  const log: string[] = [];
  let left = refusals;
  const header = { answered: 0, flags: 0, hybridLow: 0, hybridHigh: 0, explanation: undefined };
  const steps: UpdateSteps = {
    read: () => {
      log.push('read');
      const versions = { entryCount: 0, words: [] };
      return Promise.resolve(new GetResult(log.length, [log.length], header, versions));
    },
    write: (value) => {
      log.push(`write ${shown(value)}`);
      left -= 1;
      return left < 0 ? Promise.resolve() : Promise.reject(new ClockwiseError(code));
    },
    rest: (attemptCount) => {
      log.push(`rest ${attemptCount}`);
      return Promise.resolve(attemptCount < 5);
    },
  };
  return { steps, log };
}

test('[UP2] refused for a reason that passes, an update reads again and changes what is there then', async () => {
  const { steps, log } = refusedSteps(2, 'OVERLOADED');
  const value = await updateObject(steps, (found) => `${shown(found)}!`, 8);
  assert.is(value, '7!');
  assert.equal(log, [
    ...['read', 'write 1!', 'rest 1'],
    ...['read', 'write 4!', 'rest 2'],
    ...['read', 'write 7!'],
  ]);
});

test('[UP2] attempts are bounded in number, and by time and budget', async () => {
  for (const [attemptsMax, writes] of [
    [1, 1],
    [3, 3],
    [100, 5],
  ] as const) {
    const { steps, log } = refusedSteps(1000, 'OVERLOADED');
    assert.is(
      await outcomeOf(updateObject(steps, () => 'v', attemptsMax)),
      'OVERLOADED not-applied',
    );
    assert.is(log.filter((line) => line.startsWith('write')).length, writes);
  }
  const { steps, log } = refusedSteps(1000, 'TOO_MANY_SIBLINGS');
  assert.is(await outcomeOf(updateObject(steps, () => 'v', 8)), 'TOO_MANY_SIBLINGS not-applied');
  assert.equal(log, ['read', 'write v'], 'what does not pass is not tried again');
  const { db, bucket } = await start();
  const update = bucket.update('k', () => 'v', { attemptsMax: 0 });
  assert.is(await outcomeOf(update), 'BAD_REQUEST not-applied');
  db.close();
});

test('[UP2] unknown: an update whose write is found by its operation id is done', async () => {
  const { world, node, db, bucket } = await start({ timeoutMs: 1000 });
  let changes = 0;
  node.script = (request) => {
    const written = node.requests.find((one) => !isGet(one));
    if (!isGet(request)) return refusal('DISK_FAILED', 2000);
    if (written === undefined) return valuesAnswer('before');
    const [high, low, sequence] = written.operationId.split(':').map(Number);
    return { ...valuesAnswer('before!', 'else'), operationIds: [[low!, high!, sequence!]] };
  };
  const updating = bucket.update('k', (value) => {
    changes += 1;
    return `${shown(value)}!`;
  });
  await world.settle();
  assert.is(await updating, 'before!');
  assert.is(changes, 1);
  db.close();
});

test('[UP2] unknown: where the write is not to be seen the change is not made again, and the error says so', async () => {
  const { world, node, db, bucket } = await start({ timeoutMs: 1000 });
  let changes = 0;
  node.script = (request) =>
    isGet(request) ? valuesAnswer('before') : refusal('DISK_FAILED', 2000);
  const updating = outcomeOf(bucket.update('k', () => `${(changes += 1)}`));
  await world.advance(3000);
  assert.is(await updating, 'DISK_FAILED unknown');
  assert.is(changes, 1);
  db.close();
});

test('[RW1] an update that waits for its next attempt ends with the client, and leaves no timer', async () => {
  const { world, node, db, bucket } = await start({ timeoutMs: 60_000 });
  node.script = () => refusal('OVERLOADED', 500);
  const updating = outcomeOf(bucket.update('k', () => 'v'));
  await world.advance(700);
  db.close();
  await world.settle();
  assert.match(String(await updating), /^(CLOSED|OVERLOADED) not-applied$/);
  assert.is(world.timerCount, 0);
});

test.run();
