import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { HistoryEntry } from '../checkers/history.ts';
import { planOf, type RunPlan } from './run-plan.ts';
import { shrink, type Trial } from './shrink.ts';

/** 40 operations of 4 clients, of which the plan may keep a part. */
function historyOf({ operations, configuration }: RunPlan): HistoryEntry[] {
  const entries = Array.from({ length: 40 }, (_, index): HistoryEntry => ({
    kind: 'get',
    client: index % 4,
    operation: index >> 2,
    bucketId: 1,
    key: 'k',
    level: 1,
    invokedAt: index,
    completedAt: index + 1,
    values: [],
    context: [],
  }));
  return entries.filter(
    ({ client, operation }) =>
      client < configuration.clientCount &&
      (operations === undefined ||
        operations.some((kept) => kept.client === client && kept.operation === operation)),
  );
}

test('[SK1] [SK2] what a failure needs is left, and nothing else', () => {
  const plan = planOf('5', { clientCount: 4, nodeCount: 5, copies: 3, keyCount: 8 });
  const schedule = Array.from({ length: 30 }, (_, index) => ({
    kind: 'clock' as const,
    atMs: index * 10,
    node: index % 5,
    byMs: index,
  }));
  const runs: RunPlan[] = [];
  const run = (tried: RunPlan): Trial => {
    runs.push(tried);
    const history = historyOf(tried);
    const has = (client: number, operation: number): boolean =>
      history.some((entry) => entry.client === client && entry.operation === operation);
    const faults = tried.schedule.map((fault) => fault.atMs);
    const isBroken = faults.includes(20) && faults.includes(170) && has(1, 2) && has(0, 7);
    // Something else goes wrong without operations: that is another failure.
    const isOther = history.length < 2;
    return { oracles: [...(isBroken ? ['O1'] : []), ...(isOther ? ['O11'] : [])], history };
  };
  const said: string[] = [];
  const small = shrink({ ...plan, schedule }, { run, trialsMax: 2000, say: (l) => said.push(l) });
  assert.equal(
    small.schedule.map((fault) => fault.atMs),
    [20, 170],
  );
  assert.equal(
    historyOf(small).map(({ client, operation }) => `${client}/${operation}`),
    ['1/2', '0/7'],
  );
  const { nodeCount, clientCount, keyCount } = small.configuration;
  assert.equal([nodeCount, clientCount, keyCount], [3, 2, 1], said.join('\n'));
  assert.ok(runs.length < 400, `${runs.length} runs`);
});

test('what does not fail is not shrunk', () => {
  const run = (): Trial => ({ oracles: [], history: [] });
  assert.throws(() => shrink(planOf('1'), { run, trialsMax: 9, say: () => undefined }));
});

test.run();
