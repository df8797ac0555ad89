import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareConfigured, firstRing } from './epoch-one.ts';
import { type Ring, type RingConfiguration, type RingNode, defaultBucket } from './ring.ts';

function node(id: string, change: Partial<RingNode> = {}): RingNode {
  const addresses = { coordinator: 'h:1', gossiper: 'h:2', control: 'h:3', admin: 'h:4' };
  return { id, dataCentre: 'd', rack: id, weight: 1, host: 'h', addresses, ...change };
}

const users = { ...defaultBucket, id: 2, name: 'users' };
const configured: RingConfiguration = {
  clusterId: 'shop',
  partitionCount: 64,
  nodes: [node('n1'), node('n2'), node('n3')],
  buckets: [defaultBucket, users],
  replicationClasses: [{ kind: 'total', copies: 3 }],
};

function ringOf(configuration: RingConfiguration): Ring {
  const first = firstRing(configuration);
  assert.ok(first.ok, JSON.stringify(first));
  return first.ring;
}

test('[O1] the first ring depends on what is configured, not on the order of it', () => {
  const ring = ringOf(configured);
  assert.is(ring.epoch, 1);
  assert.is(ring.partitionEpochs.length, 64);
  const turned = {
    ...configured,
    nodes: [...configured.nodes].toReversed(),
    buckets: [...configured.buckets].toReversed(),
  };
  assert.equal(ringOf(turned), ring);
  assert.equal(compareConfigured(ring, turned), []);
});

test('a faulty configuration makes no ring', () => {
  const first = firstRing({ ...configured, buckets: [users] });
  assert.equal(first, { ok: false, faults: ['bucket 1 must be "default"'] });
});

test('one node holds everything, and copies beyond the nodes are left out', () => {
  const ring = ringOf({ ...configured, nodes: [node('only')] });
  assert.is(ring.assignments[0]!.stride, 1);
  assert.ok(ring.assignments[0]!.table.every((index) => index === 0));
});

const table: readonly (readonly [Partial<RingConfiguration>, readonly string[]])[] = [
  [{}, []],
  [
    { clusterId: 'other' },
    ['the cluster id is "other" in the configuration and "shop" in the stored ring'],
  ],
  [
    { partitionCount: 128 },
    ['the partition count is 128 in the configuration and 64 in the stored ring'],
  ],
  [
    { nodes: [node('n1', { rack: 'x' }), node('n2'), node('n4')] },
    [
      'node "n1": the rack is "x" in the configuration and "n1" in the stored ring',
      'node "n3" is in the stored ring but not in the configuration',
      'node "n4" is in the configuration but not in the stored ring',
    ],
  ],
  [
    { buckets: [defaultBucket, { ...users, durability: 'none', writeLevel: 1 }] },
    [
      'bucket 2: the default write level is 1 in the configuration and "quorum" in the stored ring',
      'bucket 2: the durability is "none" in the configuration and "sync" in the stored ring',
    ],
  ],
  [
    {
      replicationClasses: [
        { kind: 'total', copies: 2 },
        { kind: 'total', copies: 1 },
      ],
    },
    [
      'the number of replication classes is 2 in the configuration and 1 in the stored ring',
      'replication class 0 is {"kind":"total","copies":2} in the configuration and ' +
        '{"kind":"total","copies":3} in the stored ring',
    ],
  ],
];

test('[O2] differences from the stored ring are sentences', () => {
  const ring = ringOf(configured);
  for (const [change, differences] of table) {
    assert.equal(compareConfigured(ring, { ...configured, ...change }), differences);
  }
});

test.run();
