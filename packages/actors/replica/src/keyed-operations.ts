/**
 * Reads, writes and stores of single keys: run at once where memory holds the key or no table may, else
 * parked behind a read from disk, and so is all that follows on that key. Writes that are too many for
 * the store to take now wait in the same way (write-throttle.ts). data plane.
 *
 * Invariants:
 *   R1 operations on one key take effect in the order they came
 *   R2 a failed read of a key is an error for its operations, never "not found"
 *   DL1 what nobody waits for any more is answered, and never done: neither when it comes nor when its turn
 *       comes after a wait
 *   KO1 a write that is slowed parks its key; it runs when the allowance has room, in the order in which
 *       writes were slowed, or is refused as OVERLOADED
 */
import { unreachable } from '@clockwise/kernel/assert';
import { LANE } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { dueWord, isDuePassed } from '@clockwise/protocol/frame-due';
import { replyKindOf } from '@clockwise/protocol/reply-kind';
import { isHiddenBucket, isSettled } from '@clockwise/record/hidden';
import { HEADER } from '@clockwise/record/layout';
import { keyPosition } from './frame-warmer.ts';
import { applyOwedOperation } from './owed-operations.ts';
import { ParkedOperations, type ParkedKey } from './parked-operations.ts';
import { applyReadOperation } from './read-operation.ts';
import type { ReplicaContext } from './replica-context.ts';
import { replyStatus, type Asker } from './reply.ts';
import { applyStoreOperation } from './store-operation.ts';
import { type ReadEnded, SEARCHED, type TableReads } from './table-reads.ts';
import { isUnheld } from './unheld-operation.ts';
import { THROTTLE_MS } from './write-throttle.ts';
import { applyWriteOperation } from './write-operation.ts';

/** The number of this timer, among the replica's. */
export const THROTTLE_TIMER = 3;

export class KeyedOperations {
  readonly #context: ReplicaContext;
  readonly #parked: ParkedOperations;
  readonly #reads: TableReads;
  readonly #asker: Asker;
  /** Keys whose first operation is a write that was slowed, oldest first, and the bytes that wait. */
  readonly #slowed: Map<ParkedKey, number> = new Map();
  #isTimerSet = false;

  /** `asker` is whose operation is taken: the replica's own, filled in before each `take`. */
  constructor(context: ReplicaContext, reads: TableReads, asker: Asker) {
    this.#context = context;
    this.#parked = new ParkedOperations(context.limits.parkedOperationsMax);
    this.#reads = reads;
    this.#asker = asker;
  }

  /** Operations that wait. */
  get parkedCount(): number {
    return this.#parked.count;
  }

  figures(): Record<string, number> {
    const { throttle } = this.#context;
    return {
      parkedOperations: this.#parked.count,
      slowedBytes: throttle.waitingBytes,
      writePressure: Math.round(throttle.pressure * 100) / 100,
    };
  }

  forgetAsker(target: number): void {
    this.#parked.forgetAsker(target);
  }

  /** A fence ends all that waits. */
  refuseAll(status: number): void {
    for (const waitingBytes of this.#slowed.values())
      this.#context.throttle.waitEnded(waitingBytes);
    this.#slowed.clear();
    for (const parked of this.#parked.keys()) this.#refuseParked(parked, status);
  }

  onTimer(timer: number): void {
    if (timer === THROTTLE_TIMER) this.#isTimerSet = false;
  }

  /** The step has begun: what was slowed runs as far as the allowance goes. [KO1] */
  runSlowed(): void {
    const { throttle, fenced } = this.#context;
    if (this.#slowed.size === 0 || fenced) return;
    for (const [parked, waitingBytes] of this.#slowed) {
      const isRefused = throttle.pressure >= 1;
      if (!isRefused && !throttle.passes(waitingBytes)) break;
      this.#slowed.delete(parked);
      throttle.waitEnded(waitingBytes);
      if (isRefused) this.#refuseSlowed(parked);
      else this.#resume(parked);
    }
    this.#wakeLater();
  }

  /** Any operation with a key: run at once, or parked behind the key's read from disk. */
  take(opcode: number, hash: number): void {
    const asker = this.#asker;
    const { words, offset } = asker;
    const { memtable, throttle } = this.#context;
    const isStore = opcode === REPLICA_OPCODE.store;
    const record = offset + REPLICA_STORE_HEADER_WORDS;
    const bucketId = isStore
      ? words[record + HEADER.bucketId]!
      : words[offset + REPLICA_REQUEST.bucketId]!;
    const key = offset + keyPosition(opcode);
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
        this.#parkBehind(parked, opcode);
        return;
      }
    }
    if (opcode !== REPLICA_OPCODE.read) {
      const byteCount = words[offset + OPERATION.wordCount]! * 4;
      if (!throttle.passes(byteCount)) {
        this.#slowDown(opcode, hash, bucketId, key, keyByteCount, byteCount);
        return;
      }
    }
    const current = memtable.lookup(bucketId, words, key, keyByteCount, hash);
    if (current >= 0) {
      this.#run(opcode, hash, memtable.chunk, this.#unlessSettled(bucketId, current));
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
      const found = this.#unlessSettled(bucketId, memtable.offset);
      this.#run(opcode, hash, memtable.chunk, found);
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

  /** [KO1] The write's key waits for the throttle; or too much waits already. */
  #slowDown(
    opcode: number,
    hash: number,
    bucketId: number,
    key: number,
    keyByteCount: number,
    byteCount: number,
  ): void {
    const { throttle } = this.#context;
    const { words, offset } = this.#asker;
    if (!throttle.waits(byteCount)) {
      reachable('replica: a write is refused because flushes or merges are behind');
      this.#refuse(opcode);
      return;
    }
    const token = offset + REPLICA_STORE_HEADER_WORDS + HEADER.tokenHigh;
    const isStore = opcode === REPLICA_OPCODE.store;
    const tokenHigh = words[isStore ? token : offset + REPLICA_REQUEST.tokenHigh]!;
    const tokenLow =
      words[
        isStore ? token + HEADER.tokenLow - HEADER.tokenHigh : offset + REPLICA_REQUEST.tokenLow
      ]!;
    const parked = this.#parked.open(hash, bucketId, tokenHigh, tokenLow, words, key, keyByteCount);
    this.#park(parked, opcode);
    if (parked.operations.length === 0) {
      this.#parked.close(parked);
      throttle.waitEnded(byteCount);
      return;
    }
    reachable('replica: a write is slowed because flushes or merges are behind');
    this.#context.counters.slowed += 1;
    this.#slowed.set(parked, byteCount);
    this.#wakeLater();
  }

  /** Behind what waits for a read, or for the throttle. */
  #parkBehind(parked: ParkedKey, opcode: number): void {
    const waitingBytes = this.#slowed.get(parked);
    if (waitingBytes === undefined) {
      this.#park(parked, opcode);
      return;
    }
    const { throttle } = this.#context;
    const { words, offset } = this.#asker;
    const byteCount = words[offset + OPERATION.wordCount]! * 4;
    if (!throttle.waits(byteCount)) {
      this.#refuse(opcode);
      return;
    }
    sometimes(
      opcode === REPLICA_OPCODE.read,
      'replica: a read waits behind a write that is slowed',
    );
    if (this.#park(parked, opcode)) this.#slowed.set(parked, waitingBytes + byteCount);
    else throttle.waitEnded(byteCount);
  }

  #wakeLater(): void {
    if (this.#slowed.size === 0 || this.#isTimerSet) return;
    this.#isTimerSet = true;
    const { out, now } = this.#context;
    out.effect({ kind: 'timer', timer: THROTTLE_TIMER, at: now + THROTTLE_MS });
  }

  /** What was slowed goes on as if it came now. */
  #resume(parked: ParkedKey): void {
    const { bucketId, key, keyByteCount, hash } = parked;
    if (this.#context.memtable.peek(bucketId, key, 0, keyByteCount, hash) >= 0) {
      this.#runParked(parked);
    } else {
      this.#advance(parked);
    }
  }

  #refuseSlowed(parked: ParkedKey): void {
    reachable('replica: a write that was slowed is refused after all');
    this.#context.counters.overloaded += parked.operations.length;
    this.#refuseParked(parked, ERRORS.OVERLOADED.code);
  }

