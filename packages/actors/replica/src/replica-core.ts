/**
 * The replica: one shard of a node's data. Its boundary: frames of operations from coordinators in;
 * replies on two lanes, appends to the log and disk effects out.
 *
 * Apply = read, join, append, insert, atomic per key: an operation on a key that memory does not hold
 * asks the tables' filters and the blocks in memory; where these do not say, it parks behind a read
 * from disk, and so does all that follows on that key. data plane.
 *
 * Invariants:
 *   R1 operations on one key take effect in the order they came
 *   R2 a failed read of a key is an error for its operations, never "not found"
 *   R3 a fenced shard appends nothing and answers no operation with a record
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import { LANE, type Core } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { replyKindOf } from '@clockwise/protocol/reply-kind';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { FrameWarmer, keyHash } from './frame-warmer.ts';
import { MemoryRoom } from './memory-room.ts';
import { ParkedOperations, type ParkedKey } from './parked-operations.ts';
import { applyReadOperation } from './read-operation.ts';
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
import { applyStoreOperation } from './store-operation.ts';
import { StoreWork } from './store-work.ts';
import { SEARCHED, TableReads } from './table-reads.ts';
import { applyWriteOperation, DotMaker } from './write-operation.ts';

export class ReplicaCore implements Core<ReplicaEvent, ReplicaEffect, ReplicaBatch, ReplicaOut> {
  readonly #context: ReplicaContext;
  readonly #dots: DotMaker = new DotMaker();
  readonly #parked: ParkedOperations;
  readonly #reads: TableReads;
  readonly #scans: ScanOperations;
  readonly #store: StoreWork;
  readonly #room: MemoryRoom;
  readonly #warmer: FrameWarmer = new FrameWarmer();
  readonly #asker: Asker = { source: 0, words: new Int32Array(0), offset: 0 };
  #started = false;

  constructor(options: ReplicaOptions) {
    this.#context = new ReplicaContext(options);
    this.#parked = new ParkedOperations(options.limits.parkedOperationsMax);
    this.#store = new StoreWork(this.#context, options);
    this.#reads = new TableReads(this.#context, options.combine);
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
    return this.#parked.count;
  }

  hash(): number {
    const { memtable, counters } = this.#context;
    let hash = (memtable.nextSequence ^ this.#parked.count) | 0;
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
      this.#store.takeMessage(message);
    }
  }

  #forgetAsker(target: number): void {
    this.#parked.forgetAsker(target);
    this.#scans.forgetAsker(target);
  }

  /** [R3] An error of the log is final for this opening of the store. */
  #fence(reason: string): void {
    const context = this.#context;
    context.fenced = true;
    reachable('replica: a shard is fenced by an error of its log');
    sometimes(this.#parked.count > 0, 'replica: a fence ends operations that wait for the disk');
    for (const parked of this.#parked.keys()) this.#refuseParked(parked, ERRORS.DISK_FAILED.code);
    this.#tellState('fenced', reason);
  }

  #tellState(state: 'ready' | 'fenced', reason: string): void {
    const { out, shard } = this.#context;
    const message: ActorMessage = { kind: 'shard-state', shard, state, reason };
    out.effect({ kind: 'tell', to: 'main', message });
    out.effect({ kind: 'tell', to: 'compactor', message });
  }

  #takeFrame(source: number, words: Int32Array, frame: number): void {
    const { memtable } = this.#context;
    const warmer = this.#warmer;
    const warmed = warmer.warm(memtable, words, frame);
    const count = words[frame + FRAME.operationCount]!;
    let offset = frame + FRAME_HEADER_WORDS;
    for (let index = 0; index < count; index += 1) {
      const hash = index < warmed ? warmer.hashes[index]! : keyHash(memtable, words, offset);
      this.#takeOperation(source, words, offset, hash);
      offset += words[offset + OPERATION.wordCount]!;
    }
  }

  #takeOperation(source: number, words: Int32Array, offset: number, hash: number): void {
    const asker = this.#asker;
    asker.source = source;
    asker.words = words;
    asker.offset = offset;
    const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
    if (this.#context.fenced) {
      reachable('replica: a fenced shard refuses an operation');
      replyStatus(this.#context, asker, replyKindOf(opcode), ERRORS.DISK_FAILED.code, LANE.now);
    } else if (opcode === REPLICA_OPCODE.scan) {
      this.#context.counters.scans += 1;
      this.#scans.start(asker);
    } else if (opcode === REPLICA_OPCODE.probe) {
      replyStatus(this.#context, asker, REPLY_KIND.probed, STATUS_OK, LANE.now);
    } else {
      this.#takeKeyed(opcode, hash);
    }
  }

  /** A read, write or store: run at once, or parked behind the key's read from disk. */
  #takeKeyed(opcode: number, hash: number): void {
    const asker = this.#asker;
    const { words, offset } = asker;
    const { memtable } = this.#context;
    const isStore = opcode === REPLICA_OPCODE.store;
    const record = offset + REPLICA_STORE_HEADER_WORDS;
    const bucketId = isStore
      ? words[record + HEADER.bucketId]!
      : words[offset + REPLICA_REQUEST.bucketId]!;
    const key = isStore ? record + HEADER_WORDS : offset + keyPosition(opcode);
    const keyByteCount =
      words[isStore ? record + HEADER.keyAndContext : offset + REPLICA_REQUEST.keyAndContext]! &
      0xffff;
    if (this.#parked.count > 0) {
      const parked = this.#parked.find(hash, bucketId, words, key, keyByteCount);
      if (parked !== undefined) {
        sometimes(isStore, 'replica: a store waits behind a read of the same key');
        sometimes(
          opcode === REPLICA_OPCODE.write,
          'replica: a put waits behind a read of the same key',
        );
        this.#park(parked, opcode);
        return;
      }
    }
    const current = memtable.lookup(bucketId, words, key, keyByteCount, hash);
    if (current >= 0) {
      this.#run(opcode, hash, memtable.chunk, current);
      return;
    }
    const tokenHigh =
      words[isStore ? record + HEADER.tokenHigh : offset + REPLICA_REQUEST.tokenHigh]!;
    const tokenLow = words[isStore ? record + HEADER.tokenLow : offset + REPLICA_REQUEST.tokenLow]!;
    const searched = this.#reads.inMemory(
      bucketId,
      tokenHigh,
      tokenLow,
      words,
      key,
      keyByteCount,
      hash,
    );
    if (searched === SEARCHED.found) {
      this.#run(opcode, hash, memtable.chunk, memtable.offset);
      return;
    }
    if (searched === SEARCHED.absent) {
      this.#run(opcode, hash, -1, -1);
      return;
    }
    reachable('replica: an operation waits for a read from disk');
    const parked = this.#parked.open(hash, bucketId, tokenHigh, tokenLow, words, key, keyByteCount);
    this.#park(parked, opcode);
    if (parked.operations.length === 0) this.#parked.close(parked);
    else this.#reads.start(parked);
  }

  #park(parked: ParkedKey, opcode: number): void {
    const { source, words, offset } = this.#asker;
    const size = words[offset + OPERATION.wordCount]!;
    if (this.#parked.park(parked, source, words, offset, size)) return;
    reachable('replica: no more operations may wait for the disk');
    this.#context.counters.overloaded += 1;
    const status = ERRORS.OVERLOADED.code;
    replyStatus(this.#context, this.#asker, replyKindOf(opcode), status, LANE.now);
  }

  /** The next read for a parked key, or its end. */
  #advance(parked: ParkedKey): void {
    const state = this.#reads.next(parked);
    if (state === 'reading') return;
    if (state === 'no-room') {
      this.#refuseForRoom(parked);
      return;
    }
    sometimes(state === 'absent', 'replica: a filter said maybe and no table holds the key');
    this.#runParked(parked);
  }

  #readEnded(read: number, block: Int32Array | undefined): void {
    const ended = this.#reads.take(read, block);
    switch (ended.kind) {
      case 'unknown':
        this.#scans.readEnded(read, block);
        return;
      case 'found':
        this.#runParked(ended.parked);
        return;
      case 'next':
        if (!this.#context.fenced) this.#advance(ended.parked);
        return;
      case 'no-room':
        this.#refuseForRoom(ended.parked);
        return;
      case 'failed':
        // [R2] After a fence the operations have their answer already.
        sometimes(!this.#context.fenced, 'replica: a read from disk fails its operations');
        if (!this.#context.fenced) this.#refuseParked(ended.parked, ERRORS.READ_FAILED.code);
        return;
      default:
        unreachable(ended);
    }
  }

  /** [R1] Runs what waited for a key, in order; memory is looked at anew for each. */
  #runParked(parked: ParkedKey): void {
    const { memtable } = this.#context;
    sometimes(parked.operations.length > 1, 'replica: several operations waited for one read');
    for (const operation of this.#parked.close(parked)) {
      const asker = this.#asker;
      asker.source = operation.source;
      asker.words = operation.words;
      asker.offset = 0;
      const { hash, bucketId, key, keyByteCount } = parked;
      // That it was asked for has brought it here; only to be asked for again is a reason to keep it.
      const current = memtable.peek(bucketId, key, 0, keyByteCount, hash);
      const opcode = operation.words[REPLICA_REQUEST.opcode]! & 0xff;
      this.#run(opcode, hash, current < 0 ? -1 : memtable.chunk, current);
    }
  }

  #refuseForRoom(parked: ParkedKey): void {
    reachable('replica: what was read from disk finds no room in memory');
    this.#context.counters.overloaded += parked.operations.length;
    this.#refuseParked(parked, ERRORS.OVERLOADED.code);
  }

  #refuseParked(parked: ParkedKey, status: number): void {
    for (const operation of this.#parked.close(parked)) {
      const asker = this.#asker;
      asker.source = operation.source;
      asker.words = operation.words;
      asker.offset = 0;
      const opcode = operation.words[REPLICA_REQUEST.opcode]! & 0xff;
      replyStatus(this.#context, asker, replyKindOf(opcode), status, LANE.now);
    }
  }

  #run(opcode: number, hash: number, chunk: number, current: number): void {
    const context = this.#context;
    switch (opcode) {
      case REPLICA_OPCODE.read:
        applyReadOperation(context, this.#asker, chunk, current);
        return;
      case REPLICA_OPCODE.write:
        applyWriteOperation(context, this.#dots, this.#asker, hash, chunk, current);
        return;
      case REPLICA_OPCODE.store:
        applyStoreOperation(context, this.#dots, this.#asker, hash, chunk, current);
        return;
      default:
        assert(false, 'the gateway passes known operations only');
    }
  }
}

function keyPosition(opcode: number): number {
  return opcode === REPLICA_OPCODE.write ? REPLICA_WRITE_HEADER_WORDS : REPLICA_READ_HEADER_WORDS;
}
