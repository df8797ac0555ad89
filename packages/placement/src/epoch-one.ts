/**
 * The first ring of a cluster, and what a later start compares with it.
 *
 * Epoch 1 is planned from the configuration alone, so any node that has the same one computes the same
 * ring; it is stored at the first start. After that the stored ring rules: a configuration that differs
 * is refused, with the differences as sentences (an operator reads them).
 *
 * Invariants
 *  O1 equal configurations give equal first rings, in whatever order nodes and buckets are listed.
 *  O2 `compareConfigured(firstRing(c), c)` is empty, and is not for any other configuration.
 */
import { planAssignment } from './plan.ts';
import {
  type BucketDefinition,
  type ReplicationClass,
  type Ring,
  type RingConfiguration,
  type RingNode,
} from './ring.ts';
import { configurationFaults } from './ring-validation.ts';

export type FirstRing =
  | { readonly ok: true; readonly ring: Ring; readonly maxOverShare: number }
  | { readonly ok: false; readonly faults: readonly string[] };

/** Plans epoch 1, or says what is wrong with the configuration. */
export function firstRing(configuration: RingConfiguration): FirstRing {
  const sorted = sortConfiguration(configuration);
  const faults = configurationFaults(sorted);
  if (faults.length > 0) return { ok: false, faults };
  const { nodes, partitionCount } = sorted;
  const plans = sorted.replicationClasses.map((replicationClass) =>
    planAssignment({ nodes, replicationClass, partitionCount, previous: undefined }),
  );
  const ring: Ring = {
    ...sorted,
    epoch: 1,
    assignments: plans.map((plan) => plan.placement),
    partitionEpochs: new Int32Array(partitionCount).fill(1),
  };
  return { ok: true, ring, maxOverShare: Math.max(...plans.map((plan) => plan.maxOverShare)) };
}

/** How a configuration differs from a stored ring: sentences, empty where they agree. */
export function compareConfigured(ring: Ring, configuration: RingConfiguration): string[] {
  const configured = sortConfiguration(configuration);
  const differences: string[] = [];
  const compare = (what: string, stored: unknown, wanted: unknown): void => {
    if (JSON.stringify(stored) === JSON.stringify(wanted)) return;
    differences.push(
      `${what} is ${inWords(wanted)} in the configuration and ${inWords(stored)} in the stored ring`,
    );
  };
  compare('the cluster id', ring.clusterId, configured.clusterId);
  compare('the partition count', ring.partitionCount, configured.partitionCount);
  compare(
    'the number of replication classes',
    ring.replicationClasses.length,
    configured.replicationClasses.length,
  );
  for (const [index, stored] of ring.replicationClasses.entries()) {
    const wanted = configured.replicationClasses[index];
    if (wanted !== undefined) compare(`replication class ${index}`, stored, wanted);
  }
  differences.push(...compareLists('node', ring.nodes, configured.nodes, nodeFields));
  differences.push(...compareLists('bucket', ring.buckets, configured.buckets, bucketFields));
  return differences;
}

/** The same configuration in the order, and with the fields, that a ring has (V1). */
function sortConfiguration(configuration: RingConfiguration): RingConfiguration {
  const { clusterId, partitionCount } = configuration;
  return {
    clusterId,
    partitionCount,
    nodes: configuration.nodes.map(plainNode).toSorted((a, b) => compareText(a.id, b.id)),
    buckets: configuration.buckets.map(plainBucket).toSorted((a, b) => a.id - b.id),
    replicationClasses: configuration.replicationClasses.map(plainClass),
  };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function plainNode(node: RingNode): RingNode {
  const { coordinator, gossiper, control, admin } = node.addresses;
  return {
    id: node.id,
    dataCentre: node.dataCentre,
    rack: node.rack,
    weight: node.weight,
    host: node.host,
    addresses: { coordinator, gossiper, control, admin },
  };
}

function plainBucket(bucket: BucketDefinition): BucketDefinition {
  return {
    id: bucket.id,
    name: bucket.name,
    mode: bucket.mode,
    conflictPolicy: bucket.conflictPolicy,
    readLevel: bucket.readLevel,
    writeLevel: bucket.writeLevel,
    durability: bucket.durability,
    replicationClass: bucket.replicationClass,
    requireContext: bucket.requireContext,
  };
}

function plainClass(replicationClass: ReplicationClass): ReplicationClass {
  if (replicationClass.kind === 'total') return { kind: 'total', copies: replicationClass.copies };
  const dataCentres = replicationClass.dataCentres
    .map(({ dataCentre, copies }) => ({ dataCentre, copies }))
    .toSorted((a, b) => compareText(a.dataCentre, b.dataCentre));
  return { kind: 'per-data-centre', dataCentres };
}

type Fields = readonly (readonly [name: string, value: unknown])[];

function nodeFields(node: RingNode): Fields {
  return [
    ['the data centre', node.dataCentre],
    ['the rack', node.rack],
    ['the weight', node.weight],
    ['the host', node.host],
    ...Object.entries(node.addresses).map(
      ([name, value]) => [`the ${name} address`, value] as const,
    ),
  ];
}

function bucketFields(bucket: BucketDefinition): Fields {
  return [
    ['the name', bucket.name],
    ['the mode', bucket.mode],
    ['the conflict policy', bucket.conflictPolicy],
    ['the default read level', bucket.readLevel],
    ['the default write level', bucket.writeLevel],
    ['the durability', bucket.durability],
    ['the replication class', bucket.replicationClass],
    ['the context requirement', bucket.requireContext],
  ];
}

/** Compares members with equal ids field by field, and names those that only one side has. */
function compareLists<Member extends { readonly id: string | number }>(
  kind: string,
  stored: readonly Member[],
  wanted: readonly Member[],
  fieldsOf: (member: Member) => Fields,
): string[] {
  const differences: string[] = [];
  const wantedById = new Map(wanted.map((member) => [member.id, member]));
  for (const member of stored) {
    const other = wantedById.get(member.id);
    wantedById.delete(member.id);
    const what = `${kind} ${inWords(member.id)}`;
    if (other === undefined) {
      differences.push(`${what} is in the stored ring but not in the configuration`);
      continue;
    }
    const otherFields = fieldsOf(other);
    for (const [index, [name, value]] of fieldsOf(member).entries()) {
      const otherValue = otherFields[index]![1];
      if (value === otherValue) continue;
      differences.push(
        `${what}: ${name} is ${inWords(otherValue)} in the configuration and ` +
          `${inWords(value)} in the stored ring`,
      );
    }
  }
  for (const id of wantedById.keys()) {
    differences.push(`${kind} ${inWords(id)} is in the configuration but not in the stored ring`);
  }
  return differences;
}

function inWords(value: unknown): string {
  return JSON.stringify(value);
}
