/**
 * Anti-entropy, first depth: compares the roots of hash trees with one peer after the other, without
 * end, and reports the partitions that differ. A difference counts only when it stands in two rounds
 * in a row with that peer: what is on its way is not a difference.
 *
 * Invariants:
 *   AE1 only partitions that both nodes hold are compared
 *   AE2 a difference is reported only when two rounds in a row saw it
 */
import type { Batch, Core, Instant, Out } from '@clockwise/kernel/core';
import { LANE } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type Effect, type WorldEvent } from '@clockwise/kernel/effects';
import type { PlacementTable } from '@clockwise/placement/placement-table';
import { isReplica } from '@clockwise/placement/placement-table';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ConnectionKeeper, type KeeperOptions } from '@clockwise/protocol/connection-keeper';
import type { ControlMessage } from '@clockwise/protocol/control-messages';
import { writeControl } from '@clockwise/protocol/message-codec';
import { RootCollector } from './root-collector.ts';

export type AntiEntropyEvent = WorldEvent<ActorMessage, never>;
export type AntiEntropyEffect = Effect<ActorMessage, never>;

export interface AntiEntropyOptions {
  readonly connections: Omit<KeeperOptions, 'timer'>;
  readonly epoch: number;
  /** Class 0's table: the one that is compared. */
  readonly placement: PlacementTable;
  readonly shardOfPartition: Int32Array;
  readonly roundMs: number;
  readonly answerMs: number;
}

const TIMER = { connections: 1, round: 2 } as const;

/** A comparison under way with one peer. */
interface Round {
  readonly node: number;
  readonly requestId: number;
  readonly startedAt: Instant;
  readonly partitions: readonly number[];
  own: readonly number[] | undefined;
  theirs: ReadonlyMap<number, readonly [low: number, high: number]> | undefined;
}

