/**
 * NodeStatus: what is known of the node's parts, from what they told and what the supervisor saw, and
 * the report made of it.
 *
 * Invariants:
 *   NS1 a node is ready only while every unit runs and every shard serves
 *   NS2 a node is healthy only if it has no reason to give
 */
import type { ActorMessage, PeerState } from '@clockwise/protocol/actor-messages';
import { loadsOf } from '@clockwise/placement/placement-table';
import type { Ring } from '@clockwise/placement/ring';
import type { UnitState } from '@clockwise/runtime/supervisor/unit';
import { unreachable } from '@clockwise/kernel/assert';
import { isOwedForLong, owedText } from './owed-text.ts';
import type {
  ActorReport,
  ActorState,
  DifferenceReport,
  Figures,
  HintsReport,
  NodeState,
  RingReport,
  ShardReport,
  StatusReport,
} from './status-report.ts';

export interface NodeStatusOptions {
  readonly nodeId: string;
  readonly version: string;
  readonly ring: Ring;
  readonly ringHash: string;
  readonly shardCount: number;
  /** Names of the supervisor's units; each shard's is `replica-N`. */
  readonly units: readonly string[];
  readonly now: () => number;
}

const UNCOUNTED: HintsReport = { isCounted: false, targets: [] };

interface UnitReport {
  state: UnitState;
  restarts: number;
}

export class NodeStatus {
  readonly #options: NodeStatusOptions;
  readonly #startedAt: number;
  readonly #units: Map<string, UnitReport>;
  /** By shard: why it serves no longer. */
  readonly #fenced: Map<number, string> = new Map();
  readonly #peers: Map<string, PeerState> = new Map();
  readonly #differences: Map<string, DifferenceReport> = new Map();
  #hints: HintsReport = UNCOUNTED;

