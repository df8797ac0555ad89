/**
 * What is read when all has come to rest: of each key what its replicas hold together, and what each
 * holds by itself.
 *
 * A store that was damaged within the atlas' budget may stay given up, and a block that cannot be read
 * stays so until somebody refills it: a key is then read at the highest level that its replicas can
 * still answer, which may not fall below the replicas whose disks never lied. A node asked for one copy
 * answers with its own or, where another is quicker or its own cannot be read, with another's; what it
 * answers is what one of them appended last, or a lie. For O4 counts what its appends say, unless its disk
 * was damaged and it answers with another's.
 *
 * Invariants:
 *   O11 each key can be read from all replicas whose disks never lied, together; and when nobody asks
 *       any more, no coordinator waits for anything: every request has ended, every credit is back;
 *       within TAKING_MS of the opening of all shards none of them refuses values any more, and soon
 *       after nobody keeps anything for others
 *   O4 once nobody keeps anything for others, the primaries of a key agree before anybody has read it, in
 *      runs in which no part of a node forgot what it was about
 *   O10 what is answered for one replica is what one of them appended last
 */
import { LEVEL } from '@clockwise/protocol/frame';
import { checkConvergence, isEqualWords, type ReplicaState } from '../checkers/convergence.ts';
import {
  contextDots,
  type FinalState,
  type KeyName,
  nameOfKey,
  type Violation,
} from '../checkers/history.ts';
import type { OperationResult } from './client-requests.ts';
import type { HiddenRecord } from './replica-mirror.ts';
import type { SimulatedClient } from './simulated-client.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

export interface RestReadsOptions {
  readonly cluster: SimulatedCluster;
  readonly judge: SimulatedClient;
  readonly copies: number;
  readonly shardCount: number;
  /** Virtual milliseconds within which all must work again. */
  readonly liveMs: number;
}

/** Virtual milliseconds for a level that a damaged replica may make impossible. */
const TRY_MS = 5000;
/**
 * Virtual milliseconds within which a store whose disk is well takes values again. Of it up to 6 s are
 * those for which a full disk is called full (disk-space), 10 s the longest pause before a flush or merge
 * that failed is tried again; the rest is their work.
 */
const TAKING_MS = 20_000;
const KEPT_BLAMED_MAX = 3;
const NO_WORDS = new Int32Array(0);

interface KeptRecord {
  readonly nodeId: string;
  readonly kind: HiddenRecord['kind'];
  readonly keyName: string;
}

export class RestReads {
  readonly violations: Violation[] = [];
  readonly #options: RestReadsOptions;
  /** By key, where not all replicas answer: how many do. */
  readonly #answering: Map<string, number> = new Map();

  constructor(options: RestReadsOptions) {
    this.#options = options;
  }

  /** [O11] Shards open again, or are known to be damaged. */
  awaitShards(): boolean {
    const { cluster, liveMs, shardCount } = this.#options;
    const { simulation, members, nodes, atlas } = cluster;
    simulation.run(simulation.now + liveMs, () => members.every((node) => node.isSettled));
    for (const node of members) {
      if (atlas.isDamaged(nodes.indexOf(node))) continue;
      for (let shard = 0; shard < shardCount; shard += 1) {
        if (node.isServing(shard)) continue;
        const why = node.trouble(shard)?.reason ?? 'it never opened';
        this.#blame('O11', `after healing, ${node.nodeId} does not serve shard ${shard}: ${why}`);
      }
    }
    return this.violations.length === 0;
  }

