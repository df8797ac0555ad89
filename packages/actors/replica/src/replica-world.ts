/**
 * The least world that one replica runs in, for its tests: a real store on a disk in memory, a log
 * that is written when the test says so, reads and jobs that end when and how the test says, and
 * coordinators that let go of replies when the test says. Nothing in a running node imports it.
 *
 * It looks, in every step, at what no step may do:
 *     a record on lane `now` that is not released yet; a reply whose record is not where it says;
 *     a chunk that is given back while a reply, or the log, still needs it.
 */
import { assert } from '@clockwise/kernel/assert';
import { FrameList, LANE, type Lane } from '@clockwise/kernel/core';
import type { DiskFailure, ReplicaPublished } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ERRORS } from '@clockwise/protocol/errors';
import { REPLY_FLAG } from '@clockwise/protocol/frame';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { runJob } from '@clockwise/storage/jobs';
import type { CommitLogWriter } from '@clockwise/storage/log-writer';
import type { Memtable } from '@clockwise/storage/memtable';
import { readWhole } from '@clockwise/storage/whole-transfer';
import type { OwnedPartitions } from './held-partitions.ts';
import { MemoryDisk } from './memory-disk.ts';
import { checksum, COORDINATORS, openReplica, SMALL_LIMITS } from './open-replica.ts';
import type { ReplicaEffect, ReplicaEvent, ReplicaOptions, ReplicaOut } from './replica-context.ts';
import { ReplicaCore } from './replica-core.ts';
import {
  assertSame,
  decodeFrame,
  type Lanewise,
  newLane,
  type Reply,
  type Sent,
} from './reply-lanes.ts';
import { type FrameOptions, frameOf, type SampleOperation } from './sample-operations.ts';

export type ReadEffect = Extract<ReplicaEffect, { kind: 'read' }>;
type Job = Extract<ReplicaEffect, { kind: 'job' }>;

interface LoggedStep {
  readonly ranges: { chunk: number; fromWord: number; toWord: number; copy: Int32Array }[];
  lastSequence: number;
  needsSync: boolean;
  readonly sent: { readonly target: number; readonly frame: Sent }[];
}

const POISON = 0x5a5a5a5a;

export class ReplicaWorld {
  readonly disk: MemoryDisk;
  readonly limits: Limits;
  readonly options: ReplicaOptions;
  readonly core: ReplicaCore;
  readonly memtable: Memtable;
  wallTimeMs = 1_000_000_000;
  now = 0;
  /** Milliseconds from one step to the next. */
  stepMs = 100;
  releasedSequence: number;
  /** Wait for the test to end them. */
  readonly reads: ReadEffect[] = [];
  readonly jobs: Job[] = [];
  readonly messages: { readonly to: string; readonly message: ActorMessage }[] = [];
  readonly floors: number[] = [];
  /** By number: when each is due. They go off when the test lets time pass. */
  readonly timers: Map<number, number> = new Map();
  /** A coordinator that is gone has let go of all. */
  readonly deadTargets: Set<number> = new Set();
  readonly #log: CommitLogWriter;
  readonly #lanes: readonly (readonly Lanewise[])[];
  readonly #states: Int32Array;
  #steps: LoggedStep[] = [];
  #slotCount = 0;

  constructor(
    disk: MemoryDisk = new MemoryDisk(),
    incarnation = 1,
    limits: Limits = SMALL_LIMITS,
    combine?: Combine,
    owned?: OwnedPartitions,
  ) {
    this.disk = disk;
    this.limits = limits;
    const opened = openReplica(disk, incarnation, limits, combine, owned);
    this.options = opened.options;
    this.memtable = opened.options.memtable;
    this.core = new ReplicaCore(opened.options);
    this.#log = opened.log;
    // As a log writer that has released nothing yet.
    this.releasedSequence = 0;
    this.#lanes = Array.from({ length: COORDINATORS }, () => [newLane(), newLane()]);
    this.#states = this.memtable.pool.states.slice();
    this.step([], []);
  }

