/**
 * A client that forges contexts, against three nodes as processes: it claims to have seen what no shard
 * has made yet, under the names of all of them and of 61 others. Nothing dies of it, and a client of good
 * manners goes on.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { type Bucket, connect, Context, type Database } from '@clockwise/client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster } from './test-node.ts';

const ENTRIES_FORGED = 64;
const ROUNDS = 3;
/** More than there are shards. */
const NAMES_TRIED = 8;
const KEYS = Array.from({ length: 24 }, (_, index) => `key-${index}`);
/** As the counter's high word: later than any opening. */
const FAR = 0x7fff_0000;

const threeNodes = suite<{ cluster: TestCluster }>('forged contexts');
threeNodes.before.each(async (context) => {
  context.cluster = await makeCluster(3);
  await context.cluster.start();
});
threeNodes.after.each(({ cluster }) => cluster.dispose());

/** The names (low and high word) and more of nobody's, in order, with counters that nobody has given. */
function forged(names: ReadonlyMap<string, readonly [number, number]>): Context {
  const all = new Map(names);
  for (let index = 0; all.size < ENTRIES_FORGED; index += 1) all.set(`-${index}`, [index, -index]);
  const unsigned = [...all.values()].map(([low, high]) => [low >>> 0, high >>> 0] as const);
  unsigned.sort((left, right) => left[1] - right[1] || left[0] - right[0]);
  return new Context(unsigned.flatMap(([low, high]) => [low | 0, high | 0, 1, FAR]));
}

threeNodes('[S2] I a forged context for 64 incarnations ends no actor', async ({ cluster }) => {
  // Whom a client asks makes the dot: one for each node.
  const eachNode = async (): Promise<Database[]> =>
    await Promise.all(cluster.addresses.map((address) => connect({ servers: [address] })));
  const [good, hostile] = [await eachNode(), await eachNode()];
  const bucketOf = (databases: Database[], index: number): Bucket =>
    databases[index % databases.length]!.bucket();
  for (let round = 0; round < ROUNDS; round += 1) {
    const names = new Map<string, readonly [number, number]>();
    for (const [index, key] of KEYS.entries()) {
      const { context } = await bucketOf(good, index).put(key, `good-${round}`);
      const { words } = context;
      for (let at = 0; at < words.length; at += 4) {
        // Only what is near in age: what was forged before stands in the contexts, too.
        if (words[at + 3]! !== FAR)
          names.set(`${words[at]}/${words[at + 1]}`, [words[at]!, words[at + 1]!]);
      }
    }
    // Who finds its own name in it refuses, so that each is left out in its turn.
    const contexts = [...names.keys()].slice(-NAMES_TRIED).map((left) => {
      const others = [...names].filter(([name]) => name !== left);
      return forged(new Map(others.slice(-ENTRIES_FORGED)));
    });
    const tries = KEYS.map((key, index) =>
      bucketOf(hostile, index)
        .put(`${key}-forged-${round}`, 'x', { context: contexts[index % contexts.length]! })
        .catch(() => undefined),
    );
    await Promise.all(tries);
  }
  for (const [index, key] of KEYS.entries()) {
    await bucketOf(good, index).put(key, 'last');
    const { values } = await bucketOf(good, index + 1).get(key);
    assert.ok(values.includes('last'), key);
  }
  let namesAhead = 0;
  for (const node of cluster.nodes) {
    // Who is busy may be believed down for a moment.
    const status = await node.statusWhen(({ healthy }) => healthy);
    assert.equal(
      status.actors.filter((actor) => actor.restarts > 0),
      [],
      'no thread died of it',
    );
    for (const figures of Object.values(status.figures))
      namesAhead += Number(figures['namesAhead'] ?? 0);
  }
  assert.ok(namesAhead >= ROUNDS, `${namesAhead} names were forged and left`);
  assert.match(cluster.nodes.map(({ log }) => log).join(''), 'shard takes another name');
  for (const database of [...good, ...hostile]) database.close();
});

threeNodes.run();
