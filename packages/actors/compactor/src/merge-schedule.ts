/**
 * Whose merge runs its next beat, and when: the shard with the highest score, one beat of the node at a
 * time, with the pacer's pause in between. A shard whose beat failed rests for a while that grows.
 *
 * Invariants:
 *   MS1 one beat of the node at a time; the one under way is over when its shard says so, or opens anew
 *   MS2 a shard that wants merges is told to run beats in the end, however often one fails
 *   MS3 a pause of the pacer ends when a shard has as many runs as slow writes down, whenever it began
 */
import type { Instant } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { MergePacer } from './pacer.ts';
import { retryPauseMs } from './retry-pause.ts';

type MergeWanted = Extract<ActorMessage, { readonly kind: 'merge-wanted' }>;
type MergeEnded = Extract<ActorMessage, { readonly kind: 'merge-ended' }>;

interface MergingShard {
  /** In thousandths; 0: nothing to merge. */
  score: number;
  runs: number;
  latencyMs: number;
  failures: number;
  /** No beat before, because the last one failed. */
  restUntil: Instant;
}

/** `at` Infinity: nothing is to be done before the next message. */
export type NextBeat =
  | { readonly kind: 'beat'; readonly shard: number }
  | { readonly kind: 'wait'; readonly at: Instant };

const NOTHING: NextBeat = { kind: 'wait', at: Infinity };

export class MergeSchedule {
  readonly #pacer: MergePacer;
  readonly #shards: MergingShard[];
  readonly #runsSlow: number;
  /** Whose beat is under way; -1: none is. */
  #underWay = -1;
  #restUntil: Instant = 0;
  /** The shard that is looked at first: of equal scores, each in turn. */
  #first = 0;
  #beats = 0;
  #bytes = 0;

  constructor(shardCount: number, runsSlow: number) {
    this.#pacer = new MergePacer(runsSlow);
    this.#runsSlow = runsSlow;
    this.#shards = Array.from({ length: shardCount }, newShard);
  }

  get isRunning(): boolean {
    return this.#underWay >= 0;
  }

  figures(): Record<string, number> {
    return {
      mergeBeats: this.#beats,
      mergeBytes: this.#bytes,
      mergePauseFactor: Math.round(this.#pacer.factor * 100) / 100,
      shardsToMerge: this.#shards.filter((shard) => shard.score > 0).length,
    };
  }

  hash(): number {
    return this.#shards.reduce(
      (hash, shard) => (Math.imul(hash, 31) + shard.score * 3 + shard.failures) | 0,
      (this.#beats * 7 + this.#underWay) | 0,
    );
  }

  wanted({ shard: index, score, runs, latencyMs }: MergeWanted): void {
    const shard = this.#shards[index]!;
    shard.score = score;
    shard.runs = runs;
    shard.latencyMs = latencyMs;
    // [MS3] A beat that took long, as when the process stood still, is followed by a pause as long.
    if (runs >= this.#runsSlow) this.#restUntil = 0;
  }

  ended({ shard: index, bytes, elapsedMs, more, ok }: MergeEnded, now: Instant): void {
    if (this.#underWay !== index) {
      // Asked for before this actor's start, or by a life of the shard that is over.
      reachable('compactor: a beat ends that is not under way');
      return;
    }
    this.#underWay = -1;
    const shard = this.#shards[index]!;
    this.#bytes += bytes;
    if (!more) shard.score = 0;
    if (ok) {
      this.#beats += 1;
      shard.failures = 0;
      const latencyMs = Math.max(...this.#shards.map((each) => each.latencyMs));
      const runs = Math.max(...this.#shards.map((each) => each.runs));
      this.#restUntil = now + this.#pacer.pauseAfter(elapsedMs, latencyMs, runs, now);
      return;
    }
    reachable('compactor: a merge is tried again after a pause');
    shard.restUntil = now + retryPauseMs(shard.failures);
    shard.failures += 1;
  }

  /** [MS1] The shard opens anew: what it wants it says again. */
  forget(index: number): void {
    sometimes(this.#underWay === index, 'compactor: a shard opens anew during a beat of its merge');
    if (this.#underWay === index) this.#underWay = -1;
    this.#shards[index] = newShard();
  }

  /** The beat that may begin now, which is then under way. */
  begin(now: Instant): NextBeat {
    if (this.#underWay >= 0) return NOTHING;
    let best = -1;
    let at = Infinity;
    for (let step = 0; step < this.#shards.length; step += 1) {
      const index = (this.#first + step) % this.#shards.length;
      const { score, restUntil } = this.#shards[index]!;
      if (score === 0) continue;
      const readyAt = Math.max(restUntil, this.#restUntil);
      if (readyAt > now) at = Math.min(at, readyAt);
      else if (best < 0 || score > this.#shards[best]!.score) best = index;
    }
    if (best < 0) return { kind: 'wait', at };
    this.#underWay = best;
    this.#first = best + 1;
    return { kind: 'beat', shard: best };
  }
}

function newShard(): MergingShard {
  return { score: 0, runs: 0, latencyMs: 0, failures: 0, restUntil: 0 };
}
