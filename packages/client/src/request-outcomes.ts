/**
 * How requests end: with a result, with an error that says what is known of the outcome, or with
 * another try. The only place that settles promises.
 *
 * Invariants:
 *   RO1 a request is settled once, and its slot is free before anybody is told
 *   RO2 a read changes nothing: whatever fails it, it was not applied
 *   RO3 a write of which one try may have happened is unknown, whatever the later tries were told
 *   RO5 a retry is made within the budget of retries, except where a try cost the cluster next to nothing:
 *       on a connection that was lost (what was in flight there was bounded by its window), where a node
 *       said at once that it cannot (no replicas are reachable, it is starting): rests that grow bound
 *       those; and where it refused more than its window lets out since, at once and for load
 *   RO4 a signal that aborts settles at once; the listener goes with the request
 */
import type { Prng } from '@clockwise/kernel/prng';
import { ERRORS, type ErrorName, type Outcome } from '@clockwise/protocol/errors';
import { REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { AbortSignals } from './abort-signals.ts';
import { ClockwiseError, type OperationId } from './errors.ts';
import { REQUEST_STATE, type RequestTable } from './request-table.ts';
import { RetryBudget, type RetryBudgetLimits } from './retry-budget.ts';
import { jitteredBackoffMs, retryDelayMs, type RetryLimits } from './retry-policy.ts';
import type { SendWindow } from './send-window.ts';
import type { World } from './transport.ts';

/** Where a request that is tried again goes, and who is told what is due. */
export interface Requeue {
  requeue(slot: number): void;
  arm(at: number): void;
}

/** What a request in flight is counted at. */
export interface InFlightCounter {
  readonly index: number;
  inFlightCount: number;
  readonly window: SendWindow;
}

export interface OutcomeLimits extends RetryLimits {
  readonly retryBudget: RetryBudgetLimits;
}

export interface OutcomeParts {
  readonly world: World;
  readonly table: RequestTable;
  readonly limits: OutcomeLimits;
  readonly prng: Prng;
}

const TRY_COUNT_MAX = 255;
/** [RO5] Failures after which a retry needs no budget. */
const UNBUDGETED: ReadonlySet<ErrorName> = new Set(['CONNECTION_LOST', 'UNAVAILABLE', 'NOT_READY']);

export function isWrite(opcode: number): boolean {
  return opcode === REQUEST_OPCODE.put || opcode === REQUEST_OPCODE.delete;
}

export class RequestOutcomes {
  inFlightCount = 0;
  readonly #world: World;
  readonly #table: RequestTable;
  readonly #limits: RetryLimits;
  readonly #prng: Prng;
  readonly #requeue: Requeue;
  readonly #budget: RetryBudget;
  readonly #signals = new AbortSignals((slot, signal) => this.#cancel(slot, signal));
  readonly #counters: (InFlightCounter | undefined)[] = [];
  /** Set by `#capture` while a promise is made: its two ends. */
  #resolve: (result: unknown) => void = nothing;
  #reject: (error: unknown) => void = nothing;
  readonly #capture = (
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  constructor(parts: OutcomeParts, requeue: Requeue) {
    this.#world = parts.world;
    this.#table = parts.table;
    this.#limits = parts.limits;
    this.#prng = parts.prng;
    this.#requeue = requeue;
    this.#budget = new RetryBudget(parts.limits.retryBudget);
  }

  promise(slot: number): Promise<unknown> {
    const promise = new Promise<unknown>(this.#capture);
    this.#table.resolve[slot] = this.#resolve;
    this.#table.reject[slot] = this.#reject;
    return promise;
  }

  /** False: the signal had aborted before, and the request is settled. */
  listen(slot: number, signal: AbortSignal): boolean {
    if (signal.aborted) {
      this.#cancel(slot, signal);
      return false;
    }
    this.#table.signal[slot] = signal;
    this.#signals.add(slot, signal);
    return true;
  }

  sent(slot: number, counter: InFlightCounter, now: number): void {
    const table = this.#table;
    table.state[slot] = REQUEST_STATE.inFlight;
    table.connection[slot] = counter.index;
    table.sentAt[slot] = now;
    if (table.tryCount[slot] === 0) this.#budget.requested();
    if (table.tryCount[slot]! < TRY_COUNT_MAX) table.tryCount[slot]! += 1;
    this.#counters[counter.index] = counter;
    counter.inFlightCount += 1;
    this.inFlightCount += 1;
  }

  /** Whether one more retry may be made now, of whatever. */
  takesRetry(): boolean {
    return this.#budget.takes(this.#world.now());
  }

  /** Milliseconds to wait before something is tried again that is no request. */
  restMs(count: number, retryAfterMs: number): number {
    return Math.max(retryAfterMs, jitteredBackoffMs(count, this.#limits, this.#prng));
  }

  succeed(slot: number, result: unknown, now: number): void {
    const table = this.#table;
    this.#windowOf(slot).succeeded(now - table.sentAt[slot]!);
    const resolve = table.resolve[slot]!;
    this.#end(slot);
    resolve(result);
  }

  throwTo(slot: number, error: unknown): void {
    const reject = this.#table.reject[slot]!;
    this.#end(slot);
    reject(error);
  }

  /** A try in flight failed. */
  failTry(slot: number, code: ErrorName, retryAfterMs: number, reason?: string): void {
    const table = this.#table;
    const now = this.#world.now();
    const window = this.#windowOf(slot);
    const sentAt = table.sentAt[slot]!;
    if (code === 'OVERLOADED' || code === 'TIMEOUT') window.congested(sentAt, now);
    const isForLoad = code === 'OVERLOADED';
    const isUnbudgeted = UNBUDGETED.has(code) || (isForLoad && window.hasShrunkSince(sentAt));
    if (isForLoad && !isUnbudgeted) this.#rest(window, now + retryAfterMs);
    this.#leaveFlight(slot);
    const mayHaveHappened = ERRORS[code].outcome !== 'not-applied';
    if (mayHaveHappened && isWrite(table.opcode[slot]!)) table.isAmbiguous[slot] = 1;
    table.lastCode[slot] = code;
    const failed = {
      code,
      tryCount: table.tryCount[slot]!,
      remainingMs: table.deadline[slot]! - now,
      ageMs: now - table.firstSentAt[slot]!,
      retryAfterMs,
      isAmbiguous: table.isAmbiguous[slot] === 1,
    };
    const delayMs = retryDelayMs(failed, this.#limits, this.#prng);
    if (delayMs < 0 || (!isUnbudgeted && !this.#budget.takes(now))) {
      const message = reason === undefined ? {} : { message: reason };
      this.#failWith(slot, code, { ...message, retryAfterMs });
    } else if (delayMs === 0) {
      this.#requeue.requeue(slot);
    } else {
      table.state[slot] = REQUEST_STATE.resting;
      table.retryAt[slot] = now + delayMs;
      this.#requeue.arm(now + delayMs);
    }
  }

  /** What waits would be refused, too, and cost the budget what those behind it need. */
  #rest(window: SendWindow, untilMs: number): void {
    window.rest(untilMs);
    this.#requeue.arm(untilMs);
  }

  /** An end without another try. */
  fail(slot: number, code: ErrorName, detail?: string): void {
    const message = detail === undefined ? {} : { message: `${ERRORS[code].text}: ${detail}` };
    this.#failWith(slot, code, message);
  }

  /** The deadline has come. */
  expire(slot: number): void {
    const timeoutMs = this.#table.timeoutMs[slot]!;
    if (this.#table.state[slot] === REQUEST_STATE.inFlight)
      this.#windowOf(slot).silent(this.#table.sentAt[slot]!, this.#world.now(), timeoutMs);
    this.#failWith(slot, 'TIMEOUT', { message: `no answer within ${timeoutMs} ms` });
  }

  /** REQUIRES: the slot is in flight. */
  #windowOf(slot: number): SendWindow {
    return this.#counters[this.#table.connection[slot]!]!.window;
  }

  #cancel(slot: number, signal: AbortSignal): void {
    this.#failWith(slot, 'CANCELLED', { cause: signal.reason });
  }

  #failWith(
    slot: number,
    code: ErrorName,
    details: { message?: string; cause?: unknown; retryAfterMs?: number },
  ): void {
    const last = this.#table.lastCode[slot];
    const cause = last === undefined || last === code ? {} : { cause: new ClockwiseError(last) };
    const explanation = this.#table.lastExplanation[slot];
    const told = {
      ...cause,
      ...details,
      ...this.#operationId(slot),
      outcome: this.#outcome(slot),
      ...(explanation === undefined ? {} : { explanation }),
    };
    this.throwTo(slot, new ClockwiseError(code, told));
  }

  #operationId(slot: number): { readonly operationId?: OperationId } {
    const table = this.#table;
    if (!isWrite(table.opcode[slot]!) || table.tryCount[slot] === 0) return {};
    const [sessionLow, sessionHigh] = [table.sessionLow[slot]!, table.sessionHigh[slot]!];
    return { operationId: { sessionLow, sessionHigh, sequence: table.sequence[slot]! } };
  }

  #outcome(slot: number): Outcome {
    const table = this.#table;
    if (!isWrite(table.opcode[slot]!)) return 'not-applied';
    const isOut = table.state[slot] === REQUEST_STATE.inFlight;
    return isOut || table.isAmbiguous[slot] === 1 ? 'unknown' : 'not-applied';
  }

  #end(slot: number): void {
    this.#leaveFlight(slot);
    const signal = this.#table.signal[slot];
    if (signal !== undefined) this.#signals.remove(slot, signal);
    this.#table.free(slot);
  }

  #leaveFlight(slot: number): void {
    const table = this.#table;
    if (table.state[slot] !== REQUEST_STATE.inFlight) return;
    table.state[slot] = REQUEST_STATE.waiting;
    this.#counters[table.connection[slot]!]!.inFlightCount -= 1;
    this.inFlightCount -= 1;
  }
}

function nothing(): void {
  // Never called: a promise's executor runs before anything could.
}
