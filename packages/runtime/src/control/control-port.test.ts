import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { answerCalls, ControlError, ControlPort, WORKER_DIED } from './control-port.ts';

interface Calls {
  add(first: number, second: number): number;
  refuse(): never;
  crash(): never;
  never(): Promise<number>;
}

function connect(): { readonly control: ControlPort<Calls>; readonly close: () => void } {
  const { port1, port2 } = new MessageChannel();
  answerCalls<Calls>(port2, {
    add: (first, second) => first + second,
    refuse: () => {
      throw new ControlError('NOT_NOW', 'later');
    },
    crash: () => {
      throw new TypeError('a bug');
    },
    never: () => new Promise<number>(() => undefined),
  });
  return { control: new ControlPort<Calls>(port1), close: () => port2.close() };
}

async function failure(promise: Promise<unknown>): Promise<ControlError> {
  try {
    await promise;
  } catch (error) {
    return error as ControlError;
  }
  throw new Error('the call did not fail');
}

test('a call is answered, many at once', async () => {
  const { control, close } = connect();
  const sums = await Promise.all([1, 2, 3].map((number) => control.call('add', number, 10)));
  assert.equal(sums, [11, 12, 13]);
  assert.is(control.pendingCount, 0);
  close();
});

test('[CP2] an error keeps its code', async () => {
  const { control, close } = connect();
  const refused = await failure(control.call('refuse'));
  assert.ok(refused instanceof ControlError);
  assert.is(refused.code, 'NOT_NOW');
  assert.is(refused.message, 'later');
  assert.is((await failure(control.call('crash'))).code, 'FAILED');
  const unknown = await failure((control as unknown as ControlPort<{ x(): void }>).call('x'));
  assert.is(unknown.code, 'NO_SUCH_CALL');
  close();
});

test('[CP1] pending and later calls are rejected when the other side dies', async () => {
  const { control, close } = connect();
  const pending = failure(control.call('never'));
  control.died('it crashed');
  assert.is((await pending).code, WORKER_DIED);
  assert.is((await failure(control.call('add', 1, 2))).code, WORKER_DIED);
  assert.is(control.pendingCount, 0);
  close();
});

test('[CP3] a port that is kept works after the collector has run', async () => {
  const { control, close } = connect();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(await control.call('add', 1, 2), 3);
  close();
});

test.run();