export class AntiEntropyCore implements Core<AntiEntropyEvent, AntiEntropyEffect> {
  readonly #options: AntiEntropyOptions;
  readonly #keeper: ConnectionKeeper;
  readonly #collector: RootCollector;
  /** By node: partitions that differed in the last round with it. */
  readonly #suspects: Map<number, ReadonlySet<number>> = new Map();
  /** By node: what was reported last. */
  readonly #differing: Map<number, number> = new Map();
  #round: Round | undefined = undefined;
  #nextNode = 0;
  #requestCount = 0;
  #roundCount = 0;
  #started = false;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
    this.#keeper = new ConnectionKeeper({ ...options.connections, timer: TIMER.connections });
    this.#collector = new RootCollector(options.shardOfPartition);
  }

  step(batch: Batch<AntiEntropyEvent>, out: Out<AntiEntropyEffect>): void {
    const { now, frames } = batch;
    if (!this.#started) {
      this.#started = true;
      this.#keeper.start(out);
      this.#armRound(now, out);
    }
    for (const event of batch.events) this.#takeEvent(event, now, out);
    for (let index = 0; index < frames.count; index += 1) {
      const connection = frames.sources[index]! - CONNECTION_TARGET;
      // A connection that we have closed may have sent more before it heard of that.
      if (this.#keeper.table.state[connection] === 0) continue;
      const result = this.#keeper.takeControl(
        connection,
        frames.words[index]!,
        frames.offsets[index]!,
        frames.wordCounts[index]!,
        out,
      );
      if (result.kind === 'message') this.#takeControl(connection, result.message, now, out);
    }
  }

  hash(): number {
    let hash = this.#roundCount;
    for (const count of this.#differing.values()) hash = (Math.imul(hash, 31) + count) | 0;
    return hash;
  }

  #takeEvent(event: AntiEntropyEvent, now: Instant, out: Out<AntiEntropyEffect>): void {
    if (event.kind === 'connected') {
      this.#keeper.onConnected(event.connection, event.peer, now, out);
    } else if (event.kind === 'disconnected') {
      const node = this.#keeper.onDisconnected(event.connection, now, out);
      if (this.#round?.node === node) this.#round = undefined;
    } else if (event.kind === 'dial-failed') {
      this.#keeper.onDialFailed(event.peer, now, out);
    } else if (event.kind === 'malformed') {
      this.#keeper.reject(event.connection, event.reason, out);
    } else if (event.kind === 'timer') {
      if (event.timer === TIMER.connections) this.#keeper.onTimer(now, out);
      else this.#nextRound(now, out);
    } else if (event.kind === 'told') {
      this.#takeMessage(event.from, event.message, now, out);
    }
  }

  #takeMessage(
    from: string,
    message: ActorMessage,
    now: Instant,
    out: Out<AntiEntropyEffect>,
  ): void {
    if (message.kind === 'roots') {
      this.#collector.take(message, now, out);
    } else if (message.kind === 'figures-wanted') {
      let differing = 0;
      for (const count of this.#differing.values()) differing += count;
      const figures = { rounds: this.#roundCount, partitionsDiffering: differing };
      const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
      out.effect({ kind: 'tell', to: from, message: reply });
    }
  }

  #takeControl(
    connection: number,
    message: ControlMessage,
    now: Instant,
    out: Out<AntiEntropyEffect>,
  ): void {
    if (message.kind === 'rootsRequest') {
      this.#answerRoots(connection, message, now, out);
    } else if (message.kind === 'roots') {
      const round = this.#round;
      if (round === undefined || round.requestId !== message.requestId) return;
      if (this.#keeper.linkOfNode[round.node] !== connection) return;
      round.theirs = new Map(
        message.roots.map((root) => [root.partition, [root.low, root.high] as const]),
      );
      this.#compare(out);
    } else {
      this.#keeper.reject(connection, `${message.kind} is not served here`, out);
    }
  }

  #answerRoots(
    connection: number,
    message: Extract<ControlMessage, { kind: 'rootsRequest' }>,
    now: Instant,
    out: Out<AntiEntropyEffect>,
  ): void {
    const { epoch, placement, connections } = this.#options;
    const { table } = this.#keeper;
    const generation = table.generation[connection]!;
    const { requestId } = message;
    const count = this.#options.shardOfPartition.length;
    const asked = message.partitions
      .filter((one) => one.replicationClass === 0 && one.partition < count)
      .map((one) => one.partition)
      .filter((partition) => isReplica(placement, partition, connections.ownNode));
    const partitions = [...new Set(asked)];
    this.#collector.ask(partitions, now + this.#options.answerMs, now, out, (words) => {
      if (!table.isOpen(connection, generation)) return;
      const roots = partitions.map((partition, index) => ({
        partition,
        replicationClass: 0,
        low: words[index * 2]!,
        high: words[index * 2 + 1]!,
      }));
      const sink = out.send(CONNECTION_TARGET + connection, LANE.now);
      writeControl(sink, { kind: 'roots', requestId, epoch, roots });
    });
  }

  /** Gives up on a round that was not answered in time, and begins one with the next linked peer. */
  #nextRound(now: Instant, out: Out<AntiEntropyEffect>): void {
    this.#armRound(now, out);
    const { answerMs, epoch } = this.#options;
    if (this.#round !== undefined && now - this.#round.startedAt < answerMs) return;
    this.#round = undefined;
    const node = this.#nextLinkedNode();
    if (node < 0) return;
    const partitions = this.#sharedPartitions(node);
    if (partitions.length === 0) return;
    this.#requestCount += 1;
    const requestId = this.#requestCount;
    const round: Round = {
      node,
      requestId,
      startedAt: now,
      partitions,
      own: undefined,
      theirs: undefined,
    };
    this.#round = round;
    const link = this.#keeper.linkOfNode[node]!;
    writeControl(out.send(CONNECTION_TARGET + link, LANE.now), {
      kind: 'rootsRequest',
      requestId,
      epoch,
      partitions: partitions.map((partition) => ({ partition, replicationClass: 0 })),
    });
    this.#collector.ask(partitions, now + answerMs, now, out, (words, outNow) => {
      round.own = words;
      if (this.#round === round) this.#compare(outNow);
    });
  }

  #nextLinkedNode(): number {
    const { linkOfNode } = this.#keeper;
    for (let step = 0; step < linkOfNode.length; step += 1) {
      const node = (this.#nextNode + step) % linkOfNode.length;
      if (linkOfNode[node]! < 0) continue;
      this.#nextNode = node + 1;
      return node;
    }
    return -1;
  }

  /** [AE1] */
  #sharedPartitions(node: number): number[] {
    const { placement, shardOfPartition, connections } = this.#options;
    const shared: number[] = [];
    for (let partition = 0; partition < shardOfPartition.length; partition += 1) {
      if (!isReplica(placement, partition, node)) continue;
      if (isReplica(placement, partition, connections.ownNode)) shared.push(partition);
    }
    return shared;
  }

  /** [AE2] */
  #compare(out: Out<AntiEntropyEffect>): void {
    const round = this.#round;
    if (round?.own === undefined || round.theirs === undefined) return;
    this.#round = undefined;
    this.#roundCount += 1;
    const suspects = new Set<number>();
    let compared = 0;
    for (const [index, partition] of round.partitions.entries()) {
      const theirs = round.theirs.get(partition);
      if (theirs === undefined) continue;
      compared += 1;
      const isEqual = round.own[index * 2] === theirs[0] && round.own[index * 2 + 1] === theirs[1];
      if (!isEqual) suspects.add(partition);
    }
    const before = this.#suspects.get(round.node) ?? new Set<number>();
    this.#suspects.set(round.node, suspects);
    const stable = [...suspects].filter((partition) => before.has(partition)).length;
    this.#differing.set(round.node, stable);
    const message: ActorMessage = {
      kind: 'differences',
      nodeId: this.#options.connections.nodeIds[round.node]!,
      partitionsCompared: compared,
      partitionsDiffering: stable,
    };
    out.effect({ kind: 'tell', to: 'main', message });
  }

  #armRound(now: Instant, out: Out<AntiEntropyEffect>): void {
    out.effect({ kind: 'timer', timer: TIMER.round, at: now + this.#options.roundMs });
  }
}
