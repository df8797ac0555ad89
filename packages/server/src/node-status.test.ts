import { firstRing } from '@clockwise/placement/epoch-one';
import { defaultBucket, type Ring } from '@clockwise/placement/ring';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { metricsText } from './metrics.ts';
import { NodeStatus } from './node-status.ts';

function makeRing(dataCentres: readonly string[] = ['dc-1', 'dc-1', 'dc-1']): Ring {
  const first = firstRing({
    clusterId: 'cluster',
    partitionCount: 8,
    nodes: ['n1', 'n2', 'n3'].map((id, index) => {
      const addresses = { coordinator: id, gossiper: id, control: id, admin: id };
      const dataCentre = dataCentres[index]!;
      return { id, dataCentre, rack: id, weight: 1, host: id, addresses };
    }),
    buckets: [defaultBucket],
    replicationClasses: [{ kind: 'total', copies: 1 }],
  });
  if (!first.ok) throw new Error(first.faults.join('; '));
  return first.ring;
}

const UNITS = ['replica-0', 'coordinator-0', 'gossiper'];

function makeStatus(ring: Ring = makeRing()): NodeStatus {
  return new NodeStatus({
    nodeId: 'n1',
    version: '1.2.3',
    ring,
    ringHash: 'abc',
    shardCount: 1,
    units: UNITS,
    now: () => 5000,
  });
}

function makeReady(ring: Ring = makeRing()): NodeStatus {
  const status = makeStatus(ring);
  for (const unit of UNITS) status.unitChanged(unit, { kind: 'ready' }, 1);
  status.told({ kind: 'shard-state', shard: 0, state: 'ready', reason: '' });
  return status;
}

test('[NS1] a node is ready when the last unit is, and no longer when one is not', () => {
  const status = makeStatus();
  assert.is(status.isReady(), false);
  status.unitChanged('replica-0', { kind: 'ready' }, 1);
  status.unitChanged('coordinator-0', { kind: 'ready' }, 1);
  assert.is(status.isReady(), false);
  status.unitChanged('gossiper', { kind: 'ready' }, 1);
  assert.is(status.isReady(), true);
  status.unitChanged('gossiper', { kind: 'crashed', reason: 'Error: no\n at there' }, 1);
  assert.is(status.isReady(), false);
  assert.equal(status.report({}).reasons, ['gossiper crashed: Error: no']);
});

test('[NS2] F10 F17 a full disk and a job that does not end are reasons, while the node is ready', () => {
  const { healthy, ready, reasons } = makeReady().report({
    'replica-0': { diskFull: 1, jobsStuck: 2 },
    'replica-1': { diskFull: 0, jobsStuck: 0 },
    'coordinator-0': {},
  });
  assert.equal([healthy, ready], [false, true]);
  assert.equal(reasons, [
    'the disk of replica-0 is full: values are refused as DISK_FULL until there is room',
    'replica-0 waits for its disk: 2 jobs have not ended for a minute',
  ]);
});

test('[NS2] a data centre of which no node can be reached is a reason beside its nodes', () => {
  const status = makeReady(makeRing(['dc-1', 'dc-2', 'dc-2']));
  const down = (nodeId: string): void => status.told({ kind: 'peer-state', nodeId, state: 'down' });
  down('n2');
  assert.equal(status.report({}).reasons, ['node n2 is down']);
  down('n3');
  assert.equal(status.report({}).reasons, [
    'data centre dc-2 cannot be reached: its 2 nodes are down; what it misses is kept',
    'node n2 is down',
    'node n3 is down',
  ]);
  status.told({ kind: 'peer-state', nodeId: 'n3', state: 'up' });
  assert.equal(status.report({}).reasons, ['node n2 is down']);
});

test('[NS1] a fenced shard makes a node unready until it is opened anew', () => {
  const status = makeReady();
  status.told({ kind: 'shard-state', shard: 0, state: 'fenced', reason: 'EIO' });
  const { ready, shards } = status.report({});
  assert.is(ready, false);
  assert.equal(shards, [{ shard: 0, state: 'fenced', reason: 'EIO' }]);
  status.unitChanged('replica-0', { kind: 'starting' }, 2);
  assert.equal(status.report({}).shards, [{ shard: 0, state: 'starting', reason: '' }]);
  status.unitChanged('replica-0', { kind: 'ready' }, 2);
  assert.is(status.isReady(), true);
  assert.is(status.report({}).actors[0]!.restarts, 1);
});

test('[NS2] a peer that is down, and partitions that differ, are reasons not to be healthy', () => {
  const status = makeReady();
  assert.is(status.report({}).healthy, true);
  assert.equal(
    status.report({}).ring.nodes.map((node) => node.state),
    ['up', 'unknown', 'unknown'],
  );
  status.told({ kind: 'peer-state', nodeId: 'n2', state: 'down' });
  const difference = { nodeId: 'n2', partitionsCompared: 8, partitionsDiffering: 3 };
  const equal = { nodeId: 'n3', partitionsCompared: 8, partitionsDiffering: 0 };
  status.told({ kind: 'differences', ...equal });
  status.told({ kind: 'differences', ...difference });
  const report = status.report({});
  assert.is(report.healthy, false);
  assert.is(report.ready, true);
  assert.equal(report.reasons, ['node n2 is down', '3 partitions differ from those of node n2']);
  assert.equal(report.differences, [difference, equal]);
});

test('[NS2] a shard that was given up is told with its reason', () => {
  const status = makeReady();
  status.unitChanged('replica-0', { kind: 'given-up', reason: 'the store is damaged' }, 5);
  const report = status.report({});
  assert.equal(report.shards, [{ shard: 0, state: 'given-up', reason: 'the store is damaged' }]);
  assert.is(report.reasons[0], 'replica-0 was given up: the store is damaged');
});

test('[NS2] what is owed to a node for long is a reason; a unit that starts anew counts anew', () => {
  const status = makeReady();
  assert.equal(status.report({}).hints, { isCounted: false, targets: [] });
  const counts = { copies: 3, marks: 2, dirty: 0, bytes: 500 };
  const soon = { nodeId: 'n2', ...counts, oldestSeconds: 29 };
  status.told({ kind: 'hints', isCounted: true, targets: [soon] });
  assert.is(status.report({}).healthy, true);
  const late = { ...soon, oldestSeconds: 30 };
  status.told({ kind: 'hints', isCounted: true, targets: [late] });
  const report = status.report({});
  assert.equal(report.reasons, ['owes n2 5 objects for 30 s']);
  assert.equal(report.hints, { isCounted: true, targets: [late] });
  assert.match(metricsText(report), 'clockwise_owed_copies{node="n2"} 3\n');
  status.unitChanged('coordinator-0', { kind: 'starting' }, 2);
  assert.equal(status.report({}).hints, { isCounted: false, targets: [] });
});

test('the metrics are the same figures, as Prometheus reads them', () => {
  const figures = { 'replica-0': { diskReads: 7, mode: 'text' }, 'replica-1': { diskReads: 8 } };
  const text = metricsText(makeReady().report(figures));
  assert.match(text, '# TYPE clockwise_ready gauge\nclockwise_ready 1\n');
  assert.match(text, 'clockwise_node_up{node="n2"} 0\n');
  const reads =
    'clockwise_replica_disk_reads{actor="replica-0"} 7\n' +
    'clockwise_replica_disk_reads{actor="replica-1"} 8\n';
  assert.match(text, reads);
  assert.not.match(text, 'mode');
  for (const line of text.trimEnd().split('\n')) {
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[a-z]+="[^"]*"\})? \d+(\.\d+)?)$/);
  }
});

test.run();
