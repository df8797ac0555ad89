/**
 * Says what is wrong with a ring or with a configuration of one: a list of sentences, empty when all
 * is well. Whoever makes, plans, loads or receives a ring asks here; inside, rings are trusted.
 *
 * Ids and names are ASCII (letters, digits, `.`, `_`, `-`), so that one character is one byte wherever
 * they are hashed or encoded.
 */
import {
  type BucketDefinition,
  type ConsistencyLevel,
  type ReplicationClass,
  type Ring,
  type RingConfiguration,
  type RingNode,
  copiesOf,
  defaultBucket,
} from './ring.ts';
import { ringLimits } from './ring-limits.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const addressPattern = /^[\x21-\x7e]{1,255}$/;
const nameRule =
  'must be 1 to 64 letters, digits, ".", "_" or "-", and start with one of the first two';

/** What is wrong with what an operator decides (V1, V2 and the limits). */
export function configurationFaults(configuration: RingConfiguration): string[] {
  const { clusterId, partitionCount, nodes, buckets, replicationClasses } = configuration;
  const faults: string[] = [];
  if (!namePattern.test(clusterId)) faults.push(`the cluster id ${nameRule}`);
  const doublings = Math.log2(partitionCount);
  if (!isWhole(doublings, 0, ringLimits.partitionCountLog2Max)) {
    const most = 2 ** ringLimits.partitionCountLog2Max;
    faults.push(`the partition count must be a power of two from 1 to ${most}`);
  }
  faults.push(...countFaults('nodes', nodes.length, ringLimits.nodesMax));
  faults.push(...countFaults('buckets', buckets.length, ringLimits.bucketsMax));
  const classesMax = ringLimits.replicationClassesMax;
  faults.push(...countFaults('replication classes', replicationClasses.length, classesMax));
  if (faults.length > 0) return faults;
  for (const [index, replicationClass] of replicationClasses.entries()) {
    faults.push(...classFaults(`replication class ${index}`, replicationClass, nodes));
  }
  for (const node of nodes) faults.push(...nodeFaults(node));
  for (const bucket of buckets) faults.push(...bucketFaults(bucket, replicationClasses));
  faults.push(...orderFaults(nodes, buckets));
  return faults;
}

