/**
 * What a node missed, on five real nodes: others keep it, over a death of their own, `clockwise hints`
 * shows it, and `--wait` ends when the node has it all.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { connect } from '@clockwise/client';
import type { OwedReport, StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hints, owedTo } from './hints-call.ts';
import { makeCluster, type TestCluster, type TestNode } from './test-node.ts';

const KEYS = Array.from({ length: 200 }, (_, index) => `missed-${index}`);
const VICTIM = 'n5';

const fiveNodes = suite<{ cluster: TestCluster }>('what a node missed');
fiveNodes.before.each(async (context) => {
  context.cluster = await makeCluster(5);
  await context.cluster.start();
});
fiveNodes.after.each(({ cluster }) => cluster.dispose());

function objects(owed: OwedReport | undefined): number {
  return owed === undefined ? 0 : owed.copies + owed.marks;
}

/** When nothing new comes the counts are exact; until then they may be too high. */
async function settledCount(node: TestNode): Promise<number> {
  let before = -1;
  let same = 0;
  const report = await node.statusWhen((now) => {
    const count = objects(owedTo(VICTIM, now));
    same = count === before ? same + 1 : 0;
    before = count;
    return now.hints.isCounted && same >= 25;
  });
  return objects(owedTo(VICTIM, report));
}

fiveNodes('it is kept, shown, and handed over when the node is back', async ({ cluster }) => {
  const [first] = cluster.nodes;
  const victim = cluster.nodes.at(-1)!;
  const others = cluster.nodes.slice(0, -1);
  for (const node of cluster.nodes) await node.statusWhen(({ hints: said }) => said.isCounted);
  assert.match((await hints(cluster)).out, 'no node owes another one anything');

  await victim.signal('SIGKILL');
  await first!.statusWhen((report) => report.ring.nodes.at(-1)!.state === 'down');
  const database = await connect({ servers: cluster.addresses.slice(0, -1), connections: 2 });
  const written = await database.bucket().putMany(KEYS.map((key) => [key, `of ${key}`] as const));
  assert.ok(written.every((result) => result.ok));
  const counts = await Promise.all(others.map(settledCount));
  const total = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 50, `${total} objects are kept for it`);

  const shown = await hints(cluster);
  assert.is(shown.code, 0);
  assert.match(shown.out, /^n[1-4] +n5 +\d/m);
  assert.match(shown.out, 'n5 cannot be asked');
  const waited = await hints(cluster, '--wait', VICTIM, '--timeout', '1');
  assert.is(waited.code, 1);
  assert.match(waited.out, /n[1-4] owes n5 \d+ objects? for \d+ s/);

  // C5: whoever keeps it dies as well, and has it all when it is back.
  await first!.signal('SIGKILL');
  await first!.start();
  assert.is(await settledCount(first!), counts[0]);

  await victim.start();
  const done = await hints(cluster, '--wait', VICTIM, '--timeout', '40');
  assert.is(done.code, 0, done.out);
  assert.match(done.out, 'n5 has everything');
  for (const node of others) {
    const report = await node.statusWhen(({ differences }) => differences.length === 4);
    assert.is(objects(owedTo(VICTIM, report)), 0);
  }
  const same = (report: StatusReport): boolean =>
    report.differences.length === 4 &&
    report.differences.every(({ partitionsDiffering }) => partitionsDiffering === 0);
  await victim.statusWhen(same);
  const results = await database.bucket().getMany(KEYS);
  assert.ok(
    results.every((result, index) => result.ok && result.result.value === `of ${KEYS[index]}`),
  );
  database.close();
});

fiveNodes.run();
