import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstRing } from './epoch-one.ts';
import { type Ring, type RingConfiguration, type RingNode, defaultBucket } from './ring.ts';
import { configurationFaults, ringFaults } from './ring-validation.ts';

function node(id: string, change: Partial<RingNode> = {}): RingNode {
  const addresses = { coordinator: 'h:1', gossiper: 'h:2', control: 'h:3', admin: 'h:4' };
  return { id, dataCentre: 'd', rack: id, weight: 1, host: 'h', addresses, ...change };
}

const good: RingConfiguration = {
  clusterId: 'test',
  partitionCount: 16,
  nodes: [node('a'), node('b'), node('c')],
  buckets: [defaultBucket],
  replicationClasses: [{ kind: 'total', copies: 3 }],
};

function goodRing(): Ring {
  const first = firstRing(good);
  assert.ok(first.ok);
  return first.ring;
}

test('a good configuration and its ring have no faults', () => {
  assert.equal(configurationFaults(good), []);
  assert.equal(ringFaults(goodRing()), []);
});

const bucket = defaultBucket;
const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const perDataCentre = (...names: string[]): Partial<RingConfiguration> => ({
  replicationClasses: [
    {
      kind: 'per-data-centre',
      dataCentres: names.map((dataCentre) => ({ dataCentre, copies: 2 })),
    },
  ],
});

const faulty: readonly (readonly [change: Partial<RingConfiguration>, reason: RegExp])[] = [
  [{ clusterId: '' }, /cluster id/],
  [{ clusterId: 'caf\u00e9' }, /cluster id/],
  [{ partitionCount: 100 }, /power of two/],
  [{ partitionCount: 32_768 }, /power of two/],
  [{ partitionCount: Number.NaN }, /power of two/],
  [{ nodes: [] }, /1 to 256 nodes/],
  [{ nodes: many(257).map((index) => node(`n${index + 1_000}`)) }, /1 to 256 nodes/],
  [{ nodes: [node('b'), node('a'), node('c')] }, /nodes must be sorted/],
  [{ nodes: [node('a'), node('a'), node('c')] }, /ids must be unique/],
  [{ nodes: [node('a b')] }, /id must be 1 to 64/],
  [{ nodes: [node('x'.repeat(65))] }, /id must be 1 to 64/],
  [{ nodes: [node('a', { rack: '' })] }, /rack must be/],
  [{ nodes: [node('a', { weight: 0 })] }, /weight must be/],
  [{ nodes: [node('a', { weight: 1.5 })] }, /weight must be/],
  [{ nodes: [node('a', { host: '' })] }, /host must be/],
  [{ buckets: [] }, /1 to 1024 buckets/],
  [{ buckets: [{ ...bucket, id: 2 }] }, /bucket 1 must be "default"/],
  [{ buckets: [bucket, { ...bucket, id: 2 }] }, /names of buckets must be unique/],
  [{ buckets: [bucket, { ...bucket, name: 'b' }] }, /buckets must be sorted/],
  [{ buckets: [{ ...bucket, replicationClass: 1 }] }, /class 1 does not exist/],
  [{ buckets: [{ ...bucket, readLevel: 4 }] }, /read level must be from 1 to the 3 copies/],
  [{ buckets: [{ ...bucket, writeLevel: 0 }] }, /write level must be from 1/],
  [{ replicationClasses: [] }, /1 to 8 replication classes/],
  [{ replicationClasses: [{ kind: 'total', copies: 17 }] }, /1 to 16 copies/],
  [perDataCentre('elsewhere'), /"elsewhere", which has no nodes/],
  [perDataCentre('d', 'd'), /once and in sorted order/],
  [perDataCentre(), /1 to 16 copies/],
];

test('[V1] [V2] a faulty configuration is refused with its reason', () => {
  for (const [change, reason] of faulty) {
    const faults = configurationFaults({ ...good, ...change });
    assert.ok(
      faults.some((fault) => reason.test(fault)),
      `${String(reason)} in ${JSON.stringify(faults)}`,
    );
  }
});

test('[V3] tables that do not fit their class or name a node twice are refused', () => {
  const ring = goodRing();
  const table = ring.assignments[0]!.table;
  const withTable = (stride: number, change: Int32Array): Ring => ({
    ...ring,
    assignments: [{ stride, table: change }],
  });
  assert.match(ringFaults({ ...ring, assignments: [] })[0]!, /one assignment/);
  assert.match(ringFaults(withTable(2, table))[0]!, /lists of 3, not of 2/);
  assert.match(ringFaults(withTable(3, table.slice(3)))[0]!, /16 lists/);
  assert.match(ringFaults(withTable(3, table.with(4, 3)))[0]!, /not in the ring/);
  assert.match(ringFaults(withTable(3, table.with(4, table[3]!)))[0]!, /twice .* partition 1/);
});

test('[V4] no partition is newer than the ring', () => {
  const ring = goodRing();
  const partitionEpochs = ring.partitionEpochs.with(3, 2);
  assert.match(ringFaults({ ...ring, partitionEpochs })[0]!, /from 1 to the ring's own, 1/);
  assert.equal(ringFaults({ ...ring, epoch: 2, partitionEpochs }), []);
  assert.match(ringFaults({ ...ring, epoch: 0 })[0]!, /positive/);
  assert.match(
    ringFaults({ ...ring, partitionEpochs: ring.partitionEpochs.slice(1) })[0]!,
    /each partition must have an epoch/,
  );
});

test.run();
