/** F10, F23: a disk that answers nothing any more: what the shard still does, and what it says. */
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobWatch } from './job-watch.ts';
import { ReplicaWorld } from './replica-world.ts';

const MINUTE_MS = 60_000;
const VALUE = 'v'.repeat(300);

function stuckJobs(world: ReplicaWorld): number {
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const { message } = world.messages.at(-1)!;
  assert.ok(message.kind === 'figures');
  return Number(message.figures['jobsStuck']);
}

test('[JW1] a job is stuck from a minute after it was asked for until it ends', () => {
  const watch = new JobWatch();
  watch.asked(1, 1000);
  watch.asked(2, 5000);
  assert.equal(watch.figures(1000 + MINUTE_MS - 1), { jobs: 2, jobsStuck: 0 });
  assert.equal(watch.figures(1000 + MINUTE_MS), { jobs: 2, jobsStuck: 1 });
  watch.ended(1);
  assert.equal(watch.figures(5000 + MINUTE_MS), { jobs: 1, jobsStuck: 1 });
  watch.ended(2);
  assert.equal(watch.figures(MINUTE_MS * 9), { jobs: 0, jobsStuck: 0 });
});

for (const stuckAt of ['flush', 'manifest'] as const) {
  test(`F10 F23 [JW1] a ${stuckAt} that never ends: the floor stands, memory fills, reads go on, it is said`, () => {
    const world = new ReplicaWorld();
    let refused = 0;
    for (let index = 0; index < 400 && refused < 3; index += 1) {
      const [reply] = world.ask([{ kind: 'write', key: `key ${index}`, value: VALUE }]);
      if (reply!.status === ERRORS.OVERLOADED.code) refused += 1;
      else assert.is(reply!.status, STATUS_OK, `write ${index}`);
      world.writeLog();
      world.tell({ kind: 'flush-chunk', chunk: 0 });
      if (world.jobs[0]?.input.kind === 'flush' && stuckAt === 'manifest') world.endJob();
    }
    assert.is(refused, 3, 'memory is not without end');
    assert.equal(world.floors, [], 'nothing of the log is given up');
    assert.is(world.ask([{ kind: 'read', key: 'key 1' }])[0]!.status, STATUS_OK);
    assert.is(stuckJobs(world), 0);
    world.now += MINUTE_MS;
    world.step([], []);
    assert.is(stuckJobs(world), 1);
    assert.is(world.jobs[0]!.input.kind, stuckAt);
    // The disk comes back.
    world.flushAll();
    world.consumeAll();
    world.step([], []);
    world.step([], []);
    assert.is(stuckJobs(world), 0);
    const [after] = world.ask([{ kind: 'write', key: 'key 1', value: VALUE }]);
    assert.is(after!.status, STATUS_OK);
    assert.ok(world.floors.length > 0);
  });
}

test.run();
