/**
 * The compactor: when a shard's frozen chunks are flushed, and when its tables are merged. One flush of
 * a shard at a time, oldest chunk first, and no more flushes at once than the pool may spend on them;
 * one that failed is tried again after a pause that grows. Merges run beat by beat: merge-schedule.
 *
 * Invariants:
 *   CO1 at most one flush of a shard, and `flushesAtOnceMax` in all, are under way
 *   CO2 a chunk that was reported frozen is flushed in the end, unless its shard is replaced
 *   CO3 a beat takes a flush's place and no more: with two places or more, a flush always finds one
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Batch, Core, Instant, Out } from '@clockwise/kernel/core';
import type { Effect, WorldEvent } from '@clockwise/kernel/effects';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { MergeSchedule } from './merge-schedule.ts';
import { retryPauseMs } from './retry-pause.ts';

export type CompactorEvent = WorldEvent<ActorMessage, never>;
export type CompactorEffect = Effect<ActorMessage, never>;

export interface CompactorOptions {
  readonly shardCount: number;
  readonly flushesAtOnceMax: number;
  /** Runs of level 0 from which writes are slowed: merges do not pause then. */
  readonly runsSlow: number;
}

type ShardState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'flushing'; readonly chunk: number }
  | { readonly kind: 'pausing'; readonly until: Instant };

interface Shard {
  state: ShardState;
  /** Chunks that wait, oldest first. */
  waiting: number[];
  failures: number;
}

export class CompactorCore implements Core<CompactorEvent, CompactorEffect> {
  readonly #shards: Shard[];
  readonly #merges: MergeSchedule;
  readonly #flushesAtOnceMax: number;
  /** The shard that is looked at first: the one after the last that was told to flush. */
  #first = 0;
  #flushes = 0;
  #started = false;

  constructor(options: CompactorOptions) {
    this.#flushesAtOnceMax = options.flushesAtOnceMax;
    this.#merges = new MergeSchedule(options.shardCount, options.runsSlow);
    this.#shards = Array.from({ length: options.shardCount }, () => ({
      state: { kind: 'idle' },
      waiting: [],
      failures: 0,
    }));
  }

  step(batch: Batch<CompactorEvent>, out: Out<CompactorEffect>): void {
    if (!this.#started) {
      this.#started = true;
      // After a restart of this actor: the shards say again what waits.
      this.#shards.forEach((_, shard) => {
        out.effect({ kind: 'tell', to: `replica-${shard}`, message: { kind: 'frozen-wanted' } });
      });
    }
    for (const event of batch.events) {
      if (event.kind === 'told') this.#takeMessage(event.from, event.message, batch.now, out);
    }
    this.#schedule(batch.now, out);
    this.#scheduleMerge(batch.now, out);
  }

  hash(): number {
    return this.#shards.reduce(
      (hash, shard) => (Math.imul(hash, 31) + shard.waiting.length * 7 + shard.failures) | 0,
      this.#flushes + this.#merges.hash(),
    );
  }

  #takeMessage(from: string, message: ActorMessage, now: Instant, out: Out<CompactorEffect>): void {
    if (message.kind === 'chunk-frozen') {
      const { waiting, state } = this.#shards[message.shard]!;
      const known =
        waiting.includes(message.chunk) ||
        (state.kind === 'flushing' && state.chunk === message.chunk);
      if (!known) waiting.push(message.chunk);
    } else if (message.kind === 'chunk-flushed') {
      this.#flushEnded(this.#shards[message.shard]!, message.chunk, message.ok, now);
    } else if (message.kind === 'shard-state') {
      // A shard that opens anew has flushed or forgotten all that it reported before.
      const shard = this.#shards[message.shard]!;
      sometimes(shard.state.kind === 'flushing', 'compactor: a shard opens anew during its flush');
      sometimes(shard.waiting.length > 0, 'compactor: a shard opens anew with chunks that wait');
      shard.state = { kind: 'idle' };
      shard.waiting = [];
      shard.failures = 0;
      this.#merges.forget(message.shard);
    } else if (message.kind === 'merge-wanted') {
      this.#merges.wanted(message);
    } else if (message.kind === 'merge-ended') {
      this.#merges.ended(message, now);
    } else if (message.kind === 'figures-wanted') {
      const waiting = this.#shards.reduce((sum, shard) => sum + shard.waiting.length, 0);
      const figures = {
        flushes: this.#flushes,
        chunksWaiting: waiting,
        ...this.#merges.figures(),
      };
      const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
      out.effect({ kind: 'tell', to: from, message: reply });
    }
  }

  #flushEnded(shard: Shard, chunk: number, ok: boolean, now: Instant): void {
    const { state } = shard;
    if (state.kind !== 'flushing' || state.chunk !== chunk) {
      // A flush that was asked for before this actor's start: it is not one of ours to end.
      reachable('compactor: a flush ends that is not under way');
      if (ok) shard.waiting = shard.waiting.filter((other) => other !== chunk);
      return;
    }
    if (ok) {
      this.#flushes += 1;
      shard.failures = 0;
      shard.state = { kind: 'idle' };
      return;
    }
    reachable('compactor: a flush is tried again after a pause');
    sometimes(shard.failures > 0, 'compactor: a flush fails again');
    const pauseMs = retryPauseMs(shard.failures);
    shard.failures += 1;
    shard.waiting.unshift(chunk);
    shard.state = { kind: 'pausing', until: now + pauseMs };
  }

  #schedule(now: Instant, out: Out<CompactorEffect>): void {
    let running = this.#flushing();
    const most = this.#merges.isRunning
      ? Math.max(1, this.#flushesAtOnceMax - 1)
      : this.#flushesAtOnceMax;
    const first = this.#first;
    for (let step = 0; step < this.#shards.length; step += 1) {
      const index = (first + step) % this.#shards.length;
      const shard = this.#shards[index]!;
      if (!this.#isReady(shard, index, now, out)) continue;
      const isBusy = running >= most;
      sometimes(isBusy && shard.waiting.length > 0, 'compactor: a shard waits for the others');
      if (isBusy) continue;
      const chunk = shard.waiting.shift();
      if (chunk === undefined) continue;
      running += 1;
      this.#first = index + 1;
      shard.state = { kind: 'flushing', chunk };
      const message: ActorMessage = { kind: 'flush-chunk', chunk };
      out.effect({ kind: 'tell', to: `replica-${index}`, message });
    }
  }

  /** [CO3] Flushes go first. */
  #scheduleMerge(now: Instant, out: Out<CompactorEffect>): void {
    if (this.#flushing() >= this.#flushesAtOnceMax) return;
    const next = this.#merges.begin(now);
    if (next.kind === 'beat') {
      out.effect({ kind: 'tell', to: `replica-${next.shard}`, message: { kind: 'merge-beat' } });
    } else if (next.at < Infinity) {
      // Numbers below are the shards' own.
      out.effect({ kind: 'timer', timer: this.#shards.length, at: next.at });
    }
  }

  #flushing(): number {
    return this.#shards.filter((shard) => shard.state.kind === 'flushing').length;
  }

  /** Whether a shard may flush now; one that pauses sets its own timer. */
  #isReady(shard: Shard, index: number, now: Instant, out: Out<CompactorEffect>): boolean {
    switch (shard.state.kind) {
      case 'flushing':
        return false;
      case 'pausing':
        if (shard.state.until > now) {
          out.effect({ kind: 'timer', timer: index, at: shard.state.until });
          return false;
        }
        shard.state = { kind: 'idle' };
        return true;
      case 'idle':
        return true;
      default:
        return unreachable(shard.state);
    }
  }
}
