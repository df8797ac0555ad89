/**
 * Every operation of a client from its call to its answer: it waits for the end of the tick, leaves
 * in a frame with the others of its tick, and is settled by its answer, its deadline, its signal, or
 * a failure that no retry can mend. One promise per operation, one timer for all.
 *
 * data plane, but for failures
 *
 * Invariants:
 *   DP1 every operation is settled exactly once, at its deadline at the latest
 *   DP2 the operations of one tick leave together, in the order of their calls
 *   DP3 all tries of a write carry one operation id
 *   DP4 a write that may have happened is never reported as not applied
 *   DP5 requests in flight and requests that wait are bounded; excess is refused as OVERLOADED
 *   DP6 operations of one call count from that call, however late they begin: those that begin after
 *       its deadline are settled at once, and never sent
 */
import { assert } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { ControlMessage, Hello, Welcome } from '@clockwise/protocol/control-messages';
import { STATUS_NOT_FOUND, STATUS_OK, errorName, type ErrorName } from '@clockwise/protocol/errors';
import { FRAME, FRAME_HEADER_WORDS, REQUEST_OPCODE, RESPONSE } from '@clockwise/protocol/frame';
import type { Connection, ConnectionOwner } from './connection.ts';
import { connectionsToUse } from './connection-choice.ts';
import { ControlRequests } from './control-requests.ts';
import { ClockwiseError } from './errors.ts';
import type { Membership } from './membership.ts';
import { EarliestTimer } from './earliest-timer.ts';
import { ENCODED, RequestEncoder } from './request-encoder.ts';
import { levelReason } from './level-reason.ts';
import { RequestOutcomes, isWrite, type OutcomeLimits } from './request-outcomes.ts';
import { REQUEST_STATE, type BucketHandle, type RequestTable } from './request-table.ts';
import { ResponseDecoder } from './response-decoder.ts';
import { Rests } from './rests.ts';
import type { Resolve } from './results.ts';
import { SlotQueue } from './slot-queue.ts';
import type { TextCoder } from './text-coder.ts';
import type { World } from './transport.ts';

export interface DispatcherLimits extends OutcomeLimits {
  readonly requestsMax: number;
  readonly inFlightMax: number;
  /** Bytes that wait in a socket, beyond which nothing more is written to it. */
  readonly bufferedBytesMax: number;
  readonly timeoutMs: number;
}

export interface DispatcherParts {
  readonly world: World;
  readonly table: RequestTable;
  readonly coder: TextCoder;
  readonly limits: DispatcherLimits;
  readonly membership: Membership;
  readonly prng: Prng;
}

/** Milliseconds after which a socket that was full is looked at again. */
const BLOCKED_MS = 5;

export class Dispatcher implements ConnectionOwner {
  readonly control: ControlRequests;
  readonly #world: World;
  readonly #table: RequestTable;
  readonly #limits: DispatcherLimits;
  readonly #membership: Membership;
  readonly #encoder: RequestEncoder;
  readonly #decoder: ResponseDecoder;
  readonly #waiting: SlotQueue;
  readonly #timer: EarliestTimer;
  readonly #outcomes: RequestOutcomes;
  readonly #flush = (): void => this.#flushTick();
  readonly #rests: Rests;
  #connections: readonly Connection[] = [];
  #isFlushDue = false;
  #tickNow = 0;
  #isClosed = false;

