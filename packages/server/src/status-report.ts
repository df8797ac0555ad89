/**
 * StatusReport: what a node says of itself, as JSON: at `/status` of the admin endpoint, and to
 * clients that ask a coordinator (control message `status`, field `json`).
 *
 * Boundary: values only. It is read by the command line, by tests and by people's scripts, so fields
 * are added and never renamed or removed.
 */

/** `unknown`: the gossiper has not said anything yet. */
export type NodeState = 'up' | 'down' | 'unknown';

export interface RingNodeReport {
  readonly nodeId: string;
  readonly dataCentre: string;
  readonly rack: string;
  /** host:port of its coordinator: where clients connect. */
  readonly address: string;
  /** host:port of its admin endpoint (HTTP). */
  readonly adminAddress: string;
  /** As the node that reports sees it; itself is always `up`. */
  readonly state: NodeState;
  /** Partitions of replication class 0 of which it holds a copy. */
  readonly partitionsOwned: number;
}

export interface RingReport {
  readonly epoch: number;
  readonly hash: string;
  /** Q: the partitions that the ring is cut into. */
  readonly partitions: number;
  readonly nodes: readonly RingNodeReport[];
}

/**
 * `starting`: its store is being opened. `fenced`: it serves no longer, for the reason given, until
 * it is restarted or an operator mends it. `given-up`: it crashed too often.
 */
export type ShardState = 'starting' | 'ready' | 'fenced' | 'given-up';

export interface ShardReport {
  readonly shard: number;
  readonly state: ShardState;
  /** Empty where there is nothing to say. */
  readonly reason: string;
}

export type ActorState = 'starting' | 'running' | 'stopped' | 'given-up';

export interface ActorReport {
  readonly name: string;
  readonly state: ActorState;
  /** How often its thread was started anew since the node started. */
  readonly restarts: number;
}

/** What the last comparison of hash trees with one peer found. */
export interface DifferenceReport {
  readonly nodeId: string;
  readonly partitionsCompared: number;
  readonly partitionsDiffering: number;
}

/** What this node keeps for another one, until that has it. */
export interface OwedReport {
  readonly nodeId: string;
  /** Objects that this node stored in its place. */
  readonly copies: number;
  /** Objects that it did not acknowledge in time; their values are this node's own. */
  readonly marks: number;
  /** Partitions that are handed over as a whole. */
  readonly dirty: number;
  /** Of the copies and marks as they are stored. */
  readonly bytes: number;
  /** For how long the oldest of it has waited. */
  readonly oldestSeconds: number;
}

export interface HintsReport {
  /** The whole store was looked through; until then more may be owed than is said. */
  readonly isCounted: boolean;
  /** Without nodes that are owed nothing. */
  readonly targets: readonly OwedReport[];
}

/** By actor, then by figure: counters since that actor's start, or present values. */
export type Figures = Readonly<Record<string, Readonly<Record<string, number | string>>>>;

export interface StatusReport {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** The ring is loaded, every actor runs, every shard serves. */
  readonly ready: boolean;
  /** Ready, and nothing that an operator should look at: `reasons` is empty. */
  readonly healthy: boolean;
  /** Sentences, one for each thing that is wrong. */
  readonly reasons: readonly string[];
  readonly ring: RingReport;
  readonly shards: readonly ShardReport[];
  readonly actors: readonly ActorReport[];
  readonly differences: readonly DifferenceReport[];
  readonly hints: HintsReport;
  readonly figures: Figures;
}
