/**
 * Two data centres of three real nodes, three copies in each: one copy of a put crosses; both serve while
 * they cannot hear each other, and have everything when they can again. Where this machine has no hosts
 * to be cut off (root, `ip`), one of the two is stopped instead, and serves nothing meanwhile.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 150s
 */
import { connect, type ClockwiseError, type Database } from '@clockwise/client';
import type { StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from './chaos/cleanup.ts';
import { type HostNetwork, makeHostNetwork } from './chaos/host-network.ts';
import { makeCluster, type TestCluster, type TestNode } from './test-node.ts';

const CENTRES = ['dc-1', 'dc-2'] as const;
const NODES_EACH = 3;
const EACH_REFUSED =
  'UNAVAILABLE: each-quorum needs a majority of the replicas in every data centre';
const PUTS = 200;
/** While they are apart, on each side. */
const PUTS_APART = 600;

const SETTINGS = {
  insecure: true,
  replicationClasses: [
    {
      kind: 'per-data-centre',
      dataCentres: CENTRES.map((dataCentre) => ({ dataCentre, copies: NODES_EACH })),
    },
  ],
  buckets: [{ id: 1, name: 'default', readLevel: 'local-quorum', writeLevel: 'local-quorum' }],
};

interface Context {
  cleanup: Cleanup;
  network: HostNetwork | undefined;
  cluster: TestCluster;
}

const twoCentres = suite<Context>('two data centres');
twoCentres.before.each(async (context) => {
  context.cleanup = new Cleanup();
  const answer = makeHostNetwork(CENTRES.length * NODES_EACH, context.cleanup);
  const network = answer.ok ? answer.network : undefined;
  const dataCentreOf = (index: number): string => CENTRES[Math.floor(index / NODES_EACH)]!;
  context.network = network;
  context.cluster = await makeCluster(6, SETTINGS, { dataCentreOf, network });
  await context.cluster.start();
});
twoCentres.after.each(async ({ cluster, cleanup }) => {
  await cluster.dispose();
  cleanup.close();
});

/** Nobody of one data centre hears anybody of the other, until what is returned is called. */
function cut({ network, cluster }: Context): () => void {
  const far = cluster.nodes.slice(NODES_EACH);
  if (network === undefined) {
    for (const node of far) node.send('SIGSTOP');
    return () => far.forEach((node) => node.send('SIGCONT'));
  }
  const here = [0, 1, 2];
  const there = [3, 4, 5];
  const ways = here.flatMap((from) => there.map((to) => ({ from, to })));
  const both = [...ways, ...ways.map(({ from, to }) => ({ from: to, to: from }))];
  for (const way of both) network.cut(way);
  return () => both.forEach((way) => network.mendCut(way));
}

async function putAll(database: Database, prefix: string, count: number): Promise<void> {
  const bucket = database.bucket();
  for (let from = 0; from < count; from += 20) {
    const keys = Array.from({ length: Math.min(20, count - from) }, (_, index) => from + index);
    const entries = keys.map((index) => [`${prefix}-${index}`, `${prefix} ${index}`] as const);
    const results = await bucket.putMany(entries, { timeoutMs: 60_000 });
    for (const result of results) assert.ok(result.ok, result.ok ? '' : result.error.message);
  }
}

async function missing(database: Database, prefix: string, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const results = await database.bucket().getMany(keys, { timeoutMs: 60_000 });
  return keys.filter((_, index) => {
    const result = results[index]!;
    return !result.ok || result.result.value !== `${prefix} ${index}`;
  });
}

function sumOf(reports: readonly StatusReport[], name: string): number {
  return reports.reduce((sum, { figures }) => {
    const ofNode = Object.values(figures).map((actor) => Number(actor[name] ?? 0));
    return sum + ofNode.reduce((left, right) => left + right, 0);
  }, 0);
}

async function seen(
  nodes: readonly TestNode[],
  state: 'up' | 'down',
  other: string,
): Promise<void> {
  const sees = ({ ring }: StatusReport): boolean =>
    ring.nodes.every(({ dataCentre, state: is }) => dataCentre !== other || is === state);
  for (const node of nodes) await node.statusWhen(sees);
}

twoCentres(
  'a copy crosses once; both serve apart, and have everything together',
  async (context) => {
    const { cluster, network } = context;
    const sides = CENTRES.map((_, index) =>
      cluster.nodes.slice(index * NODES_EACH, (index + 1) * NODES_EACH),
    );
    const [here, there] = sides as [TestNode[], TestNode[]];
    await seen(here, 'up', 'dc-2');
    await seen(there, 'up', 'dc-1');
    const databases = await Promise.all(
      sides.map((nodes, index) =>
        connect({
          servers: nodes.map((node) => node.address),
          dataCentre: CENTRES[index]!,
          connections: NODES_EACH,
        }),
      ),
    );
    const [near, far] = databases as [Database, Database];

    await putAll(near, 'before', PUTS);
    const reports = await Promise.all(cluster.nodes.map((node) => node.status()));
    assert.is(sumOf(reports, 'copiesAcross'), PUTS);
    assert.is(sumOf(reports, 'passedOn'), PUTS * (NODES_EACH - 1));
    const each = await near.bucket().put('each', 1, { w: 'each-quorum' });
    assert.ok(each.answered >= 4);
    while ((await missing(far, 'before', PUTS)).length > 0);

    const mend = cut(context);
    const work = [putAll(near, 'near', PUTS_APART)];
    if (network !== undefined) work.push(putAll(far, 'far', PUTS_APART));
    await Promise.all(work);
    await seen(here, 'down', 'dc-2');
    const { reasons, hints } = await here[0]!.statusWhen(
      ({ hints: said }) => said.targets.length === 3,
    );
    assert.match(reasons.join('\n'), 'data centre dc-2 cannot be reached: its 3 nodes are down');
    assert.ok(hints.targets.every(({ copies, marks }) => copies === 0 && marks > 0));
    // Refused at once, as soon as the coordinator that is asked has heard it, too.
    const refused = (): Promise<string> =>
      near
        .bucket()
        .put('each', 2, { w: 'each-quorum', timeoutMs: 1000 })
        .then(String, (error: ClockwiseError) => error.message);
    while (!(await refused()).startsWith(EACH_REFUSED));

    mend();
    await seen(here, 'up', 'dc-2');
    await seen(there, 'up', 'dc-1');
    for (const node of cluster.nodes) {
      await node.statusWhen(
        ({ hints: owed, differences }) =>
          owed.isCounted &&
          owed.targets.length === 0 &&
          differences.every(({ partitionsDiffering }) => partitionsDiffering === 0),
      );
    }
    assert.equal(await missing(far, 'near', PUTS_APART), []);
    if (network !== undefined) assert.equal(await missing(near, 'far', PUTS_APART), []);
    for (const database of databases) database.close();
  },
);

twoCentres.run();
