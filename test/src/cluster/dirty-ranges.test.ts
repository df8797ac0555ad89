/**
 * A node that was away for longer than others may keep what it missed, on real nodes: what they keep
 * becomes dirty ranges, those are handed over as a whole, and the node has it all by itself.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { connect } from '@clockwise/client';
import type { StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hints, owedTo } from './hints-call.ts';
import { makeCluster, SMALL_LIMITS, type TestCluster } from './test-node.ts';

const KEYS = Array.from({ length: 1200 }, (_, index) => `missed-${index}`);
const VICTIM = 'n4';
const MARKS_MAX = 20;
/** So little that all of it is passed at once; brisk, so that upkeep comes within seconds. */
const LIMITS = {
  ...SMALL_LIMITS,
  hintBytesMax: 4096,
  hintAgeSecondsMax: 5,
  owedMarksMax: MARKS_MAX,
  handOffRoundMs: 100,
  handOffPageBytes: 4096,
};

const fourNodes = suite<{ cluster: TestCluster }>('what a node missed beyond the bounds');
fourNodes.before.each(async (context) => {
  context.cluster = await makeCluster(4, { limits: LIMITS, partitions: 16 });
  await context.cluster.start();
});
fourNodes.after.each(({ cluster }) => cluster.dispose());

const valueOf = (key: string): string => `of ${key}`.padEnd(100, '.');

/** Every key through nodes that are up; the victim has had none of it, or older values. */
async function putAll(cluster: TestCluster): Promise<void> {
  const servers = cluster.nodes.slice(0, -1).map((node) => node.address);
  const database = await connect({ servers, connections: 1 });
  const entries = KEYS.map((key) => [key, valueOf(key)] as const);
  const written = await database.bucket().putMany(entries, { timeoutMs: 30_000 });
  const failure = written.find((result) => !result.ok);
  assert.is(failure, undefined, `${JSON.stringify(failure)} of ${written.length}`);
  database.close();
}

/** Copies and marks are within their bounds again, and ranges are dirty. */
async function whenDirty(cluster: TestCluster): Promise<void> {
  for (const node of cluster.nodes.slice(0, -1)) {
    const report = await node.statusWhen((now) => {
      const owed = owedTo(VICTIM, now);
      const isWithin = owed !== undefined && owed.copies === 0 && owed.marks <= MARKS_MAX;
      return now.hints.isCounted && isWithin && owed.dirty > 0;
    });
    assert.ok(owedTo(VICTIM, report)!.dirty > 0);
  }
}

/** How many dirty ranges a node has delivered. */
function rangesPushed({ figures }: StatusReport): number {
  const coordinators = Object.entries(figures).filter(([actor]) => actor.startsWith('coordinator'));
  return coordinators.reduce((sum, [, counts]) => sum + Number(counts['rangesPushed'] ?? 0), 0);
}

fourNodes('it is handed over whole, and the node answers it alone', async ({ cluster }) => {
  const [first] = cluster.nodes;
  const victim = cluster.nodes.at(-1)!;
  const others = cluster.nodes.slice(0, -1);
  for (const node of cluster.nodes) await node.statusWhen(({ hints: said }) => said.isCounted);
  await victim.signal('SIGKILL');
  await first!.statusWhen((report) => report.ring.nodes.at(-1)!.state === 'down');
  await putAll(cluster);
  await whenDirty(cluster);
  const shown = await hints(cluster, '--wait', VICTIM, '--timeout', '1');
  assert.is(shown.code, 1);
  assert.match(shown.out, /n[1-3] owes n4 .*\d+ whole partitions? for \d+ s/);

  await victim.start();
  // C7, C5: the receiver dies while it is given it, and so does one of those who give: all begins anew.
  const before = rangesPushed(await first!.status());
  await first!.statusWhen((report) => rangesPushed(report) > before);
  await victim.signal('SIGKILL');
  await first!.signal('SIGKILL');
  await Promise.all([first!.start(), victim.start()]);
  const done = await hints(cluster, '--wait', VICTIM, '--timeout', '60');
  assert.is(done.code, 0, done.out);
  for (const node of others) await node.signal('SIGKILL');

  const database = await connect({ servers: [victim.address], connections: 1 });
  const results = await database.bucket().getMany(KEYS, { r: 1, timeoutMs: 8000 });
  let found = 0;
  for (const [index, result] of results.entries()) {
    const key = KEYS[index]!;
    // A key that it is no primary of has nobody to ask, and is asked for until the deadline.
    if (!result.ok) continue;
    assert.is(result.result.value, valueOf(key), key);
    found += 1;
  }
  assert.ok(found > KEYS.length / 2, `${found} of ${KEYS.length} keys are its own`);
  database.close();
});

fourNodes.run();
