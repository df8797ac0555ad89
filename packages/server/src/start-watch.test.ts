import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StartError } from './start-error.ts';
import { StartWatch } from './start-watch.ts';

const UNITS = ['replica-0', 'replica-1', 'coordinator-0'];

async function failureOf(watch: StartWatch): Promise<StartError> {
  try {
    await watch.ended;
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('the start did not fail');
}

test('[SW1] the start is over when the last unit is ready', async () => {
  const watch = new StartWatch(UNITS);
  let over = false;
  void watch.ended.then(() => (over = true));
  watch.unitChanged('replica-0', { kind: 'starting' });
  watch.unitChanged('replica-0', { kind: 'ready' });
  watch.unitChanged('coordinator-0', { kind: 'ready' });
  await Promise.resolve();
  assert.is(over, false);
  watch.unitChanged('replica-1', { kind: 'ready' });
  await watch.ended;
});

test('[SW1] a shard that is given up does not keep the node from starting', async () => {
  const watch = new StartWatch(UNITS);
  watch.unitChanged('replica-0', { kind: 'crashed', reason: 'damaged' });
  watch.unitChanged('replica-0', { kind: 'given-up', reason: 'damaged' });
  watch.unitChanged('coordinator-0', { kind: 'ready' });
  watch.unitChanged('replica-1', { kind: 'ready' });
  await watch.ended;
});

test('[SW2] a coordinator that cannot begin ends the start', async () => {
  const watch = new StartWatch(UNITS);
  watch.unitChanged('coordinator-0', { kind: 'crashed', reason: 'EADDRINUSE\n at listen' });
  assert.equal((await failureOf(watch)).reasons, ['coordinator-0 does not start: EADDRINUSE']);
});

test('[SW2] a node all of whose shards are given up does not start', async () => {
  const watch = new StartWatch(UNITS);
  watch.unitChanged('coordinator-0', { kind: 'ready' });
  watch.unitChanged('replica-0', { kind: 'given-up', reason: 'damaged' });
  watch.unitChanged('replica-1', { kind: 'given-up', reason: 'full' });
  assert.equal((await failureOf(watch)).reasons, ['replica-0: damaged', 'replica-1: full']);
});

test.run();
