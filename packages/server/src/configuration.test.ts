import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Configuration, validateConfiguration } from './configuration.ts';

const machine = { processorCount: 4 };
const ALONE = { nodeId: 'n1', dataFolder: '/data' };

function valid(given: object): Configuration {
  const result = validateConfiguration({ ...ALONE, ...given }, machine);
  if (!result.ok) throw new Error(result.faults.join('; '));
  return result.configuration;
}

function faultsOf(given: object): readonly string[] {
  const result = validateConfiguration({ ...ALONE, ...given }, machine);
  return result.ok ? [] : result.faults;
}

function member(id: string, firstPort: number): object {
  const [coordinator, gossiper, control, admin] = [0, 1, 2, 3].map((step) => firstPort + step);
  return { id, host: '127.0.0.1', ports: { coordinator, gossiper, control, admin } };
}

test('[CF1] with an id and a folder alone, everything else has a value', () => {
  const configuration = valid({});
  assert.is(configuration.shardCount, 3);
  assert.is(configuration.shardCountIsGiven, false);
  assert.is(configuration.actors, 'apart');
  assert.is(configuration.self.host, '127.0.0.1');
  assert.is(configuration.ring.clusterId, 'clockwise');
  assert.is(configuration.ring.nodes[0]!.addresses.coordinator, '127.0.0.1:7400');
  assert.equal(configuration.ring.replicationClasses, [{ kind: 'total', copies: 1 }]);
  assert.equal(
    configuration.ring.buckets.map((bucket) => bucket.name),
    ['default'],
  );
  assert.equal(configuration.limits, DEFAULT_LIMITS);
  assert.is(configuration.record, null);
});

test('[CF1] a recording has a bound, whether one was given or not', () => {
  assert.equal(valid({ record: '/r' }).record, { folder: '/r', bytesMax: 256 * 1024 * 1024 });
  assert.equal(valid({ record: '/r', recordBytes: 9 }).record, { folder: '/r', bytesMax: 9 });
  assert.match(faultsOf({ record: '' }).join(), 'record');
  assert.match(faultsOf({ record: '/r', recordBytes: 2 ** 31 }).join(), 'recordBytes');
});

test('[CF1] on small machines the small actors share a thread, and one shard serves', () => {
  const result = validateConfiguration(ALONE, { processorCount: 1 });
  assert.ok(result.ok && result.configuration.actors === 'together');
  assert.ok(result.ok && result.configuration.shardCount === 1);
});

test('[CF1] a thread that is shared takes larger steps, unless something else is asked for', () => {
  const words = (actors: string, runtimeLimits: object): number =>
    valid({ actors, runtimeLimits }).runtimeLimits.stepWordsTarget;
  assert.ok(words('together', {}) > words('apart', {}));
  assert.is(words('together', { stepWordsTarget: 4096 }), 4096);
});

test('[CF1] buckets take from the default one what they do not say', () => {
  const buckets = [{ id: 7, name: 'sessions', conflictPolicy: 'lww' }];
  const { ring } = valid({ durability: 'interval', buckets });
  assert.is(ring.buckets.length, 2);
  assert.is(ring.buckets[1]!.conflictPolicy, 'lww');
  assert.is(ring.buckets[1]!.durability, 'interval');
  assert.is(ring.buckets[0]!.durability, 'interval');
});

test('[CF1] three members have three copies of each key, at the places that they name', () => {
  const members = [member('n1', 7100), member('n2', 7110), member('n3', 7120)];
  const { ring, self } = valid({ members });
  assert.equal(ring.replicationClasses, [{ kind: 'total', copies: 3 }]);
  assert.is(self.ports.admin, 7103);
});

test('[CF1] a memory budget becomes chunks and a block cache of each shard, three to one', () => {
  const budget = { shards: 2, memoryBytes: 1024 * 1024 * 1024 };
  const { limits } = valid(budget);
  assert.is(limits.memtableChunksMax, 6);
  assert.is(limits.blockCacheBytes, 128 * 1024 * 1024);
  const given = valid({ ...budget, limits: { blockCacheBytes: 0 } }).limits;
  assert.is(given.memtableChunksMax, 8);
  assert.is(given.blockCacheBytes, 0);
  assert.is(valid({ shards: 2, memoryBytes: 1 }).limits.memtableChunksMax, 4);
  assert.is(valid({ shards: 2, memoryBytes: 1 }).limits.memtableFrozenMax, 2);
});

test('[CF2] all faults are said at once, each with its place', () => {
  const faults = faultsOf({
    limits: { memtableChunkBytes: 3_000_000, valueBytesMax: 2 ** 22 },
    members: [member('n2', 7100), member('n3', 7102)],
  });
  const said = faults.join('\n');
  assert.match(said, 'nodeId "n1" is not among the members (n2, n3)');
  assert.match(said, '127.0.0.1:7102 is used by n2 control and by n3 coordinator');
  assert.match(said, 'memtableChunkBytes must be a power of two');
  assert.match(said, 'valueBytesMax must be at most');
});

