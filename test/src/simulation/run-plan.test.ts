import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failureText, planOf, readFailure, type RunPlan } from './run-plan.ts';
import { runPlan } from './run-seed.ts';

function written(plan: RunPlan): RunPlan {
  const text = failureText({
    seed: plan.configuration.seed,
    commit: 'none',
    node: process.version,
    traceHash: '',
    violations: ['O1 something'],
    plan,
  });
  return readFailure(text).plan;
}

test('[RN1] a plan that was written and read runs to an equal trace hash', () => {
  for (const seed of ['31', '32']) {
    const plan = planOf(seed, { workMs: 2000 });
    const { traceHash, evidence } = runPlan(plan);
    assert.is(runPlan(written(plan)).traceHash, traceHash);
    const operations = evidence.history
      .filter(({ client }) => client < plan.configuration.clientCount)
      .slice(0, 10)
      .map(({ client, operation, invokedAt }) => ({ client, operation, at: invokedAt }));
    const cut = { ...plan, schedule: plan.schedule.slice(0, 2), operations };
    const short = runPlan(cut);
    assert.is(runPlan(written(cut)).traceHash, short.traceHash);
    assert.is.not(short.traceHash, traceHash);
    assert.ok(short.evidence.history.length < evidence.history.length);
  }
});

test('what another version wrote is refused', () => {
  assert.throws(() => readFailure('{"version":99,"plan":{}}'), /it says version 99/);
  assert.throws(() => readFailure('{}'), /no failure of version 1/);
});

test.run();
