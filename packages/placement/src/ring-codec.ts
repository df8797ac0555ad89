/**
 * A ring as bytes: what is stored, sent to peers, and hashed in the handshake.
 *
 * The layout stands in docs/formats/ring.md. It is canonical: a ring has one encoding, and a decoder
 * takes nothing else (whole input, no unknown codes, flags 0 or 1), so equal hashes mean equal rings.
 * Lists of codes are append-only. Checksums are handed in.
 *
 * Invariants
 *  E1 decoding an encoding gives an equal ring; encoding a decoded ring gives the same bytes.
 *  E2 damaged or foreign bytes are refused with a reason; nothing throws.
 *  E3 counts are checked against limits and the bytes at hand before anything is allocated.
 */
import { assert } from '@clockwise/kernel/assert';
import { murmur3Bytes } from './murmur3.ts';
import type { PlacementTable } from './placement-table.ts';
import type {
  BucketDefinition,
  ConsistencyLevel,
  NamedLevel,
  ReplicationClass,
  Ring,
  RingNode,
} from './ring.ts';
import { RingReader, RingWriter } from './ring-bytes.ts';
import { ringLimits } from './ring-limits.ts';
import { ringFaults } from './ring-validation.ts';

/** CRC-32 as zlib computes it; signed and unsigned results are both taken. */
export type Checksum = (bytes: Uint8Array) => number;

export type DecodedRing =
  { readonly ok: true; readonly ring: Ring } | { readonly ok: false; readonly reason: string };

/** `CWRG`, little-endian. */
const magic = 0x47525743;
const formatVersion = 1;
const headerBytes = 12;
const lengthOffset = 8;
const checksumBytes = 4;

const modes = ['eventual', 'linearizable'] as const;
const conflictPolicies = ['siblings', 'lww'] as const;
const durabilities = ['sync', 'interval', 'none'] as const;
const classKinds = ['total', 'per-data-centre'] as const;
const namedLevels = ['one', 'quorum', 'all', 'local-quorum', 'each-quorum'] as const;
/** A level below this is a number of copies; from here on a code of `namedLevels`. */
const firstNamedLevel = 0x80;

/** REQUIRES: `ringFaults(ring)` is empty. */
export function encodeRing(ring: Ring, checksum: Checksum): Uint8Array {
  const faults = ringFaults(ring);
  assert(faults.length === 0, `a ring without faults is encoded: ${faults[0]}`);
  const writer = new RingWriter();
  writer.uint32(magic);
  writer.uint16(formatVersion);
  writer.uint16(0);
  writer.uint32(0);
  writer.uint32(ring.epoch);
  writer.uint8(Math.log2(ring.partitionCount));
  writer.text(ring.clusterId);
  writer.uint8(ring.replicationClasses.length);
  for (const replicationClass of ring.replicationClasses) writeClass(writer, replicationClass);
  writer.uint16(ring.nodes.length);
  for (const node of ring.nodes) writeNode(writer, node);
  writer.uint16(ring.buckets.length);
  for (const bucket of ring.buckets) writeBucket(writer, bucket);
  for (const { stride, table } of ring.assignments) {
    writer.uint8(stride);
    for (const node of table) writer.uint16(node);
  }
  for (const epoch of ring.partitionEpochs) writer.uint32(epoch);
  writer.patchUint32(lengthOffset, writer.end + checksumBytes);
  writer.uint32(checksum(writer.written()));
  return writer.written().slice();
}

/** REQUIRES: the bytes do not change while they are read. */
export function decodeRing(bytes: Uint8Array, checksum: Checksum): DecodedRing {
  const reader = new RingReader(bytes);
  checkFrame(reader, bytes, checksum);
  if (reader.fault !== undefined) return { ok: false, reason: reader.fault };
  const ring = readRing(reader);
  if (reader.remaining !== checksumBytes) reader.fail('the bytes do not end where the ring ends');
  if (reader.fault !== undefined) return { ok: false, reason: reader.fault };
  const fault = ringFaults(ring)[0];
  return fault === undefined ? { ok: true, ring } : { ok: false, reason: fault };
}

/** 64 bits over an encoding, as 16 hexadecimal digits: what the handshake compares. */
export function hashEncodedRing(encoded: Uint8Array): string {
  const half = (seed: number): string =>
    (murmur3Bytes(encoded, seed) >>> 0).toString(16).padStart(8, '0');
  return half(0) + half(1);
}

/** The hash of a ring value (see `hashEncodedRing`). */
export function ringHash(ring: Ring, checksum: Checksum): string {
  return hashEncodedRing(encodeRing(ring, checksum));
}

/** Checks what must hold before a field is believed: magic, version, length and checksum. */
function checkFrame(reader: RingReader, bytes: Uint8Array, checksum: Checksum): void {
  if (bytes.length < headerBytes + checksumBytes) {
    reader.fail('the bytes are too few for a ring');
    return;
  }
  if (reader.uint32() !== magic) reader.fail('the bytes are not an encoded ring');
  const version = reader.uint16();
  if (version !== formatVersion) reader.fail(`ring format ${version} is unknown`);
  if (reader.uint16() !== 0) reader.fail('reserved bits are set');
  const length = reader.uint32();
  if (length !== bytes.length) reader.fail(`${length} bytes announced, ${bytes.length} present`);
  if (reader.fault !== undefined) return;
  const end = bytes.length - checksumBytes;
  const stored = new RingReader(bytes.subarray(end)).uint32();
  if (stored !== checksum(bytes.subarray(0, end)) >>> 0) reader.fail('the checksum is wrong');
}