test('[CF2] limits of the store that contradict each other are refused', () => {
  const faults = faultsOf({
    limits: { tableCodec: 3, runsMin: 1, runsSlow: 20, levelFanout: 1, tableBytes: 2 ** 30 },
  }).join('\n');
  for (const name of ['tableCodec', 'runsMin', 'runsSlow', 'levelFanout', 'tableBytes']) {
    assert.match(faults, name);
  }
  assert.is(valid({ limits: { blockCacheBytes: 0, tableCodec: 0 } }).limits.blockCacheBytes, 0);
  assert.match(faultsOf({ limits: { runsMin: 0 } }).join('\n'), 'limits.runsMin');
});

test('[CF2] a chunk has room for the largest join that limits allow', () => {
  const chunkOf = (memtableChunkBytes: number, more: object = {}): string =>
    faultsOf({ limits: { memtableChunkBytes, ...more } }).join('\n');
  assert.match(chunkOf(1024 * 1024), 'memtableChunkBytes must be at least');
  assert.match(chunkOf(1024 * 1024), 'siblingBytesMax');
  const small = { memtableChunkBytes: 1024 * 1024, siblingBytesMax: 64 * 1024 };
  const members = [member('n1', 7100), member('n2', 7110), member('n3', 7120)];
  assert.is(valid({ members, limits: small }).limits.siblingBytesMax, 64 * 1024);
  // One value may be larger than what siblings may have together.
  assert.match(chunkOf(1024 * 1024, { siblingBytesMax: 1, valueBytesMax: 2 ** 20 }), 'at least');
  // Twice the record for each copy.
  const alone = { memtableChunkBytes: 1024 * 1024, siblingBytesMax: 300 * 1024 };
  assert.is(valid({ limits: alone }).limits.siblingBytesMax, 300 * 1024);
  assert.match(faultsOf({ members, limits: alone }).join('\n'), 'a join of 3 copies');
});

test('[CF2] a frame has room for the largest join that limits allow', () => {
  const members = [member('n1', 7100), member('n2', 7110), member('n3', 7120)];
  const limits = { frameBytesMax: 3 * 1024 * 1024 };
  const [fault, ...others] = faultsOf({ members, limits });
  assert.match(
    fault!,
    /^limits: frameBytesMax must be at least 3\d{6}, room for a join of 3 copies/,
  );
  assert.equal(others, []);
  assert.is(valid({ limits }).limits.frameBytesMax, 3 * 1024 * 1024, 'alone');
});

test('[CF2] names that nobody knows are refused, not passed over', () => {
  assert.match(faultsOf({ shard: 3 }).join('\n'), 'shard');
  assert.match(faultsOf({ limits: { keyByteMax: 10 } }).join('\n'), 'limits.keyByteMax');
  assert.match(faultsOf({ adminPort: 0 }).join('\n'), 'adminPort');
  const both = faultsOf({ host: '127.0.0.1', members: [member('n1', 7100)] });
  assert.match(both.join('\n'), 'host is for a node that is alone');
});

test('[CF3] only loopback, unless insecurity is asked for; and addresses are literal', () => {
  assert.match(faultsOf({ host: '0.0.0.0' }).join('\n'), '--insecure');
  assert.is(valid({ host: '0.0.0.0', insecure: true }).self.host, '0.0.0.0');
  assert.is(valid({ host: '::1' }).ring.nodes[0]!.addresses.admin, '[::1]:7403');
  assert.match(faultsOf({ host: 'localhost' }).join('\n'), 'must be an IP address');
});

test('limits of replication agree with one another and with the formats', () => {
  const said = faultsOf({
    limits: {
      keyBytesMax: 65_532,
      contextEntriesMax: 65_500,
      hedgeMsMin: 100,
      handOffPageBytes: 4 * 1024 * 1024,
    },
  }).join('\n');
  assert.match(said, 'keyBytesMax must be at most 65531');
  assert.match(said, 'contextEntriesMax and siblingsMax must be at most 65535 together');
  assert.match(said, 'hedgeMsMin must be at most hedgeMsMax');
  assert.match(said, 'more than twice handOffPageBytes');
  const none = { lateAcksMs: 0, hedgeMsMin: 0, hintBytesMax: 0, explainsMax: 0 };
  assert.is(valid({ limits: none }).limits.explainsMax, 0);
  assert.match(faultsOf({ limits: { handOffTargetsMax: 0 } }).join('\n'), 'handOffTargetsMax');
});

test.run();