  constructor(options: NodeStatusOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    this.#units = new Map(
      options.units.map((name) => [name, { state: { kind: 'starting' }, restarts: 0 }]),
    );
  }

  /** The supervisor saw a unit change; `life` counts its starts from 1. */
  unitChanged(name: string, state: UnitState, life: number): void {
    this.#units.set(name, { state, restarts: Math.max(0, life - 1) });
    if (state.kind !== 'starting') return;
    // Whoever counted may be in it; what it counted is of before.
    this.#hints = UNCOUNTED;
    const shard = this.#shardOf(name);
    if (shard >= 0) this.#fenced.delete(shard);
  }

  told(message: ActorMessage): void {
    if (message.kind === 'shard-state') {
      if (message.state === 'fenced') this.#fenced.set(message.shard, message.reason);
      else this.#fenced.delete(message.shard);
    } else if (message.kind === 'peer-state') {
      this.#peers.set(message.nodeId, message.state);
    } else if (message.kind === 'differences') {
      const { nodeId, partitionsCompared, partitionsDiffering } = message;
      this.#differences.set(nodeId, { nodeId, partitionsCompared, partitionsDiffering });
    } else if (message.kind === 'hints') {
      this.#hints = { isCounted: message.isCounted, targets: message.targets };
    }
  }

  /** [NS1] */
  isReady(): boolean {
    if (this.#fenced.size > 0) return false;
    return [...this.#units.values()].every((unit) => unit.state.kind === 'ready');
  }

  report(figures: Figures): StatusReport {
    const { nodeId, version, ring, now } = this.#options;
    const reasons = [...this.#reasons(), ...storeReasons(figures)];
    return {
      nodeId,
      clusterId: ring.clusterId,
      version,
      uptimeSeconds: Math.floor((now() - this.#startedAt) / 1000),
      ready: this.isReady(),
      healthy: reasons.length === 0,
      reasons,
      ring: this.#ringReport(),
      shards: this.#shardReports(),
      actors: [...this.#units].map(([name, unit]) => actorReport(name, unit)),
      // In the order of the ring, whoever was compared first.
      differences: ring.nodes.flatMap((node) => this.#differences.get(node.id) ?? []),
      hints: this.#hints,
      figures,
    };
  }

  #reasons(): string[] {
    const reasons: string[] = [];
    for (const [name, { state }] of this.#units) {
      if (state.kind === 'crashed') reasons.push(`${name} crashed: ${firstLine(state.reason)}`);
      else if (state.kind === 'given-up') {
        reasons.push(`${name} was given up: ${firstLine(state.reason)}`);
      } else if (state.kind !== 'ready') reasons.push(`${name} is ${state.kind}`);
    }
    for (const [shard, reason] of this.#fenced) {
      reasons.push(`shard ${shard} serves no longer: ${reason}`);
    }
    reasons.push(...this.#lostDataCentres());
    for (const [nodeId, state] of this.#peers) {
      if (state === 'down') reasons.push(`node ${nodeId} is down`);
    }
    for (const { nodeId, partitionsDiffering: count } of this.#differences.values()) {
      if (count > 0) reasons.push(`${count} partitions differ from those of node ${nodeId}`);
    }
    for (const target of this.#hints.targets) {
      if (isOwedForLong(target)) reasons.push(owedText(target));
    }
    return reasons;
  }

  /** Other data centres of which no node can be reached. */
  #lostDataCentres(): string[] {
    const { ring, nodeId } = this.#options;
    const home = ring.nodes.find(({ id }) => id === nodeId)?.dataCentre;
    const names = new Set(ring.nodes.map(({ dataCentre }) => dataCentre));
    return [...names].flatMap((name) => {
      const nodes = ring.nodes.filter(({ dataCentre }) => dataCentre === name);
      const isLost = name !== home && nodes.every(({ id }) => this.#peers.get(id) === 'down');
      if (!isLost) return [];
      return [
        `data centre ${name} cannot be reached: its ${nodes.length} nodes are down; what it misses is kept`,
      ];
    });
  }

  #ringReport(): RingReport {
    const { ring, ringHash } = this.#options;
    const loads = loadsOf(ring.assignments[0]!, ring.nodes.length);
    return {
      epoch: ring.epoch,
      hash: ringHash,
      partitions: ring.partitionCount,
      nodes: ring.nodes.map((node, index) => ({
        nodeId: node.id,
        dataCentre: node.dataCentre,
        rack: node.rack,
        address: node.addresses.coordinator,
        adminAddress: node.addresses.admin,
        state: this.#stateOf(node.id),
        partitionsOwned: loads[index]!,
      })),
    };
  }

  #stateOf(nodeId: string): NodeState {
    if (nodeId === this.#options.nodeId) return 'up';
    return this.#peers.get(nodeId) ?? 'unknown';
  }

  #shardReports(): ShardReport[] {
    return Array.from({ length: this.#options.shardCount }, (_, shard): ShardReport => {
      const fenced = this.#fenced.get(shard);
      if (fenced !== undefined) return { shard, state: 'fenced', reason: fenced };
      const state = this.#units.get(`replica-${shard}`)?.state;
      if (state?.kind === 'ready') return { shard, state: 'ready', reason: '' };
      if (state?.kind === 'given-up') return { shard, state: 'given-up', reason: state.reason };
      return { shard, state: 'starting', reason: state?.kind === 'crashed' ? state.reason : '' };
    });
  }

  #shardOf(unit: string): number {
    const match = /^replica-(\d+)$/.exec(unit);
    return match === null ? -1 : Number(match[1]);
  }
}

/** What replicas say of their disks: they serve, and somebody should look. */
function storeReasons(figures: Figures): string[] {
  const reasons: string[] = [];
  for (const [actor, { diskFull = 0, jobsStuck = 0 }] of Object.entries(figures)) {
    if (Number(diskFull) > 0) {
      reasons.push(
        `the disk of ${actor} is full: values are refused as DISK_FULL until there is room`,
      );
    }
    if (Number(jobsStuck) > 0) {
      reasons.push(`${actor} waits for its disk: ${jobsStuck} jobs have not ended for a minute`);
    }
  }
  return reasons;
}

function actorReport(name: string, { state, restarts }: UnitReport): ActorReport {
  return { name, state: actorState(state), restarts };
}

function actorState(state: UnitState): ActorState {
  switch (state.kind) {
    case 'starting':
    case 'crashed':
      return 'starting';
    case 'ready':
      return 'running';
    case 'given-up':
      return 'given-up';
    case 'stopped':
      return 'stopped';
    default:
      return unreachable(state);
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