  /**
   * [O11] All shards that answer take values again: what reads mend must be taken, and a read mends once.
   * One that goes on refusing though nothing ails its disk any more is not waited for, but blamed.
   */
  awaitTaking(): boolean {
    const { simulation } = this.#options.cluster;
    simulation.run(simulation.now + TAKING_MS, () => this.#refusals().length === 0);
    const refusals = this.#refusals();
    for (const refusal of refusals) this.#blame('O11', `after healing, ${refusal}`);
    return refusals.length === 0;
  }

  /**
   * [O11] What nodes keep for others comes to where it belongs, by itself. Where a disk was damaged it may
   * have to stay: whoever it is for may be given up.
   */
  awaitDrained(): void {
    const { cluster, liveMs } = this.#options;
    const { simulation, atlas, members } = cluster;
    const isDrained = (): boolean =>
      members.every((node) => node.inFlightCount === 0) && this.#kept().length === 0;
    simulation.run(simulation.now + liveMs, isDrained);
    if (atlas.damagedCount > 0) return;
    for (const { nodeId, kind, keyName } of this.#kept().slice(0, KEPT_BLAMED_MAX)) {
      this.#blame('O11', `after healing, ${nodeId} still keeps a ${kind} of ${keyName} for others`);
    }
  }

  /**
   * [O4] What a write did not bring to a primary was kept for it, and has come: no reading is needed for
   * that. Not asked where anybody's memory of it may be gone.
   */
  judgeHandedOver(keys: readonly KeyName[]): void {
    if (!this.isWholeWithoutReads) return;
    const { cluster } = this.#options;
    const states = keys.flatMap((key) =>
      cluster.primariesOf(key.bucketId, key.key).map((node) => ({
        ...{ bucketId: key.bucketId, key: key.key, node: cluster.nodes[node]!.nodeId },
        words: this.#held(node, key)?.canonical ?? NO_WORDS,
      })),
    );
    for (const { oracle, text } of checkConvergence(states)) {
      this.#blame(oracle, `${text}, before anybody has read it at rest`);
    }
  }

  /** Whether `judgeHandedOver` asks anything. */
  get isWholeWithoutReads(): boolean {
    const { atlas, nodes } = this.#options.cluster;
    if (atlas.isBeyondBudget || atlas.damagedCount > 0) return false;
    return !nodes.some((node) => node.hasForgotten);
  }

  /** Hinted copies, marks and dirty ranges. */
  #kept(): readonly KeptRecord[] {
    const { cluster, shardCount } = this.#options;
    return cluster.members.flatMap(({ nodeId }) =>
      cluster.witness.mirror
        .hiddenOf(nodeId, shardCount)
        .map(({ kind, keyName }) => ({ nodeId, kind, keyName })),
    );
  }

