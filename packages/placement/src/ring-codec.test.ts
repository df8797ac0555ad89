import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstRing } from './epoch-one.ts';
import { type ConsistencyLevel, type Ring, type RingConfiguration, defaultBucket } from './ring.ts';
import { decodeRing, encodeRing, hashEncodedRing, ringHash } from './ring-codec.ts';

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/);
const address = fc.stringMatching(/^[!-~]{1,30}$/);
const level = fc.constantFrom<ConsistencyLevel>(
  1,
  2,
  'one',
  'quorum',
  'all',
  'local-quorum',
  'each-quorum',
);

const node = fc.record({
  id: name,
  dataCentre: fc.constantFrom('d1', 'd2'),
  rack: name,
  weight: fc.integer({ min: 1, max: 1_000 }),
  host: address,
  addresses: fc.record({
    coordinator: address,
    gossiper: address,
    control: address,
    admin: address,
  }),
});

const bucket = fc.record({
  id: fc.integer({ min: 2, max: 0x3fffffff }),
  name,
  mode: fc.constantFrom('eventual' as const, 'linearizable' as const),
  conflictPolicy: fc.constantFrom('siblings' as const, 'lww' as const),
  readLevel: level,
  writeLevel: level,
  durability: fc.constantFrom('sync' as const, 'interval' as const, 'none' as const),
  replicationClass: fc.nat(1),
  requireContext: fc.boolean(),
});

const rings: fc.Arbitrary<Ring> = fc
  .record({
    clusterId: name,
    partitionCount: fc.constantFrom(1, 16, 64),
    nodes: fc.uniqueArray(node, { minLength: 1, maxLength: 6, selector: (entry) => entry.id }),
    buckets: fc.uniqueArray(bucket, {
      maxLength: 4,
      comparator: (a, b) => a.id === b.id || a.name === b.name || a.name === 'default',
    }),
    epoch: fc.integer({ min: 1, max: 0x7fffffff }),
  })
  .map(({ epoch, ...parts }) => {
    const named = [...new Set(parts.nodes.map((entry) => entry.dataCentre))];
    const configuration: RingConfiguration = {
      ...parts,
      buckets: [defaultBucket, ...parts.buckets.filter((entry) => entry.name !== 'default')],
      replicationClasses: [
        { kind: 'total', copies: 3 },
        {
          kind: 'per-data-centre',
          dataCentres: named.map((dataCentre) => ({ dataCentre, copies: 2 })),
        },
      ],
    };
    const first = firstRing(configuration);
    assert.ok(first.ok, JSON.stringify(first));
    return { ...first.ring, epoch };
  });

test('[E1] a ring comes back equal, from one encoding', () => {
  fc.assert(
    fc.property(rings, (ring) => {
      const encoded = encodeRing(ring, crc32);
      const decoded = decodeRing(encoded, crc32);
      assert.ok(decoded.ok, JSON.stringify(decoded));
      assert.equal(decoded.ring, ring);
      assert.equal(encodeRing(decoded.ring, crc32), encoded);
      assert.is(ringHash(decoded.ring, crc32), hashEncodedRing(encoded));
      assert.match(hashEncodedRing(encoded), /^[0-9a-f]{16}$/);
    }),
  );
});

test('[E1] a large ring comes back equal, whichever write its memory has to grow for', () => {
  const addresses = { coordinator: 'a:1', gossiper: 'a:2', control: 'a:3', admin: 'a:4' };
  const nodes = Array.from({ length: 8 }, (_, index) => ({
    ...{ id: `node-${index}`, rack: `rack-${index}`, weight: 1, host: 'a', addresses },
    dataCentre: `dc-${index % 2}`,
  }));
  const dataCentres = ['dc-0', 'dc-1'].map((dataCentre) => ({ dataCentre, copies: 3 }));
  const first = firstRing({
    clusterId: 'c',
    partitionCount: 512,
    nodes,
    buckets: [defaultBucket],
    replicationClasses: [{ kind: 'per-data-centre', dataCentres }],
  });
  assert.ok(first.ok);
  for (let length = 1; length <= 8; length += 1) {
    const ring = { ...first.ring, clusterId: 'c'.repeat(length) };
    const decoded = decodeRing(encodeRing(ring, crc32), crc32);
    assert.ok(decoded.ok);
    assert.equal(decoded.ring, ring);
  }
});