  /** False: no more may wait, and the operation is refused. */
  #park(parked: ParkedKey, opcode: number): boolean {
    if (this.#parked.park(parked, this.#asker)) return true;
    reachable('replica: no more operations may wait for the disk');
    this.#refuse(opcode);
    return false;
  }

  /** [DL1] */
  refuseExpired(): void {
    const asker = this.#asker;
    this.#context.counters.expired += 1;
    const opcode = asker.words[asker.offset + REPLICA_REQUEST.opcode]! & 0xff;
    const status = ERRORS.DEADLINE_PASSED.code;
    replyStatus(this.#context, asker, replyKindOf(opcode), status, LANE.now);
  }

  #refuse(opcode: number): void {
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

  /** False: not a read of ours. */
  readEnded(read: number, block: Int32Array | undefined): boolean {
    const ended = this.#reads.take(read, block);
    if (ended.kind === 'unknown') return false;
    this.#takeEnded(ended);
    return true;
  }

  #takeEnded(ended: Exclude<ReadEnded, { readonly kind: 'unknown' }>): void {
    switch (ended.kind) {
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
    const { memtable, now } = this.#context;
    const nowWord = dueWord(now);
    sometimes(parked.operations.length > 1, 'replica: several operations waited for one read');
    for (const operation of this.#parked.close(parked)) {
      const asker = this.#asker;
      asker.source = operation.source;
      asker.words = operation.words;
      asker.offset = 0;
      asker.isForeground = operation.isForeground;
      if (isDuePassed(operation.due, nowWord)) {
        reachable('replica: an operation waited until nobody waited for it');
        this.refuseExpired();
        continue;
      }
      const { hash, bucketId, key, keyByteCount } = parked;
      // That it was asked for has brought it here; only to be asked for again is a reason to keep it.
      const current = memtable.peek(bucketId, key, 0, keyByteCount, hash);
      const opcode = operation.words[REPLICA_REQUEST.opcode]! & 0xff;
      const chunk = current < 0 ? -1 : memtable.chunk;
      this.#run(opcode, hash, chunk, this.#unlessSettled(bucketId, current));
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

  /** What memory was last asked for; a hidden record that is settled is as one that is not there. */
  #unlessSettled(bucketId: number, current: number): number {
    if (!isHiddenBucket(bucketId) || current < 0) return current;
    const { pool, chunk } = this.#context.memtable;
    return isSettled(pool.words[chunk]!, current) ? -1 : current;
  }

  #run(opcode: number, hash: number, chunk: number, current: number): void {
    const context = this.#context;
    // [GP1] [GP2]
    if (context.held.notWholeCount > 0 && isUnheld(context, this.#asker, opcode, current)) return;
    switch (opcode) {
      case REPLICA_OPCODE.read:
        applyReadOperation(context, this.#asker, chunk, current);
        return;
      case REPLICA_OPCODE.write:
        applyWriteOperation(context, this.#asker, hash, chunk, current);
        return;
      case REPLICA_OPCODE.store:
        applyStoreOperation(context, this.#asker, hash, chunk, current);
        return;
      default:
        applyOwedOperation(context, this.#asker, opcode, hash, chunk, current);
    }
  }
}
