import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RESTART_RULES, RestartPolicy } from './restart-policy.ts';
import { Unit } from './unit.ts';

/** A unit of two threads that end when a test lets them. */
function bench(): {
  readonly unit: Unit;
  readonly log: string[];
  readonly release: (what: string) => void;
} {
  const log: string[] = [];
  const gates = new Map<string, () => void>();
  const gate = (name: string): Promise<void> => new Promise((resolve) => gates.set(name, resolve));
  const unit = new Unit({
    name: 'pair',
    policy: new RestartPolicy({ ...RESTART_RULES, delayMsBase: 1 }, new Prng(1)),
    startTimeoutMs: 1000,
    now: () => 0,
    spawn: (life) =>
      ['replica', 'log'].map((name) => ({
        name,
        isHung: (nowMs) => nowMs > 5000 && name === 'log',
        terminate: () => {
          log.push(`end ${name} ${life}`);
          return gate(`${name} ${life}`);
        },
      })),
    up: () => log.push('up'),
    down: () => log.push('down'),
    settled: () => gate('settled'),
    changed: (state, life) => log.push(`${state.kind} ${life}`),
  });
  return { unit, log, release: (what) => gates.get(what)!() };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('[UN1] [UN2] [SV1] H5 one crash ends both threads, and the next life waits for both and the pool', async () => {
  const { unit, log, release } = bench();
  unit.start();
  unit.ready(1);
  unit.crashed(1, 'the log threw');
  unit.crashed(1, 'the replica followed');
  assert.equal(log, [
    'starting 1',
    'ready 1',
    'up',
    'crashed 1',
    'down',
    'end replica 1',
    'end log 1',
  ]);
  for (const what of ['replica 1', 'log 1']) {
    release(what);
    await turns();
    assert.is(unit.state.kind, 'crashed');
    assert.is(unit.life, 1);
  }
  release('settled');
  await until(() => unit.life === 2);
  assert.is(unit.state.kind, 'starting');
  unit.crashed(1, 'news of a life that is over');
  unit.ready(1);
  assert.is(unit.state.kind, 'starting');
  unit.ready(2);
  assert.is(unit.state.kind, 'ready');
});

test('a hung thread and a start that takes too long are crashes', () => {
  const hung = bench();
  hung.unit.start();
  hung.unit.ready(1);
  hung.unit.check(5000);
  assert.is(hung.unit.state.kind, 'ready');
  hung.unit.check(5001);
  assert.equal(hung.unit.state, { kind: 'crashed', reason: 'log hung' });
  const slow = bench();
  slow.unit.start();
  slow.unit.check(1000);
  assert.is(slow.unit.state.kind, 'starting');
  slow.unit.check(1001);
  assert.equal(slow.unit.state, { kind: 'crashed', reason: 'not ready in time' });
});

test('a stop during the delay of a restart starts nothing', async () => {
  const { unit, log, release } = bench();
  unit.start();
  unit.crashed(1, 'x');
  const stopped = unit.stop(() => Promise.resolve());
  release('replica 1');
  release('log 1');
  await stopped;
  await turns();
  assert.is(unit.life, 1);
  assert.is(log.at(-1), 'end log 1');
});

test.run();