test('the layout is the one in docs/formats/ring.md', () => {
  const ring: Ring = {
    epoch: 3,
    clusterId: 'c',
    partitionCount: 2,
    nodes: [
      {
        id: 'n',
        dataCentre: 'd',
        rack: 'r',
        weight: 2,
        host: 'h',
        addresses: { coordinator: '1', gossiper: '2', control: '3', admin: '4' },
      },
    ],
    buckets: [{ ...defaultBucket, writeLevel: 1 }],
    replicationClasses: [{ kind: 'total', copies: 1 }],
    assignments: [{ stride: 1, table: Int32Array.of(0, 0) }],
    partitionEpochs: Int32Array.of(1, 3),
  };
  const expected = [
    ...['43575247', '0100', '0000', '50000000', '03000000', '01', '0163', '01', '0001'],
    ...['0100', '016e', '0164', '0172', '0200', '0168', '0131', '0132', '0133', '0134'],
    ...['0100', '01000000', '0764656661756c74', '00', '00', '81', '01', '00', '00', '00'],
    ...['01', '0000', '0000', '01000000', '03000000'],
  ];
  const hex = Buffer.from(encodeRing(ring, crc32)).toString('hex');
  assert.is(hex.slice(0, -8), expected.join(''));
});

test('different rings have different hashes', () => {
  fc.assert(
    fc.property(rings, (ring) => {
      const next = { ...ring, epoch: ring.epoch === 1 ? 2 : ring.epoch - 1 };
      assert.is.not(ringHash(next, crc32), ringHash(ring, crc32));
    }),
  );
});

test('[E2] [Y1] cut, lengthened and damaged encodings are refused with a reason', () => {
  fc.assert(
    fc.property(rings, fc.nat(), fc.integer({ min: 1, max: 255 }), (ring, at, flip) => {
      const encoded = encodeRing(ring, crc32);
      const damaged = encoded.slice();
      damaged[at % damaged.length]! ^= flip;
      const longer = new Uint8Array(encoded.length + 1);
      longer.set(encoded);
      for (const bytes of [damaged, longer, encoded.subarray(0, at % encoded.length)]) {
        const decoded = decodeRing(bytes, crc32);
        assert.ok(!decoded.ok && decoded.reason.length > 0);
      }
    }),
    { numRuns: 300 },
  );
});

/** Damage that a checksum would not catch: whoever forges a ring can compute it too. */
function seal(bytes: Uint8Array): Uint8Array {
  const sealed = bytes.slice();
  const view = new DataView(sealed.buffer);
  view.setUint32(8, sealed.length, true);
  view.setUint32(sealed.length - 4, crc32(sealed.subarray(0, -4)), true);
  return sealed;
}

test('[E2] [E3] bytes with a right checksum decode to a canonical ring or are refused', () => {
  let refused = 0;
  fc.assert(
    fc.property(
      rings,
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.nat(40),
      (ring, changes, cut) => {
        const encoded = encodeRing(ring, crc32);
        const forged = encoded.slice(0, Math.max(16, encoded.length - cut));
        for (const [at, value] of changes) forged[at % forged.length] = value;
        const sealed = seal(forged);
        const decoded = decodeRing(sealed, crc32);
        if (decoded.ok) assert.equal(encodeRing(decoded.ring, crc32), sealed);
        else refused += 1;
      },
    ),
    { numRuns: 1_000 },
  );
  assert.ok(refused > 100, `${refused} were refused`);
});

test('[E3] a count beyond its limit or the bytes at hand is refused before it is believed', () => {
  const first = firstRing({
    clusterId: 'c',
    partitionCount: 16,
    nodes: [
      {
        id: 'a',
        dataCentre: 'd',
        rack: 'r',
        weight: 1,
        host: 'h',
        addresses: { coordinator: 'h:1', gossiper: 'h:2', control: 'h:3', admin: 'h:4' },
      },
    ],
    buckets: [defaultBucket],
    replicationClasses: [{ kind: 'total', copies: 1 }],
  });
  assert.ok(first.ok);
  const encoded = encodeRing(first.ring, crc32);
  const table: readonly (readonly [at: number, bytes: readonly number[], reason: RegExp])[] = [
    [0, [1], /not an encoded ring/],
    [4, [2], /format 2 is unknown/],
    [6, [1], /reserved bits/],
    [16, [15], /2\^15 partitions are more/],
    [19, [9], /9 replication classes are more/],
    [19, [2], /replication class kind|limit|bytes end/],
    [20, [2], /replication class kind 2 is unknown/],
    [22, [0x01, 0x01], /257 nodes are more/],
    [22, [0x00, 0x01], /bytes end before 256 nodes/],
  ];
  for (const [at, bytes, reason] of table) {
    const forged = encoded.slice();
    forged.set(bytes, at);
    const decoded = decodeRing(seal(forged), crc32);
    assert.match(decoded.ok ? 'taken' : decoded.reason, reason);
  }
  assert.not.ok(decodeRing(new Uint8Array(0), crc32).ok);
});

test.run();