function readRing(reader: RingReader): Ring {
  const epoch = reader.uint32();
  const partitionCountLog2 = reader.uint8();
  if (partitionCountLog2 > ringLimits.partitionCountLog2Max) {
    reader.fail(`2^${partitionCountLog2} partitions are more than the limit`);
  }
  const partitionCount = reader.fault === undefined ? 2 ** partitionCountLog2 : 0;
  const clusterId = reader.text();
  const classesMax = ringLimits.replicationClassesMax;
  const classCount = reader.count(reader.uint8(), classesMax, 2, 'replication classes');
  const replicationClasses = repeat(classCount, () => readClass(reader));
  const nodeCount = reader.count(reader.uint16(), ringLimits.nodesMax, 10, 'nodes');
  const nodes = repeat(nodeCount, () => readNode(reader));
  const bucketCount = reader.count(reader.uint16(), ringLimits.bucketsMax, 11, 'buckets');
  const buckets = repeat(bucketCount, () => readBucket(reader));
  const assignments = repeat(classCount, () => readTable(reader, partitionCount));
  const epochCount = reader.count(partitionCount, partitionCount, 4, 'partition epochs');
  const partitionEpochs = new Int32Array(epochCount);
  for (let index = 0; index < epochCount; index += 1) partitionEpochs[index] = reader.uint32();
  return {
    epoch,
    clusterId,
    partitionCount,
    nodes,
    buckets,
    replicationClasses,
    assignments,
    partitionEpochs,
  };
}

function repeat<Item>(count: number, read: () => Item): Item[] {
  return Array.from({ length: count }, read);
}

function writeClass(writer: RingWriter, replicationClass: ReplicationClass): void {
  writer.uint8(classKinds.indexOf(replicationClass.kind));
  if (replicationClass.kind === 'total') {
    writer.uint8(replicationClass.copies);
    return;
  }
  writer.uint8(replicationClass.dataCentres.length);
  for (const { dataCentre, copies } of replicationClass.dataCentres) {
    writer.text(dataCentre);
    writer.uint8(copies);
  }
}

function readClass(reader: RingReader): ReplicationClass {
  const kind = reader.choice(classKinds, 'replication class kind');
  if (kind === 'total') return { kind, copies: reader.uint8() };
  const count = reader.count(reader.uint8(), ringLimits.copiesMax, 2, 'data centres of a class');
  const dataCentres = repeat(count, () => ({ dataCentre: reader.text(), copies: reader.uint8() }));
  return { kind, dataCentres };
}

function writeNode(writer: RingWriter, node: RingNode): void {
  writer.text(node.id);
  writer.text(node.dataCentre);
  writer.text(node.rack);
  writer.uint16(node.weight);
  writer.text(node.host);
  writer.text(node.addresses.coordinator);
  writer.text(node.addresses.gossiper);
  writer.text(node.addresses.control);
  writer.text(node.addresses.admin);
}

function readNode(reader: RingReader): RingNode {
  return {
    id: reader.text(),
    dataCentre: reader.text(),
    rack: reader.text(),
    weight: reader.uint16(),
    host: reader.text(),
    addresses: {
      coordinator: reader.text(),
      gossiper: reader.text(),
      control: reader.text(),
      admin: reader.text(),
    },
  };
}

function writeBucket(writer: RingWriter, bucket: BucketDefinition): void {
  writer.uint32(bucket.id);
  writer.text(bucket.name);
  writer.uint8(modes.indexOf(bucket.mode));
  writer.uint8(conflictPolicies.indexOf(bucket.conflictPolicy));
  writer.uint8(levelCode(bucket.readLevel));
  writer.uint8(levelCode(bucket.writeLevel));
  writer.uint8(durabilities.indexOf(bucket.durability));
  writer.uint8(bucket.replicationClass);
  writer.uint8(bucket.requireContext ? 1 : 0);
}

function readBucket(reader: RingReader): BucketDefinition {
  return {
    id: reader.uint32(),
    name: reader.text(),
    mode: reader.choice(modes, 'bucket mode'),
    conflictPolicy: reader.choice(conflictPolicies, 'conflict policy'),
    readLevel: readLevel(reader),
    writeLevel: readLevel(reader),
    durability: reader.choice(durabilities, 'durability'),
    replicationClass: reader.uint8(),
    requireContext: reader.choice(['no', 'yes'], 'flag') === 'yes',
  };
}

function levelCode(level: ConsistencyLevel): number {
  return typeof level === 'number' ? level : firstNamedLevel + namedLevels.indexOf(level);
}

function readLevel(reader: RingReader): ConsistencyLevel {
  const code = reader.uint8();
  if (code < firstNamedLevel) return code;
  const name: NamedLevel | undefined = namedLevels[code - firstNamedLevel];
  if (name === undefined) reader.fail(`consistency level ${code} is unknown`);
  return name ?? 'one';
}

function readTable(reader: RingReader, partitionCount: number): PlacementTable {
  const stride = reader.count(reader.uint8(), ringLimits.copiesMax, 2 * partitionCount, 'copies');
  const table = new Int32Array(partitionCount * stride);
  for (let index = 0; index < table.length; index += 1) table[index] = reader.uint16();
  return { stride, table };
}
