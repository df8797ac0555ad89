/**
 * A cluster of simulated nodes on one simulated network: the ring is the real first ring of its
 * configuration, the cores are the real ones. Carries out faults, and watches every record that any
 * replica appends.
 */
import { assert } from '@clockwise/kernel/assert';
import { type FirstRing, firstRing } from '@clockwise/placement/epoch-one';
import { replicasOf } from '@clockwise/placement/placement-table';
import type { BucketDefinition, ReplicationClass, Ring } from '@clockwise/placement/ring';
import { encodeRing, hashEncodedRing } from '@clockwise/placement/ring-codec';
import type { NodeData } from '@clockwise/server/node-data';
import { addressesOf } from '@clockwise/server/node-plan';
import { ringViewOf } from '@clockwise/server/ring-view-of';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { Network } from '@clockwise/simulator/network';
import type { CrashModel } from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import { BUCKET, type SimulationConfiguration } from './configuration.ts';
import { FaultAtlas } from './fault-atlas.ts';
import { type FaultEvent, injectFault } from './fault-schedule.ts';
import { partitionOfKey } from './key-partition.ts';
import { RunWitness } from './run-witness.ts';
import { SimulatedNode, type SimulatedNodeData } from './simulated-node.ts';
import { checksum } from './shard-store.ts';

export const CLUSTER_ID = 'simulated';

interface DecidedRing {
  readonly ring: Ring;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

export class SimulatedCluster {
  readonly simulation: Simulation;
  readonly network: Network;
  ring: Ring;
  /** All that there ever were: those of the first ring first, in its order. */
  readonly nodes: SimulatedNode[] = [];
  /** By index of the present ring. */
  members: readonly SimulatedNode[] = [];
  readonly witness: RunWitness;
  /** Whose data may be destroyed, and whose have been. */
  readonly atlas: FaultAtlas;
  faultCount = 0;
  /** After `heal` no fault is carried out any more. */
  isHealed = false;
  readonly #shardCount: number;
  readonly #actorPace: NodeData['pace'];
  readonly #makeNode: (nodeId: string) => SimulatedNode;

  constructor(simulation: Simulation, configuration: SimulationConfiguration) {
    this.simulation = simulation;
    const { prng } = simulation;
    this.network = new Network(simulation, prng.stream('network'), configuration.links);
    this.#shardCount = configuration.shardCount;
    this.#actorPace = configuration.actorPace;
    this.ring = makeRing(configuration);
    this.witness = new RunWitness(this.ring, configuration.limits, {
      damageCount: () => this.atlas.claimCount,
      followsSeen: areClocksClose(configuration),
      shardCount: configuration.shardCount,
    });
    const { shardCount: shards } = configuration;
    this.atlas = new FaultAtlas(
      configuration,
      () => simulation.now,
      (node) => {
        const nodeId = this.nodes[node]!.nodeId;
        for (let shard = 0; shard < shards; shard += 1)
          this.witness.mirror.damaged(`${nodeId}/${shard}`);
      },
    );
    this.#makeNode = this.#nodeMaker(configuration);
    this.decide(this.ring);
  }

  /**
   * The ring that processes begin with from now on; nodes that are new in it come into being, those that
   * are none of its members begin no more. Who runs goes on as it is, until it is stopped or adopts it.
   */
  decide(ring: Ring): void {
    this.ring = ring;
    const bytes = encodeRing(ring, (encoded) => checksum(encoded, 0));
    const hash = hashEncodedRing(bytes);
    for (const { id } of ring.nodes) {
      const isNew = !this.nodes.some(({ nodeId }) => nodeId === id);
      if (isNew) this.nodes.push(this.#makeNode(id));
    }
    this.members = ring.nodes.map(({ id }) => this.nodes.find(({ nodeId }) => nodeId === id)!);
    for (const node of this.nodes) {
      const isMember = this.members.includes(node);
      node.provide(isMember ? this.#dataOf(node.nodeId, { ring, bytes, hash }) : undefined);
    }
  }

  get addresses(): string[] {
    return this.nodes.map(({ nodeId }) => addressOf(nodeId, 'coordinator'));
  }

  start(): void {
    for (const node of this.nodes) node.start();
  }

  inject(fault: FaultEvent): void {
    if (this.isHealed) return;
    this.faultCount += 1;
    this.simulation.note(`fault ${JSON.stringify(fault)}`);
    this.simulation.trace.value(fault);
    injectFault(fault, this);
  }

  /** Everything runs, is connected and quick from here on. */
  heal(): void {
    this.isHealed = true;
    this.network.faults = { ...CALM_LINKS, mode: this.network.faults.mode };
    this.network.heal();
    for (const node of this.members) node.heal();
  }

  /** A node that is down stays so. */
  crash(index: number, model: CrashModel, downMs: number): void {
    const node = this.nodes[index]!;
    if (!node.isRunning) return;
    node.crash(model);
    this.simulation.after(downMs, () => node.start());
  }

  #nodeMaker({
    limits,
    pace,
    clockOffsetMaxMs,
    clockDriftMax,
  }: SimulationConfiguration): (nodeId: string) => SimulatedNode {
    const { simulation, network, witness } = this;
    const { prng } = simulation;
    const clocks = prng.stream('clocks');
    return (nodeId) =>
      new SimulatedNode({
        simulation,
        network,
        prng: prng.stream(nodeId),
        nodeId,
        shardCount: this.#shardCount,
        limits,
        pace,
        clockOffsetMs: Math.round((clocks.unit() - 0.5) * 2 * clockOffsetMaxMs),
        clockDriftPerMillion: Math.round((clocks.unit() - 0.5) * 2 * clockDriftMax),
        watch: witness.nodeWatch(nodeId),
      });
  }