  #refusals(): string[] {
    const { cluster, shardCount } = this.#options;
    const refusals: string[] = [];
    for (const node of cluster.members) {
      for (let shard = 0; shard < shardCount; shard += 1) {
        const why = node.refusal(shard);
        if (why !== undefined) {
          refusals.push(`${node.nodeId} still refuses values of shard ${shard}: ${why}`);
        }
      }
    }
    return refusals;
  }

  /** [O11] Nobody asks any more. Gossip's own questions come and go. */
  awaitSilence(): void {
    const { cluster, liveMs } = this.#options;
    const { simulation, members } = cluster;
    const isSilent = (): boolean => members.every((node) => node.inFlightCount === 0);
    simulation.run(simulation.now + liveMs, isSilent);
    for (const { nodeId, inFlightCount } of members) {
      if (inFlightCount === 0) continue;
      this.#blame('O11', `at rest, ${nodeId} waits for ${inFlightCount} answers that never come`);
    }
  }

  /** What all replicas together hold of a key; reading mends them. Undefined: nobody answers. */
  readAll(key: KeyName): FinalState | undefined {
    const result = this.#readAll(key);
    if (result === undefined) return undefined;
    const { bucketId, key: name } = key;
    return { bucketId, key: name, values: result.values, context: contextDots(result.context) };
  }

  /** What each primary holds, as its appends tell; asked for one copy, it must answer what one of them holds. */
  readEach(keys: readonly KeyName[]): ReplicaState[] | undefined {
    const { cluster, judge } = this.#options;
    const states: ReplicaState[] = [];
    for (const node of cluster.nodes.keys()) {
      judge.pin(node);
      for (const { bucketId, key } of keys) {
        if (!cluster.servingPrimariesOf(bucketId, key).includes(node)) continue;
        if (!this.#readOne(node, { bucketId, key }, states)) return undefined;
      }
    }
    return states;
  }

  #readAll(key: KeyName): OperationResult | undefined {
    const { cluster, copies, liveMs } = this.#options;
    const { atlas } = cluster;
    const primaries = cluster.primariesOf(key.bucketId, key.key);
    const soundCount = primaries.filter((node) => !atlas.isDamaged(node)).length;
    if (soundCount === copies) return this.#mustGet(key, LEVEL.all, liveMs);
    const name = nameOfKey(key);
    const servingCount = cluster.servingPrimariesOf(key.bucketId, key.key).length;
    const first = Math.min(this.#answering.get(name) ?? copies, servingCount);
    for (let level = first; level >= Math.max(1, soundCount); level -= 1) {
      const result = this.#get(key, level === copies ? LEVEL.all : level, TRY_MS);
      if (result === undefined) continue;
      this.#answering.set(name, level);
      return result;
    }
    if (!atlas.isBeyondBudget) this.#blameUnreadable(key, Math.max(1, soundCount));
    return undefined;
  }

  /** False: nobody answers, and somebody must. */
  #readOne(node: number, key: KeyName, states: ReplicaState[]): boolean {
    const { cluster, liveMs } = this.#options;
    const { bucketId, key: name } = key;
    const { nodeId } = cluster.nodes[node]!;
    const isDamaged = cluster.atlas.isDamaged(node);
    const before = this.#held(node, key)?.contextWords ?? NO_WORDS;
    const result = isDamaged
      ? this.#get(key, LEVEL.one, TRY_MS)
      : this.#mustGet(key, LEVEL.one, liveMs);
    if (result === undefined) return isDamaged;
    const held = this.#held(node, key);
    // Another may have been asked besides, and have this one mended after its answer.
    const isOwn = [before, held?.contextWords ?? NO_WORDS].some((words) =>
      isEqualWords(result.context, words),
    );
    const isAnothers = !isOwn && this.#isAnothers(node, key, result.context);
    if (isAnothers && isDamaged) return true;
    if (!isOwn && !isAnothers) {
      const text = `${nodeId} answers ${nameOfKey(key)} with another version than any replica appended last`;
      this.#blame('O10', text);
    }
    states.push({ bucketId, key: name, node: nodeId, words: held?.canonical ?? NO_WORDS });
    return true;
  }

  /** Whether another primary holds just that. Beyond the budget others may have forgotten it since. */
  #isAnothers(node: number, key: KeyName, context: Int32Array): boolean {
    const { cluster } = this.#options;
    if (cluster.atlas.isBeyondBudget) return true;
    return cluster
      .primariesOf(key.bucketId, key.key)
      .some(
        (other) =>
          other !== node && isEqualWords(context, this.#held(other, key)?.contextWords ?? NO_WORDS),
      );
  }

  #held(node: number, key: KeyName): ReturnType<SimulatedCluster['witness']['mirror']['held']> {
    const { cluster, shardCount } = this.#options;
    return cluster.witness.mirror.held(cluster.nodes[node]!.nodeId, shardCount, key);
  }

  #mustGet(key: KeyName, level: number, forMs: number): OperationResult | undefined {
    const result = this.#get(key, level, forMs);
    if (result === undefined) this.#blameUnreadable(key, level);
    return result;
  }

  #get({ bucketId, key }: KeyName, level: number, forMs: number): OperationResult | undefined {
    const { cluster, judge } = this.#options;
    const { simulation } = cluster;
    const deadline = simulation.now + forMs;
    while (simulation.now < deadline) {
      const results: OperationResult[] = [];
      judge.perform({ kind: 'get', bucketId, key, level, isStrict: true }, (result) =>
        results.push(result),
      );
      simulation.run(Infinity, () => results.length > 0);
      const [result] = results;
      if (result?.outcome === 'ok') return result;
      simulation.run(simulation.now + 100);
    }
    return undefined;
  }

  #blameUnreadable(key: KeyName, level: number): void {
    const text = `after healing, nobody could read ${nameOfKey(key)} at level ${level}`;
    this.#blame('O11', text);
  }

  #blame(oracle: string, text: string): void {
    this.violations.push({ oracle, text });
  }
}
