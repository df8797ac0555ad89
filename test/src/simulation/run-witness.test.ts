// The witness sees what happens in a run: nothing that it judges by is left out unnoticed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_FAULTS } from './fault-schedule.ts';
import { planOf } from './run-plan.ts';
import { runPlan } from './run-seed.ts';

const CALM = { nodeCount: 3, copies: 3, shardCount: 1, workMs: 1000, faults: NO_FAULTS } as const;

for (const workload of ['mixed', 'set-add'] as const) {
  test(`[O2, O9, O12] a calm run of ${workload}: every dot is a write, and loads and rings are known`, () => {
    const { counters, loads, violations } = runPlan(planOf('witness', { ...CALM, workload }));
    assert.equal(violations, []);
    assert.is(counters.writes, counters.dots, 'each dot was judged when it was made');
    assert.ok(counters.dots > 0 && counters.records > counters.writes, 'there were joins');
    assert.ok(counters.ringClaims > counters.boots, 'starts and greetings named their ring');
    for (const name of [
      'requests in flight',
      'operations in flight',
      'words on the way to a shard',
      'words under way on a connection',
      'words of replies on a lane',
      'chunks in use',
      'open files of a shard',
      'siblings of a write',
      'context entries of a join',
    ]) {
      assert.ok((loads[name]?.value ?? 0) > 0, name);
      assert.ok(loads[name]!.value <= loads[name]!.limit, name);
    }
  });
}

test.run();