  constructor(parts: DispatcherParts) {
    this.#world = parts.world;
    this.#table = parts.table;
    this.#limits = parts.limits;
    this.#membership = parts.membership;
    this.#encoder = new RequestEncoder(parts.table, parts.coder);
    this.#decoder = new ResponseDecoder(parts.coder, parts.table.clock);
    this.#waiting = new SlotQueue(
      parts.limits.requestsMax,
      (id) => this.#table.state[this.#table.slotOf(id)] === REQUEST_STATE.waiting,
    );
    this.#timer = new EarliestTimer(parts.world, (now) => this.#wake(now));
    this.#outcomes = new RequestOutcomes(parts, this);
    this.#rests = new Rests(parts.world);
    this.control = new ControlRequests(parts.world);
  }

  /** Begins to connect. Once. */
  start(connections: readonly Connection[]): void {
    this.#connections = connections;
    const now = this.#world.now();
    for (const connection of connections) connection.tick(now);
  }

  /** Milliseconds of a call that names none. */
  get timeoutMs(): number {
    return this.#limits.timeoutMs;
  }

  get inFlightCount(): number {
    return this.#outcomes.inFlightCount;
  }

  get waitingCount(): number {
    return this.#table.count - this.#outcomes.inFlightCount;
  }

  get connections(): readonly Connection[] {
    return this.#connections;
  }

  /** When a call of now is taken to have been made: all of one tick at the same instant. */
  callInstant(): number {
    if (!this.#isFlushDue) this.#tickNow = this.#world.now();
    return this.#tickNow;
  }

  /**
   * A slot for an operation, to be filled in and committed in the same turn. Throws where the client
   * is closed or full. Its time runs from `calledAt`, a `callInstant` of its own or of the call that
   * it is a part of.
   */
  open(
    opcode: number,
    bucket: BucketHandle,
    timeoutMs: number | undefined,
    calledAt: number | undefined,
  ): number {
    if (this.#isClosed) throw new ClockwiseError('CLOSED');
    const table = this.#table;
    const slot = table.open();
    if (slot < 0) {
      throw new ClockwiseError('OVERLOADED', { message: 'this client holds too many requests' });
    }
    const now = this.callInstant();
    const budgetMs = timeoutMs ?? this.#limits.timeoutMs;
    table.opcode[slot] = opcode;
    table.bucket[slot] = bucket;
    table.timeoutMs[slot] = budgetMs;
    table.deadline[slot] = (calledAt ?? now) + budgetMs;
    if (isWrite(opcode)) table.assignOperationId(slot);
    return slot;
  }

  /** Hands over what `open` gave. Settles with a GetResult, WriteResult or ScanPage. */
  commit(slot: number, signal: AbortSignal | undefined): Promise<unknown> {
    const table = this.#table;
    const promise = this.#outcomes.promise(slot);
    if (signal !== undefined && !this.#outcomes.listen(slot, signal)) return promise;
    if (table.deadline[slot]! <= this.#tickNow) {
      this.#outcomes.expire(slot);
      return promise;
    }
    this.#waiting.push(table.id(slot));
    this.#timer.arm(table.deadline[slot]!);
    this.#scheduleFlush();
    return promise;
  }

  /**
   * Waits before a call is tried anew as a whole, as a retry would. False: its time does not allow
   * for it, or the budget of retries does not.
   */
  async rest(attemptCount: number, retryAfterMs: number, deadline: number): Promise<boolean> {
    const delayMs = this.#outcomes.restMs(attemptCount, retryAfterMs);
    if (this.#isClosed || this.#world.now() + delayMs >= deadline) return false;
    await this.#rests.wait(delayMs);
    return !this.#isClosed && this.#outcomes.takesRetry();
  }

  /** Takes back what `open` gave. */
  abandon(slot: number): void {
    this.#table.free(slot);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const table = this.#table;
    for (let slot = 0; slot < table.slotCount; slot += 1) {
      if (table.state[slot] !== REQUEST_STATE.free) this.#outcomes.fail(slot, 'CLOSED');
    }
    this.#rests.close();
    this.control.close();
    for (const connection of this.#connections) connection.close();
    this.#timer.stop();
  }

  // What connections tell.

  hello(): Hello {
    return this.#membership.hello();
  }

  becameReady(connection: Connection, welcome: Welcome): void {
    this.#membership.welcomed(welcome);
    this.control.connected(connection);
    this.#scheduleFlush();
  }

  lost(connection: Connection, code: ErrorName, reason: string): void {
    this.#membership.lost(code, reason);
    this.control.disconnected(connection);
    const table = this.#table;
    for (let slot = 0; slot < table.slotCount; slot += 1) {
      const isOurs = table.connection[slot] === connection.index;
      if (!isOurs || table.state[slot] !== REQUEST_STATE.inFlight) continue;
      this.#outcomes.failTry(slot, 'CONNECTION_LOST', 0);
    }
  }

  told(message: ControlMessage): void {
    this.control.answered(message);
  }

  arm(at: number): void {
    if (!this.#isClosed) this.#timer.arm(at);
  }

  answered(connection: Connection, words: Int32Array): void {
    const table = this.#table;
    this.#decoder.turnTo(words);
    const now = this.#world.now();
    let operation = FRAME_HEADER_WORDS;
    for (let left = words[FRAME.operationCount]!; left > 0; left -= 1) {
      const slot = table.slotOf(words[operation + RESPONSE.requestId]!);
      const isAwaited =
        slot >= 0 &&
        table.state[slot] === REQUEST_STATE.inFlight &&
        table.connection[slot] === connection.index &&
        table.opcode[slot] === words[operation + RESPONSE.status]! >>> 24;
      if (isAwaited) this.#answer(slot, words, operation, now);
      operation += words[operation + RESPONSE.wordCount]!;
    }
    if (this.#waiting.count > 0) this.#scheduleFlush();
  }

  #answer(slot: number, words: Int32Array, operation: number, now: number): void {
    const { clock } = this.#table;
    clock.observe(words[operation + RESPONSE.hybridLow]!, words[operation + RESPONSE.hybridHigh]!);
    const status = words[operation + RESPONSE.status]! & 0xffff;
    const isFine = status === STATUS_OK || status === STATUS_NOT_FOUND;
    if (isFine) return this.#succeed(slot, operation, now);
    const code = errorName(status);
    assert(code !== undefined, 'a valid response has a known status');
    const reason = this.#levelReason(slot, code);
    this.#table.lastExplanation[slot] = this.#decoder.explanation(operation);
    this.#outcomes.failTry(slot, code, words[operation + RESPONSE.retryAfterMs]!, reason);
  }

  #levelReason(slot: number, code: ErrorName): string | undefined {
    const table = this.#table;
    const welcome = this.#connections[table.connection[slot]!]?.welcome;
    const asked = { level: table.level[slot]!, isWrite: isWrite(table.opcode[slot]!) };
    return levelReason(code, asked, table.bucket[slot]!.name, welcome);
  }

  #succeed(slot: number, operation: number, now: number): void {
    const table = this.#table;
    const { resolve } = table.bucket[slot]!;
    const id = table.id(slot);
    let result: unknown;
    try {
      result = this.#decode(table.opcode[slot]!, operation, resolve);
    } catch (error) {
      // The bucket's `resolve` is the user's code.
      if (table.slotOf(id) === slot) this.#outcomes.throwTo(slot, error);
      return;
    }
    // The same code may have cancelled the operation, or closed the client.
    if (table.slotOf(id) === slot) this.#outcomes.succeed(slot, result, now);
  }

  #decode(opcode: number, operation: number, resolve: Resolve | undefined): unknown {
    if (opcode === REQUEST_OPCODE.get) return this.#decoder.get(operation, resolve);
    if (opcode === REQUEST_OPCODE.scan) return this.#decoder.scan(operation, resolve);
    return this.#decoder.write(operation);
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#tickNow = this.#world.now();
    this.#world.atEndOfTick(this.#flush);
  }

  #flushTick(): void {
    this.#isFlushDue = false;
    if (this.#waiting.count === 0 || this.#isClosed) return;
    const now = this.#world.now();
    const used = connectionsToUse(this.#connections);
    let left = used.length;
    for (const connection of used) {
      // An even share for each; the last one gets what the others could not take.
      this.#fill(connection, Math.ceil(this.#waiting.count / left), now);
      left -= 1;
    }
  }

  #fill(connection: Connection, countMax: number, now: number): void {
    const table = this.#table;
    let left = countMax;
    while (left > 0 && this.#waiting.count > 0 && this.#mayTakeMore(connection, now)) {
      if (connection.bufferedBytes > this.#limits.bufferedBytesMax) {
        this.#timer.arm(now + BLOCKED_MS);
        break;
      }
      const slot = table.slotOf(this.#waiting.peek());
      if (slot >= 0 && table.state[slot] === REQUEST_STATE.waiting) {
        if (!this.#send(slot, connection, now)) {
          this.#timer.arm(now + BLOCKED_MS);
          break;
        }
        left -= 1;
      }
      this.#waiting.drop();
    }
    connection.flush(now);
  }

  #mayTakeMore(connection: Connection, now: number): boolean {
    return (
      this.#outcomes.inFlightCount < this.#limits.inFlightMax &&
      connection.inFlightCount < connection.inFlightMax &&
      connection.inFlightCount < connection.window.sizeAt(now)
    );
  }

  /** False: the connection takes no more for now, and the request still waits. */
  #send(slot: number, connection: Connection, now: number): boolean {
    const table = this.#table;
    const remainingMs = table.deadline[slot]! - now;
    const waitedMs = table.timeoutMs[slot]! - remainingMs;
    if (remainingMs <= 0 || connection.window.isTooLate(waitedMs, remainingMs)) {
      this.#outcomes.expire(slot);
      return true;
    }
    const bucketId = connection.bucketIds.get(table.bucket[slot]!.name);
    if (bucketId === undefined) {
      this.#outcomes.fail(slot, 'NO_SUCH_BUCKET', table.bucket[slot]!.name);
      return true;
    }
    table.prepareTry(slot, isWrite(table.opcode[slot]!), now);
    const sink = connection.writerFor(remainingMs);
    switch (this.#encoder.encode(slot, bucketId, connection.limits, sink)) {
      case ENCODED.written:
        this.#outcomes.sent(slot, connection, now);
        return true;
      case ENCODED.full:
        return false;
      case ENCODED.keyTooLarge:
        this.#outcomes.fail(slot, 'KEY_TOO_LARGE');
        return true;
      case ENCODED.valueTooLarge:
        this.#outcomes.fail(slot, 'VALUE_TOO_LARGE');
        return true;
      default:
        this.#outcomes.fail(slot, 'CONTEXT_TOO_LARGE');
        return true;
    }
  }

  #wake(now: number): void {
    const table = this.#table;
    let next = Infinity;
    for (let slot = 0; slot < table.slotCount; slot += 1) {
      const state = table.state[slot]!;
      if (state === REQUEST_STATE.free) continue;
      if (table.deadline[slot]! <= now) {
        this.#outcomes.expire(slot);
        continue;
      }
      if (table.deadline[slot]! < next) next = table.deadline[slot]!;
      if (state !== REQUEST_STATE.resting) continue;
      if (table.retryAt[slot]! <= now) this.requeue(slot);
      else if (table.retryAt[slot]! < next) next = table.retryAt[slot]!;
    }
    for (const connection of this.#connections) {
      connection.tick(now);
      if (connection.wakeAt < next) next = connection.wakeAt;
    }
    this.#timer.arm(next);
    if (this.#waiting.count > 0) this.#scheduleFlush();
  }

  // What the outcomes of tries ask for.

  requeue(slot: number): void {
    this.#table.beginTry(slot);
    this.#waiting.push(this.#table.id(slot));
    this.#scheduleFlush();
  }
}