  /** Sends operations in one frame; returns the replies that the step wrote, on both lanes. */
  ask(operations: readonly SampleOperation[], target = 0, options: FrameOptions = {}): Reply[] {
    const frame = frameOf(operations, this.#slotCount, options);
    this.#slotCount += operations.length;
    return this.step([{ source: target, frame }], []);
  }

  /** The slot of the next operation asked. */
  get nextSlot(): number {
    return this.#slotCount;
  }

  tell(message: ActorMessage, from = 'compactor'): Reply[] {
    return this.step([], [{ kind: 'told', from, message }]);
  }

  step(
    frames: readonly { readonly source: number; readonly frame: Int32Array }[],
    events: readonly ReplicaEvent[],
  ): Reply[] {
    // So long that a write is never slowed, unless it meets more than a few in the same step.
    this.now += this.stepMs;
    const list = new FrameList();
    for (const { source, frame } of frames) list.push(frame, 0, frame.length, source);
    const { now, wallTimeMs } = this;
    const logged: LoggedStep = { ranges: [], lastSequence: 0, needsSync: false, sent: [] };
    const batch = { now, wallTimeMs, frames: list, events, published: this.#published() };
    const effects: ReplicaEffect[] = [];
    this.core.step(batch, this.#out(logged, effects));
    // Rings and read buffers are borrowed for the step only.
    for (const { frame } of frames) frame.fill(POISON);
    const replies = this.#takeReplies(logged);
    if (logged.ranges.length > 0 || logged.sent.length > 0) this.#steps.push(logged);
    this.#poisonRecycled();
    for (const effect of effects) this.#carryOut(effect);
    return replies;
  }

  /** One group of all steps that wait, or of the first `count`; returns the replies released. */
  writeLog(count: number = this.#steps.length): Reply[] {
    const group = this.#steps.splice(0, count);
    const ranges = group.flatMap((step) => step.ranges);
    for (const { chunk, fromWord, copy } of ranges) {
      assertSame(
        this.memtable.pool.words[chunk]!,
        fromWord,
        copy,
        'the log writes what was appended',
      );
    }
    if (ranges.length > 0) {
      const last = group.reduce((latest, step) => Math.max(latest, step.lastSequence), 0);
      const parts = ranges.map((range) => ({
        buffer: this.memtable.pool.buffers[range.chunk]!,
        fromWord: range.fromWord,
        toWord: range.toWord,
      }));
      const written = this.#log.write(parts, this.#log.writtenSequence + 1, last);
      assert(written.ok, 'the disk in memory takes every write');
      if (group.some((step) => step.needsSync)) this.#log.sync();
      this.releasedSequence = last;
    }
    const released: Reply[] = [];
    for (const { target, frame } of group.flatMap((step) => step.sent)) {
      this.#lanes[target]![LANE.durable]!.waiting.push(frame);
      for (const reply of frame.replies) reply.released = true;
      released.push(...frame.replies);
    }
    return released;
  }

  /** Time passes, and the timers that are due by then go off, in one step. */
  passes(milliseconds: number): Reply[] {
    this.now += milliseconds;
    this.wallTimeMs += milliseconds;
    const due = [...this.timers].filter(([, at]) => at <= this.now).map(([timer]) => timer);
    for (const timer of due) this.timers.delete(timer);
    return this.step(
      [],
      due.map((timer) => ({ kind: 'timer', timer })),
    );
  }

  get loggedStepCount(): number {
    return this.#steps.length;
  }

  /** Whether a group of what waits would be synced. */
  get needsSync(): boolean {
    return this.#steps.some((step) => step.needsSync);
  }

  /** Coordinators copy what replies name, and let go. */
  consume(target: number, lane: Lane): void {
    const way = this.#lanes[target]![lane]!;
    for (const { wordCount, replies, copies } of way.waiting.splice(0)) {
      replies.forEach((reply, index) => {
        if (reply.recordWords === 0 || (reply.flags & REPLY_FLAG.inline) !== 0) return;
        const words = this.memtable.pool.words[reply.chunk]!;
        assertSame(words, reply.offset, copies[index]!, 'a named record stays where it is');
      });
      way.consumed += wordCount;
    }
  }

  consumeAll(): void {
    for (let target = 0; target < COORDINATORS; target += 1) {
      this.consume(target, LANE.now);
      this.consume(target, LANE.durable);
    }
  }

  /** Ends a read: with its bytes, with some of them changed, or not at all. */
  endRead(index: number, how: 'done' | 'damaged' | 'failed' = 'done'): Reply[] {
    const [effect] = this.reads.splice(index, 1);
    assert(effect !== undefined, 'the read is open');
    const { read } = effect;
    if (how === 'failed') return this.step([], [{ kind: 'read-failed', read, failure: 'EIO' }]);
    if (!this.disk.names().includes(effect.file)) return this.#endReadOfNothing(read);
    const words = this.#readWords(effect);
    if (how === 'damaged') words[words.length - 1]! ^= 1;
    const replies = this.step([], [{ kind: 'read-done', read, words }]);
    words.fill(POISON);
    return replies;
  }

  /** A page or search that has ended holds its tables no more: what is still under way is nobody's. */
  #endReadOfNothing(read: number): Reply[] {
    const replies = this.step([], [{ kind: 'read-failed', read, failure: 'ENOENT' }]);
    const isHeld = replies.some(({ status }) => status === ERRORS.READ_FAILED.code);
    assert(!isHeld, 'a file that somebody waits for exists');
    return replies;
  }

  /** Ends all reads in one step. */
  endReadsAtOnce(): Reply[] {
    const events = this.reads
      .splice(0)
      .map((effect) => ({ read: effect.read, words: this.#readWords(effect) }));
    return this.step(
      [],
      events.map(({ read, words }) => ({ kind: 'read-done', read, words })),
    );
  }

  #readWords({ file, offset, byteCount }: ReadEffect): Int32Array {
    const words = new Int32Array(byteCount / 4);
    const handle = this.disk.open(file, 'read');
    assert(handle.ok, 'a file that is read exists');
    const got = readWhole(this.disk, handle.value, new Uint8Array(words.buffer), offset);
    this.disk.close(handle.value);
    assert(got.ok && got.value === byteCount, 'the file has what is read');
    return words;
  }

  endReads(): Reply[] {
    const replies: Reply[] = [];
    while (this.reads.length > 0) replies.push(...this.endRead(0));
    return replies;
  }

  /** Ends a job: done; failed with nothing done; or done, and failed as far as anybody knows. */
  endJob(how: 'done' | 'failed' | 'doubtful' = 'done', failure: DiskFailure = 'EIO'): Reply[] {
    const effect = this.jobs.shift();
    assert(effect !== undefined, 'a job is open');
    const { job } = effect;
    if (how === 'failed') return this.step([], [{ kind: 'job-failed', job, failure }]);
    const result = runJob(this.disk, checksum, effect.input);
    assert(result.ok, 'the disk in memory does every job');
    if (how === 'doubtful') return this.step([], [{ kind: 'job-failed', job, failure }]);
    return this.step([], [{ kind: 'job-done', job, output: result.value }]);
  }

  /** Asks for flushes, and ends them, until no chunk is frozen. */
  flushAll(): void {
    const { pool } = this.memtable;
    const pending = (): number =>
      pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing);
    while (pending() > 0) {
      if (this.jobs.length === 0) this.tell({ kind: 'flush-chunk', chunk: 0 });
      while (this.jobs.length > 0) this.endJob();
    }
  }

  /** What is in memory goes to tables, and out of memory. */
  evict(): void {
    this.writeLog();
    this.memtable.freeze();
    this.step([], []);
    this.flushAll();
    this.consumeAll();
    for (let chunk = 0; chunk < this.memtable.pool.states.length; chunk += 1) {
      if (this.memtable.pool.states[chunk] !== CHUNK_STATE.resident) continue;
      this.memtable.retire(chunk);
      this.memtable.recycle(chunk);
    }
    this.#poisonRecycled();
  }

  /** The process ends and another begins on the same disk, as another incarnation. */
  restart(incarnation: number, powerLoss = false, owned?: OwnedPartitions): ReplicaWorld {
    this.disk.crash(powerLoss);
    return new ReplicaWorld(this.disk, incarnation, this.limits, undefined, owned);
  }

  #published(): ReplicaPublished {
    return {
      releasedSequence: () => this.releasedSequence,
      written: (target, lane) => this.#lanes[target]![lane]!.written,
      consumed: (target, lane) => {
        const way = this.#lanes[target]![lane]!;
        return this.deadTargets.has(target) ? way.written : way.consumed;
      },
    };
  }

  #out(logged: LoggedStep, effects: ReplicaEffect[]): ReplicaOut {
    return {
      send: (target, lane) => this.#lanes[target]![lane]!.writer,
      effect: (effect) => effects.push(effect),
      append: (chunk, fromWord, toWord, lastSequence, needsSync) => {
        const copy = this.memtable.pool.words[chunk]!.slice(fromWord, toWord);
        logged.ranges.push({ chunk, fromWord, toWord, copy });
        assert(lastSequence > logged.lastSequence, 'sequences rise from range to range');
        logged.lastSequence = lastSequence;
        logged.needsSync ||= needsSync;
      },
    };
  }

  #takeReplies(logged: LoggedStep): Reply[] {
    const all: Reply[] = [];
    const memory = { memtable: this.memtable, durableSequence: this.#durableSequence() };
    for (let target = 0; target < COORDINATORS; target += 1) {
      for (const lane of [LANE.now, LANE.durable]) {
        const way = this.#lanes[target]![lane]!;
        way.writer.flush();
        for (const frame of way.backing.take()) {
          const sent = decodeFrame(frame, target, lane, memory);
          way.written += sent.wordCount;
          if (lane === LANE.now) way.waiting.push(sent);
          else logged.sent.push({ target, frame: sent });
          all.push(...sent.replies);
        }
      }
    }
    return all;
  }

  /** What the log released, and what recovery made durable before the replica began. */
  #durableSequence(): number {
    return Math.max(this.releasedSequence, this.#log.syncedSequence);
  }

  #poisonRecycled(): void {
    const { pool } = this.memtable;
    for (let chunk = 0; chunk < pool.states.length; chunk += 1) {
      const state = pool.states[chunk]!;
      if (state === CHUNK_STATE.free && this.#states[chunk] !== state) {
        pool.words[chunk]!.fill(POISON);
      }
      this.#states[chunk] = state;
    }
  }

  #carryOut(effect: ReplicaEffect): void {
    switch (effect.kind) {
      case 'read':
        this.reads.push(effect);
        return;
      case 'job':
        this.jobs.push(effect);
        return;
      case 'tell':
        this.messages.push(effect);
        return;
      case 'log-floor':
        this.floors.push(effect.sequence);
        this.#log.release(effect.sequence);
        return;
      case 'timer':
        this.timers.set(effect.timer, effect.at);
        return;
      default:
        assert(false, 'a replica reads, tells, and asks for jobs, floors and timers');
    }
  }
}
