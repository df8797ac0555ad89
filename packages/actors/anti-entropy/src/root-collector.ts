/**
 * Gathers roots of partitions from the shards of this node, and calls back when all have answered.
 *
 * Invariants:
 *   RC1 a question is answered whole or not at all; one whose time is over is forgotten
 */
import type { Instant, Out } from '@clockwise/kernel/core';
import type { Effect } from '@clockwise/kernel/effects';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';

type RootsOut = Out<Effect<ActorMessage, never>>;

/** `words`: low and high word of each partition's root, in the order asked. */
export type RootsTaken = (words: readonly number[], out: RootsOut) => void;

const QUESTIONS_MAX = 64;

interface Question {
  /** Partitions that are not answered yet, and the position of each in what was asked. */
  readonly open: Map<number, number>;
  readonly words: number[];
  readonly until: Instant;
  readonly taken: RootsTaken;
}

export class RootCollector {
  readonly #shardOfPartition: Int32Array;
  readonly #questions: Map<number, Question> = new Map();
  #requestCount = 0;

  constructor(shardOfPartition: Int32Array) {
    this.#shardOfPartition = shardOfPartition;
  }

  /** REQUIRES: `partitions` are distinct. */
  ask(
    partitions: readonly number[],
    until: Instant,
    now: Instant,
    out: RootsOut,
    taken: RootsTaken,
  ): void {
    for (const [request, question] of this.#questions) {
      if (question.until <= now) this.#questions.delete(request);
    }
    if (this.#questions.size >= QUESTIONS_MAX) return;
    const byShard = this.#groupByShard(partitions);
    if (byShard.size === 0) {
      taken([], out);
      return;
    }
    this.#requestCount += 1;
    const request = this.#requestCount;
    const words = new Array<number>(partitions.length * 2).fill(0);
    const open = new Map(partitions.map((partition, position) => [partition, position]));
    this.#questions.set(request, { open, words, until, taken });
    for (const [shard, group] of byShard) {
      const message: ActorMessage = { kind: 'roots-wanted', request, partitions: group };
      out.effect({ kind: 'tell', to: `replica-${shard}`, message });
    }
  }

  #groupByShard(partitions: readonly number[]): Map<number, number[]> {
    const groups = new Map<number, number[]>();
    for (const partition of partitions) {
      const shard = this.#shardOfPartition[partition]!;
      const group = groups.get(shard);
      if (group === undefined) groups.set(shard, [partition]);
      else group.push(partition);
    }
    return groups;
  }

  take(message: Extract<ActorMessage, { kind: 'roots' }>, now: Instant, out: RootsOut): void {
    const question = this.#questions.get(message.request);
    if (question === undefined) return;
    if (question.until <= now) {
      this.#questions.delete(message.request);
      return;
    }
    message.partitions.forEach((partition, index) => {
      const position = question.open.get(partition);
      if (position === undefined) return;
      question.open.delete(partition);
      question.words[position * 2] = message.words[index * 2]!;
      question.words[position * 2 + 1] = message.words[index * 2 + 1]!;
    });
    if (question.open.size > 0) return;
    this.#questions.delete(message.request);
    question.taken(question.words, out);
  }
}