  #dataOf(nodeId: string, { ring, bytes, hash }: DecidedRing): SimulatedNodeData {
    const shardCount = this.#shardCount;
    return {
      ring: ringViewOf({ ring, hash, nodeId, shardCount }),
      ringBytes: bytes,
      gossiperAddresses: addressesOf(ring, 'gossiper'),
      controlAddresses: addressesOf(ring, 'control'),
      storeId: { low: 1 + this.nodes.findIndex((node) => node.nodeId === nodeId), high: 0 },
      shardCount,
      pace: this.#actorPace,
      record: null,
      folder: '',
    };
  }

  /** The nodes that a key's copies live on, in the order of the list. */
  primariesOf(bucketId: number, key: string): readonly number[] {
    const table = this.ring.assignments[0]!;
    const first = replicasOf(table, this.partitionOf(bucketId, key));
    const members = table.table.subarray(first, first + table.stride);
    return Array.from(members, (member) => this.nodes.indexOf(this.members[member]!));
  }

  /** Of these, the nodes whose store of the key is open: others were given up as damaged. */
  servingPrimariesOf(bucketId: number, key: string): readonly number[] {
    const partition = this.partitionOf(bucketId, key);
    const primaries = this.primariesOf(bucketId, key);
    return primaries.filter((node) => this.nodes[node]!.isServingPartition(partition));
  }

  /** What a key's partition is in every ring. */
  partitionOf(bucketId: number, key: string): number {
    return partitionOfKey(bucketId, key, Math.log2(this.ring.partitionCount));
  }
}

/** Where a simulated node listens. */
export function addressOf(nodeId: string, port: string): string {
  return `${nodeId}:${port}`;
}

function areClocksClose({ faults, clockOffsetMaxMs }: SimulationConfiguration): boolean {
  return faults.clockMs === Infinity && clockOffsetMaxMs <= CLOSE_MS;
}

/** A minute is followed; two clocks may be apart by twice their offset, and drift. */
const CLOSE_MS = 10_000;

function makeRing(configuration: SimulationConfiguration): Ring {
  const { nodeCount, partitionBits, dataCentreCount, racksPerDataCentre } = configuration;
  const planned: FirstRing = firstRing({
    clusterId: CLUSTER_ID,
    partitionCount: 2 ** partitionBits,
    nodes: Array.from({ length: nodeCount }, (_, index) => {
      const id = `n${index + 1}`;
      const address = (port: string): string => addressOf(id, port);
      return {
        id,
        dataCentre: `dc${1 + (index % dataCentreCount)}`,
        rack: `rack-${Math.floor(index / dataCentreCount) % racksPerDataCentre}`,
        weight: 1,
        host: id,
        addresses: {
          coordinator: address('coordinator'),
          gossiper: address('gossiper'),
          control: address('control'),
          admin: address('admin'),
        },
      };
    }),
    buckets: [
      bucket(BUCKET.sync, 'default', {}),
      bucket(BUCKET.interval, 'quick', { durability: 'interval' }),
      bucket(BUCKET.lww, 'latest', { conflictPolicy: 'lww' }),
    ],
    replicationClasses: [replicationClassOf(configuration)],
  });
  assert(planned.ok, 'the configuration of a simulated cluster is sound');
  return planned.ring;
}

function replicationClassOf(configuration: SimulationConfiguration): ReplicationClass {
  const { copies, isPerDataCentre, dataCentreCount, nodeCount } = configuration;
  const copiesOfEach = copies / dataCentreCount;
  const isEven =
    Number.isInteger(copiesOfEach) && copiesOfEach <= Math.floor(nodeCount / dataCentreCount);
  if (!isPerDataCentre || !isEven) return { kind: 'total', copies };
  const dataCentres = Array.from({ length: dataCentreCount }, (_, index) => ({
    dataCentre: `dc${index + 1}`,
    copies: copiesOfEach,
  }));
  return { kind: 'per-data-centre', dataCentres };
}

function bucket(id: number, name: string, fields: Partial<BucketDefinition>): BucketDefinition {
  return {
    id,
    name,
    mode: 'eventual',
    conflictPolicy: 'siblings',
    readLevel: 'quorum',
    writeLevel: 'quorum',
    durability: 'sync',
    replicationClass: 0,
    requireContext: false,
    ...fields,
  };
}
