/**
 * The replica: one shard of a node's data. Its boundary: frames of operations from coordinators in;
 * replies on two lanes, appends to the log and disk effects out.
 *
 * Apply = read, join, append, insert, atomic per key (keyed-operations.ts). data plane.
 *
 * Invariants:
 *   R3 a fenced shard appends nothing and answers no operation with a record
 */
import { unreachable } from '@clockwise/kernel/assert';
import { LANE, type Core } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  PRIORITY,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { dueWord, isDuePassed } from '@clockwise/protocol/frame-due';
import { replyKindOf } from '@clockwise/protocol/reply-kind';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { isDropped } from './droppable.ts';
import { FrameWarmer, keyHash } from './frame-warmer.ts';
import { HintOperation, isHinted } from './hint-operation.ts';
import { KeyedOperations } from './keyed-operations.ts';
import { MemoryRoom } from './memory-room.ts';
import {
  ReplicaContext,
  type ReplicaBatch,
  type ReplicaEffect,
  type ReplicaEvent,
  type ReplicaOptions,
  type ReplicaOut,
} from './replica-context.ts';
import { replyStatus, type Asker } from './reply.ts';
import { ScanOperations } from './scan-operation.ts';
import { StoreWork } from './store-work.ts';
import { TableReads } from './table-reads.ts';

