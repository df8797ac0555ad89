/**
 * `npm start` and the commands against it, as processes: a person's first hour.
 * runner: alone
 * runner: limit 90s
 * runner: test limit 40s
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DevCluster, isAlive, until } from './cli-process.ts';

const cluster = new DevCluster();
const firstHour = suite('the command line against a cluster of its own');
firstHour.before(async () => {
  await cluster.start();
});
firstHour.after(() => cluster.dispose());

firstHour('npm start tells the nodes, their addresses, and two commands that work', async () => {
  const { out } = cluster.starter;
  assert.match(out, /^3 nodes are ready/);
  for (const id of ['n1', 'n2', 'n3'])
    assert.match(out, new RegExp(`^${id} +127\\.0\\.0\\.1:\\d+`, 'm'));
  const commands = [...out.matchAll(/^ {2}npm run clockwise -- (\S+ .*) --data/gm)];
  assert.equal(
    commands.map((match) => match[1]),
    ['put hello world', 'get hello'],
  );
  assert.is((await cluster.run('put', 'hello', 'world')).code, 0);
  const got = await cluster.run('get', 'hello');
  assert.equal([got.code, got.out, got.error], [0, 'world\n', '']);
});

firstHour('status is 0 only when all is well, and ring tells the partitions', async () => {
  await until('the nodes see each other', 10_000, async () => {
    return (await cluster.run('status')).code === 0;
  });
  const status = await cluster.run('status', '-o', 'json');
  assert.is((JSON.parse(status.out) as { healthy: boolean }).healthy, true);
  const ring = await cluster.run('ring', '-o', 'json');
  const { epoch, nodes } = JSON.parse(ring.out) as {
    epoch: number;
    nodes: { partitionsOwned: number }[];
  };
  assert.is(epoch, 1);
  assert.equal(
    nodes.map((node) => node.partitionsOwned),
    [256, 256, 256],
  );
  assert.match((await cluster.run('ring')).out, /^n3 .*256 +33\.3 %$/m);
});

firstHour('structures, bytes and text come back as they went', async () => {
  assert.is((await cluster.run('put', 'cfg', '{"a":[1,{"b":null}]}')).code, 0);
  assert.is((await cluster.run('get', 'cfg', '-o', 'raw')).out, '{"a":[1,{"b":null}]}');
  const put = cluster.command('put', 'raw', '-', '--as', 'bytes');
  put.input.end(Uint8Array.of(0x61, 0x0a, 0));
  assert.is((await put.ended()).code, 0);
  assert.is((await cluster.run('get', 'raw', '-o', 'raw')).out, 'a\n\0');
  assert.is((await cluster.run('put', 'bad', '{oops')).code, 2);
});

firstHour('concurrent values are all told, and a context replaces them', async () => {
  await cluster.run('put', 'twice', 'one');
  await cluster.run('put', 'twice', 'two', '--context', 'none');
  const both = await cluster.run('get', 'twice');
  // Siblings come in the order of their dots, and the incarnations in those are drawn at random.
  assert.equal([both.code, both.out.split('\n').toSorted()], [0, ['', 'one', 'two']]);
  const token = /--context ([0-9a-f]+)/.exec(both.error)?.[1] ?? '';
  assert.is((await cluster.run('put', 'twice', 'three', '--context', token)).code, 0);
  assert.is((await cluster.run('get', 'twice')).out, 'three\n');
  assert.is((await cluster.run('put', 'twice', 'x', '--context', 'junk')).code, 2);
});

firstHour('what is not there, refused and unreachable have exit codes of their own', async () => {
  assert.is((await cluster.run('delete', 'hello')).code, 0);
  assert.is((await cluster.run('get', 'hello')).code, 1);
  assert.is((await cluster.run('get')).code, 2);
  const bucket = await cluster.run('put', 'k', 'v', '--bucket', 'none-such');
  assert.is(bucket.code, 4);
  assert.match(bucket.error, /NO_SUCH_BUCKET.*Nothing was written\. Next: /);
  assert.is((await cluster.run('get', 'k', '--r', '9')).code, 4);
  const nobody = await cluster.run('get', 'k', '--connect', '127.0.0.1:1');
  assert.is(nobody.code, 3);
  assert.match(nobody.error, /cannot connect to 127\.0\.0\.1:1: .*Next: /);
});

firstHour(
  '[AN1] every node makes a snapshot, or the one that is named, and the rest is told',
  async () => {
    const created = await cluster.run('snapshot', 'create', 'monday');
    assert.is(created.code, 0, created.error);
    for (const id of ['n1', 'n2', 'n3'])
      assert.match(created.out, new RegExp(`^${id}: monday is `, 'm'));
    assert.is((await cluster.run('snapshot', 'create', 'tuesday', '--node', 'n2')).code, 0);
    const { out } = await cluster.run('snapshot', 'list', '-o', 'json');
    const { nodes } = JSON.parse(out) as { nodes: { snapshots: { name: string }[] }[] };
    assert.equal(
      nodes.map(({ snapshots }) => snapshots.map(({ name }) => name)),
      [['monday'], ['monday', 'tuesday'], ['monday']],
    );
    const some = await cluster.run('snapshot', 'create', 'tuesday', '-o', 'json');
    assert.is(some.code, 1, 'n2 has one of that name');
    const outcomes = (JSON.parse(some.out) as { nodes: { outcome: string }[] }).nodes;
    assert.equal(
      outcomes.map(({ outcome }) => outcome),
      ['done', 'refused', 'done'],
    );
    for (const name of ['monday', 'tuesday']) {
      assert.is((await cluster.run('snapshot', 'drop', name)).code, 0);
    }
  },
);

firstHour('a second start says that the cluster runs; other wishes are refused', async () => {
  const second = await cluster.launch([]).ended();
  assert.is(second.code, 4);
  assert.match(second.error, new RegExp(`runs already \\(process ${cluster.starter.processId}\\)`));
  const wider = await cluster.launch(['--nodes', '5']).ended();
  assert.is(wider.code, 4);
  assert.match(wider.error, /--nodes 5 --fresh/);
  assert.is((await cluster.launch(['--fresh']).ended()).code, 4);
  assert.is((await cluster.run('start', '--node', 'n2')).code, 4);
  assert.is((await cluster.run('start', '--node', 'n9')).code, 2);
});

firstHour('SIGTERM stops every node, also one started alone; data is there again', async () => {
  await cluster.run('put', 'kept', 'value');
  process.kill(cluster.nodeProcess('n2'), 'SIGKILL');
  await until('the loss is told', 10_000, () => cluster.starter.error.includes('start --node n2'));
  const status = await cluster.run('status');
  assert.is(status.code, 1);
  assert.match(status.out, /n2 is down: .*Next: .*start --node n2/);
  const again = await cluster.run('start', '--node', 'n2', '--detach');
  assert.is(again.code, 0, again.error);
  const processIds = ['n1', 'n2', 'n3'].map((id) => cluster.nodeProcess(id));
  const { code, out } = await cluster.starter.stop('SIGTERM');
  assert.is(code, 0);
  assert.match(out, /All nodes have stopped/);
  for (const processId of processIds) assert.not.ok(isAlive(processId));
  assert.is((await cluster.run('status')).code, 3);
  await cluster.start();
  assert.is((await cluster.run('get', 'kept')).out, 'value\n');
});

firstHour.run();