/** What is wrong with a ring: its configuration, its tables and its epochs (V1 to V4). */
export function ringFaults(ring: Ring): string[] {
  const faults = configurationFaults(ring);
  if (!isWhole(ring.epoch, 1, ringLimits.epochMax)) faults.push('the epoch must be positive');
  if (faults.length > 0) return faults;
  if (ring.assignments.length !== ring.replicationClasses.length) {
    return ['each replication class must have one assignment'];
  }
  for (const index of ring.assignments.keys()) faults.push(...assignmentFaults(ring, index));
  if (ring.partitionEpochs.length !== ring.partitionCount) {
    faults.push('each partition must have an epoch');
  }
  if (!ring.partitionEpochs.every((epoch) => isWhole(epoch, 1, ring.epoch))) {
    faults.push(`the epoch of a partition must be from 1 to the ring's own, ${ring.epoch}`);
  }
  return faults;
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function countFaults(what: string, count: number, most: number): string[] {
  if (count >= 1 && count <= most) return [];
  return [`there must be 1 to ${most} ${what}, not ${count}`];
}

function classFaults(
  what: string,
  replicationClass: ReplicationClass,
  nodes: readonly RingNode[],
): string[] {
  const faults: string[] = [];
  const copies = copiesOf(replicationClass);
  if (!isWhole(copies, 1, ringLimits.copiesMax)) {
    faults.push(`${what} must have 1 to ${ringLimits.copiesMax} copies`);
  }
  if (replicationClass.kind === 'total') return faults;
  const known = new Set(nodes.map((node) => node.dataCentre));
  let before = '';
  for (const entry of replicationClass.dataCentres) {
    if (!known.has(entry.dataCentre)) {
      faults.push(`${what} names the data centre "${entry.dataCentre}", which has no nodes`);
    }
    if (!isWhole(entry.copies, 1, ringLimits.copiesMax)) {
      faults.push(`${what} must have at least one copy in "${entry.dataCentre}" or not name it`);
    }
    if (entry.dataCentre <= before) {
      faults.push(`${what} must name data centres once and in sorted order`);
    }
    before = entry.dataCentre;
  }
  return faults;
}

function nodeFaults(node: RingNode): string[] {
  const what = `node "${node.id}"`;
  const faults: string[] = [];
  if (!namePattern.test(node.id)) faults.push(`${what}: the id ${nameRule}`);
  if (!namePattern.test(node.dataCentre)) faults.push(`${what}: the data centre ${nameRule}`);
  if (!namePattern.test(node.rack)) faults.push(`${what}: the rack ${nameRule}`);
  if (!isWhole(node.weight, 1, ringLimits.weightMax)) {
    faults.push(`${what}: the weight must be a whole number from 1 to ${ringLimits.weightMax}`);
  }
  const { coordinator, gossiper, control, admin } = node.addresses;
  const addresses = { host: node.host, coordinator, gossiper, control, admin };
  for (const [name, address] of Object.entries(addresses)) {
    if (addressPattern.test(address)) continue;
    const most = ringLimits.addressCharactersMax;
    faults.push(`${what}: ${name} must be 1 to ${most} ASCII characters without spaces`);
  }
  return faults;
}

function bucketFaults(
  bucket: BucketDefinition,
  replicationClasses: readonly ReplicationClass[],
): string[] {
  const what = `bucket "${bucket.name}"`;
  const faults: string[] = [];
  if (!namePattern.test(bucket.name)) faults.push(`${what}: the name ${nameRule}`);
  if (!isWhole(bucket.id, 1, ringLimits.bucketIdMax)) {
    faults.push(`${what}: the id must be from 1 to ${ringLimits.bucketIdMax}`);
  }
  const replicationClass = replicationClasses[bucket.replicationClass];
  if (replicationClass === undefined) {
    return [...faults, `${what}: replication class ${bucket.replicationClass} does not exist`];
  }
  const copies = copiesOf(replicationClass);
  faults.push(...levelFaults(`${what}: the read level`, bucket.readLevel, copies));
  faults.push(...levelFaults(`${what}: the write level`, bucket.writeLevel, copies));
  return faults;
}

function levelFaults(what: string, level: ConsistencyLevel, copies: number): string[] {
  if (typeof level !== 'number' || isWhole(level, 1, copies)) return [];
  return [`${what} must be from 1 to the ${copies} copies of its class, not ${level}`];
}

function orderFaults(nodes: readonly RingNode[], buckets: readonly BucketDefinition[]): string[] {
  const faults: string[] = [];
  if (nodes.some((node, index) => index > 0 && node.id <= nodes[index - 1]!.id)) {
    faults.push('nodes must be sorted by id, and ids must be unique');
  }
  if (buckets.some((bucket, index) => index > 0 && bucket.id <= buckets[index - 1]!.id)) {
    faults.push('buckets must be sorted by id, and ids must be unique');
  }
  if (new Set(buckets.map((bucket) => bucket.name)).size !== buckets.length) {
    faults.push('names of buckets must be unique');
  }
  const first = buckets[0];
  if (first?.id !== defaultBucket.id || first.name !== defaultBucket.name) {
    faults.push('bucket 1 must be "default"');
  }
  return faults;
}

/** How long the lists of a class must be over these nodes: its copies, or fewer for want of nodes. */
function strideOf(replicationClass: ReplicationClass, nodes: readonly RingNode[]): number {
  if (replicationClass.kind === 'total') return Math.min(replicationClass.copies, nodes.length);
  return replicationClass.dataCentres.reduce((sum, { dataCentre, copies }) => {
    const present = nodes.filter((node) => node.dataCentre === dataCentre).length;
    return sum + Math.min(copies, present);
  }, 0);
}

function assignmentFaults(ring: Ring, index: number): string[] {
  const { stride, table } = ring.assignments[index]!;
  const what = `the assignment of replication class ${index}`;
  const wanted = strideOf(ring.replicationClasses[index]!, ring.nodes);
  if (stride !== wanted) return [`${what} must have lists of ${wanted}, not of ${stride}`];
  if (table.length !== ring.partitionCount * stride) {
    return [`${what} must have ${ring.partitionCount} lists`];
  }
  if (!table.every((node) => node >= 0 && node < ring.nodes.length)) {
    return [`${what} names a node that is not in the ring`];
  }
  for (let first = 0; first < table.length; first += stride) {
    if (new Set(table.subarray(first, first + stride)).size !== stride) {
      return [`${what} has a node twice on the list of partition ${first / stride}`];
    }
  }
  return [];
}