export class ReplicaCore implements Core<ReplicaEvent, ReplicaEffect, ReplicaBatch, ReplicaOut> {
  readonly #context: ReplicaContext;
  readonly #keyed: KeyedOperations;
  readonly #reads: TableReads;
  readonly #scans: ScanOperations;
  readonly #store: StoreWork;
  readonly #room: MemoryRoom;
  readonly #warmer: FrameWarmer = new FrameWarmer();
  readonly #hint: HintOperation = new HintOperation();
  readonly #asker: Asker = {
    source: 0,
    words: new Int32Array(0),
    offset: 0,
    due: 0,
    isForeground: true,
  };
  #started = false;

  constructor(options: ReplicaOptions) {
    this.#context = new ReplicaContext(options);
    this.#store = new StoreWork(this.#context, options);
    this.#reads = new TableReads(this.#context, options.combine);
    this.#keyed = new KeyedOperations(this.#context, this.#reads, this.#asker);
    this.#scans = new ScanOperations(this.#context, this.#reads);
    const letScansGo = (): void => this.#scans.letGo();
    this.#room = new MemoryRoom(this.#context, options.coordinatorCount, letScansGo);
  }

  step(batch: ReplicaBatch, out: ReplicaOut): void {
    const context = this.#context;
    context.beginStep(batch, out);
    if (!this.#started) {
      this.#started = true;
      this.#tellState('ready', '');
      this.#store.start();
    }
    // [RP2] An answer goes to the life that its ring belongs to when the step begins.
    for (const event of batch.events) {
      if (event.kind === 'channel-down') this.#forgetAsker(event.target);
    }
    for (const event of batch.events) this.#takeEvent(event);
    this.#keyed.runSlowed();
    const { frames } = batch;
    for (let index = 0; index < frames.count; index += 1) {
      this.#takeFrame(frames.sources[index]!, frames.words[index]!, frames.offsets[index]!);
    }
    if (!context.fenced) {
      this.#store.afterStep();
      this.#room.afterStep(batch.published);
    }
    context.endStep();
  }

  /** Operations that wait for a read from disk. */
  get parkedCount(): number {
    return this.#keyed.parkedCount;
  }

  /** Why values are refused now, whatever they are; undefined: they are taken. */
  get refusal(): string | undefined {
    const { refusesValues, pressingRuns, limits, memtable } = this.#context;
    if (refusesValues) return 'its disk is full';
    if (pressingRuns >= limits.runsMax) return 'its merges are behind';
    const { pool } = memtable;
    const frozen = pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing);
    return frozen >= limits.memtableFrozenMax ? 'its flushes are behind' : undefined;
  }

  /** HOLDING of a partition. */
  holding(partition: number): number {
    return this.#context.held.stateOf(partition);
  }

  hash(): number {
    const { memtable, counters } = this.#context;
    let hash = (memtable.nextSequence ^ this.#keyed.parkedCount) | 0;
    // No list of values: this is asked after every step of a simulated core.
    for (const name in counters) {
      hash = (Math.imul(hash, 0x01000193) ^ counters[name as keyof typeof counters]) | 0;
    }
    return hash;
  }

  #takeEvent(event: ReplicaEvent): void {
    switch (event.kind) {
      case 'read-done':
        this.#readEnded(event.read, event.words);
        return;
      case 'read-failed':
        this.#readEnded(event.read, undefined);
        return;
      case 'job-done':
        this.#store.jobDone(event.job, event.output);
        return;
      case 'job-failed':
        this.#store.jobFailed(event.job, event.failure);
        return;
      case 'log-failed':
        this.#fence(event.failure);
        return;
      case 'told':
        this.#takeMessage(event.from, event.message);
        return;
      case 'log-full':
        this.#store.logFull(event.reserveUsed);
        return;
      case 'timer':
        this.#store.onTimer(event.timer);
        this.#keyed.onTimer(event.timer);
        return;
      case 'channel-up':
      case 'channel-down':
      case 'connected':
      case 'dial-failed':
      case 'disconnected':
      case 'malformed':
        return;
      default:
        unreachable(event);
    }
  }

  #readEnded(read: number, block: Int32Array | undefined): void {
    this.#context.latency.readEnded(read, this.#context.now);
    if (!this.#keyed.readEnded(read, block)) this.#scans.readEnded(read, block);
  }

  #takeMessage(from: string, message: ActorMessage): void {
    const { out, leaves, memtable, counters, shard } = this.#context;
    if (message.kind === 'roots-wanted') {
      const { request, partitions } = message;
      const words = new Int32Array(partitions.length * 2);
      partitions.forEach((partition, index) => leaves.root(partition, words, index * 2));
      const sequence = memtable.nextSequence - 1;
      const reply: ActorMessage = {
        kind: 'roots',
        request,
        sequence,
        partitions,
        words: [...words],
      };
      out.effect({ kind: 'tell', to: from, message: reply });
    } else if (message.kind === 'figures-wanted') {
      const figures = {
        shard,
        ...counters,
        ...this.#keyed.figures(),
        ...this.#reads.figures(),
        ...this.#room.figures(),
        ...this.#store.figures(),
      };
      out.effect({
        kind: 'tell',
        to: from,
        message: { kind: 'figures', request: message.request, figures },
      });
    } else {
      this.#store.takeMessage(from, message);
    }
  }

  #forgetAsker(target: number): void {
    this.#keyed.forgetAsker(target);
    this.#scans.forgetAsker(target);
  }

  /** [R3] An error of the log is final for this opening of the store. */
  #fence(reason: string): void {
    const context = this.#context;
    context.fenced = true;
    reachable('replica: a shard is fenced by an error of its log');
    sometimes(
      this.#keyed.parkedCount > 0,
      'replica: a fence ends operations that wait for the disk',
    );
    this.#keyed.refuseAll(ERRORS.DISK_FAILED.code);
    this.#tellState('fenced', reason);
  }

  #tellState(state: 'ready' | 'fenced', reason: string): void {
    const { out, shard } = this.#context;
    const message: ActorMessage = { kind: 'shard-state', shard, state, reason };
    out.effect({ kind: 'tell', to: 'main', message });
    out.effect({ kind: 'tell', to: 'compactor', message });
  }

  #takeFrame(source: number, words: Int32Array, frame: number): void {
    const { memtable, leaves, now } = this.#context;
    const warmer = this.#warmer;
    const asker = this.#asker;
    asker.due = words[frame + FRAME.due]!;
    asker.isForeground = ((words[frame + FRAME.tag]! >>> 16) & 0xff) === PRIORITY.foreground;
    const isExpired = isDuePassed(asker.due, dueWord(now));
    const warmed = warmer.warm(memtable, leaves, words, frame);
    const count = words[frame + FRAME.operationCount]!;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let index = 0; index < count; index += 1) {
      const hash = index < warmed ? warmer.hashes[index]! : keyHash(memtable, words, offset);
      asker.source = source;
      asker.words = words;
      asker.offset = offset;
      if (isExpired && isDropped(asker)) this.#keyed.refuseExpired();
      else this.#takeOperation(hash);
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  #takeOperation(hash: number): void {
    const asker = this.#asker;
    const { words, offset } = asker;
    const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
    if (this.#context.fenced) {
      reachable('replica: a fenced shard refuses an operation');
      replyStatus(this.#context, asker, replyKindOf(opcode), ERRORS.DISK_FAILED.code, LANE.now);
    } else if (opcode === REPLICA_OPCODE.scan) {
      this.#context.counters.scans += 1;
      this.#scans.start(asker);
    } else if (opcode === REPLICA_OPCODE.probe) {
      replyStatus(this.#context, asker, REPLY_KIND.probed, STATUS_OK, LANE.now);
    } else if (isHinted(words, offset)) {
      this.#hint.rewrite(words, offset);
      asker.words = this.#hint.words;
      asker.offset = 0;
      this.#keyed.take(opcode, keyHash(this.#context.memtable, asker.words, 0));
    } else {
      this.#keyed.take(opcode, hash);
    }
  }
}
