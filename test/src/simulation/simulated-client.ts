/**
 * A client in the simulator: the real frames over simulated connections, one operation at a time, with
 * retries under the same operation id at other nodes until its patience ends. What it did and saw goes
 * to the history.
 */
import { assert } from '@clockwise/kernel/assert';
import { ERRORS, errorName, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { RESPONSE_HEADER_WORDS } from '@clockwise/protocol/frame';
import { makeRequestFields, type RequestFields } from '@clockwise/protocol/request-writer';
import {
  responseContextWords,
  responseHybridHigh,
  responseHybridLow,
  readSiblings,
  responseItemCount,
  responseRequestId,
  responseStatus,
  responseWordCount,
} from '@clockwise/protocol/response-reader';
import { WordArena } from '@clockwise/simulator/word-arena';
import {
  entryOf,
  isSloppy,
  mannerOf,
  type OperationResult,
  writeRequest,
} from './client-requests.ts';
import {
  ClientConnection,
  type ClientConnectionOptions,
  type ConnectionPace,
} from './client-connection.ts';
import { SESSION_HIGH, textOf } from './client-identity.ts';
import { type HistoryEntry, type KeyName, nameOfKey } from '../checkers/history.ts';
import type { HybridTime } from '../checkers/causal-ledger-dots.ts';
import type { AnswerBody, AnswerManner, BegunWrite } from './run-witness.ts';
import type { PlannedTime } from './run-plan.ts';
import { type PlannedOperation, type Seen, type Workload } from '../workloads/workload.ts';

export interface ClientPace extends ConnectionPace {
  /** Milliseconds until an operation is given up. */
  readonly patienceMs: number;
  /** Mean milliseconds between two operations. */
  readonly thinkMeanMs: number;
}

/** Told of each write when it begins, and of each answer that says what a context covers. */
export interface ClientWitness {
  asked(write: BegunWrite): void;
  answeredGet(who: string, key: KeyName, body: AnswerBody): void;
  answeredWrite(
    client: number,
    operation: number,
    key: KeyName,
    body: AnswerBody,
    manner: AnswerManner,
  ): void;
}

export interface SimulatedClientOptions extends ClientConnectionOptions {
  readonly pace: ClientPace;
  readonly workload: Workload | undefined;
  /** Undefined: one operation after the other. Else these only, in this order, none before its time. */
  readonly times: readonly PlannedTime[] | undefined;
  readonly history: HistoryEntry[];
  readonly witness: ClientWitness;
  /** False where the network doubles requests: of two copies one may be refused and one applied. */
  readonly trustsRefusals: boolean;
}

interface Pending {
  readonly operation: number;
  readonly planned: PlannedOperation;
  readonly key: KeyName & { readonly keyName: string };
  readonly invokedAt: number;
  readonly done: (result: OperationResult) => void;
  /** The hybrid time that the session had seen when it began. */
  readonly seen: HybridTime;
  /** By request id, of all attempts: whether it is certain that nothing came of it. */
  readonly attempts: Map<number, 'open' | 'refused'>;
  /** The first of the tries that may have happened. */
  firstSentAt: number;
  lastStatus: number;
  isOver: boolean;
  givenUpAt: number;
  /** Of the attempt begun last. */
  attemptOverAt: number;
}

const NO_WORDS = new Int32Array(0);

export class SimulatedClient {
  /** Operations that ended as they should: done, or refused for good. */
  progressCount = 0;
  readonly #options: SimulatedClientOptions;
  readonly #seen: Map<string, Seen> = new Map();
  /** The highest hybrid time of any answer. */
  #seenTime: HybridTime = { low: 0, high: 0 };
  readonly #written: Map<string, Int32Array> = new Map();
  readonly #fields: RequestFields = makeRequestFields();
  readonly #connection: ClientConnection;
  /** Of what was answered, which is kept. */
  readonly #arena: WordArena = new WordArena();
  #operation = 0;
  /** Of `times`. */
  #timesTaken = 0;
  #requestId = 0;
  #pending: Pending | undefined;
  #isStopped = false;
  /** When the alarm goes off; Infinity: there is none. */
  #armedFor = Infinity;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
    this.#fields.sessionLow = options.client + 1;
    this.#fields.sessionHigh = SESSION_HIGH;
    this.#connection = new ClientConnection(options, this.#fields, {
      waiting: () => this.#pending,
      opened: () => {
        if (this.#pending !== undefined) this.#attempt(this.#pending);
      },
      lost: () => {
        if (this.#pending !== undefined) this.#retryLater(this.#pending);
      },
      takeResponse: (frame, offset) => this.#takeResponse(frame, offset),
    });
  }

  get site(): string {
    return this.#connection.site;
  }

  get isIdle(): boolean {
    return this.#pending === undefined;
  }

  /** Talks to this node only, from now on. */
  pin(node: number): void {
    this.#connection.pin(node);
  }

  /** Runs its workload until `stop`. */
  start(): void {
    const { simulation, prng, pace } = this.#options;
    simulation.after(prng.exponential(pace.thinkMeanMs), () => this.#next());
  }

  /** Finishes what is under way and begins nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  perform(planned: PlannedOperation, done: (result: OperationResult) => void): void {
    assert(this.#pending === undefined, 'a client does one thing at a time');
    const { simulation, pace } = this.#options;
    const pending: Pending = {
      operation: this.#operation,
      planned,
      key: { bucketId: planned.bucketId, key: planned.key, keyName: nameOfKey(planned) },
      invokedAt: simulation.now,
      done,
      seen: this.#seenTime,
      attempts: new Map(),
      firstSentAt: simulation.now,
      lastStatus: ERRORS.UNAVAILABLE.code,
      isOver: false,
      givenUpAt: Infinity,
      attemptOverAt: Infinity,
    };
    this.#operation += 1;
    this.#pending = pending;
    if (planned.kind !== 'get') {
      const context = planned.context.kind === 'given' ? planned.context.words : undefined;
      const { client, witness } = this.#options;
      const { operation, key, seen } = pending;
      witness.asked({ client, operation, key, context, seen });
    }
    pending.givenUpAt = simulation.now + pace.patienceMs;
    this.#attempt(pending);
    this.#arm(pending.givenUpAt);
  }

  #next(): void {
    if (this.#isStopped || this.#pending !== undefined) return;
    const { times, simulation } = this.#options;
    if (times === undefined) {
      this.#performPlanned();
      return;
    }
    const next = times[this.#timesTaken];
    if (next === undefined) return;
    this.#timesTaken += 1;
    // What is left out is planned all the same, so that the others are as they were.
    while (this.#operation < next.operation) {
      this.#plan();
      this.#operation += 1;
    }
    simulation.at(Math.max(next.at, simulation.now), () => {
      if (!this.#isStopped) this.#performPlanned();
    });
  }

  #performPlanned(): void {
    const planned = this.#plan();
    if (planned !== undefined) this.perform(planned, () => this.start());
  }

  #plan(): PlannedOperation | undefined {
    const { workload, prng, client } = this.#options;
    return workload?.plan({
      seen: this.#seen,
      written: this.#written,
      client,
      operation: this.#operation,
      prng,
    });
  }

  #attempt(pending: Pending): void {
    if (pending.isOver) return;
    if (!this.#connection.isOpen) {
      this.#connection.dial();
      return;
    }
    const { simulation, pace } = this.#options;
    this.#requestId += 1;
    const requestId = this.#requestId;
    const isRetry = this.#mayHaveHappened(pending);
    pending.attempts.set(requestId, 'open');
    this.#send(pending, requestId, isRetry);
    pending.attemptOverAt = simulation.now + pace.attemptMs;
    this.#arm(pending.attemptOverAt);
  }

  #mayHaveHappened({ attempts, planned }: Pending): boolean {
    if (planned.isRepeated === true) return true;
    if (!this.#options.trustsRefusals) return attempts.size > 0;
    return [...attempts.values()].includes('open');
  }

  /** One alarm for all operations: nearly all of them end long before it. */
  #arm(due: number): void {
    if (due >= this.#armedFor) return;
    this.#armedFor = due;
    this.#options.simulation.at(due, () => {
      if (this.#armedFor !== due) return;
      this.#armedFor = Infinity;
      const pending = this.#pending;
      if (pending !== undefined) this.#alarmed(pending);
    });
  }

  #alarmed(pending: Pending): void {
    const { now } = this.#options.simulation;
    if (pending.givenUpAt <= now) {
      this.#giveUp(pending);
      return;
    }
    if (pending.attemptOverAt <= now) {
      pending.attemptOverAt = Infinity;
      this.#connection.drop();
      this.#attempt(pending);
    }
    if (!pending.isOver) this.#arm(Math.min(pending.givenUpAt, pending.attemptOverAt));
  }

  #send(pending: Pending, requestId: number, isRetry: boolean): void {
    const fields = this.#fields;
    const { simulation } = this.#options;
    fields.requestId = requestId;
    fields.sequence = pending.operation;
    fields.seenLow = pending.seen.low;
    fields.seenHigh = pending.seen.high;
    if (!isRetry) pending.firstSentAt = simulation.now;
    fields.ageMs = isRetry ? Math.ceil(simulation.now - pending.firstSentAt) : 0;
    const { writer } = this.#connection;
    writer.remainingMs = Math.ceil(this.#options.pace.attemptMs);
    writeRequest(writer, fields, pending.planned, isRetry);
    writer.flush();
  }

  #takeResponse(frame: Int32Array, offset: number): void {
    const pending = this.#pending;
    const requestId = responseRequestId(frame, offset);
    if (pending === undefined || !pending.attempts.has(requestId)) return;
    const status = responseStatus(frame, offset);
    if (status === STATUS_OK || status === STATUS_NOT_FOUND) {
      const isWrite = pending.planned.kind !== 'get';
      const end = offset + responseWordCount(frame, offset);
      const words = this.#arena.copy(frame, offset + RESPONSE_HEADER_WORDS, end);
      const contextWords = responseContextWords(frame, offset);
      const context = words.subarray(0, contextWords);
      const body: AnswerBody = {
        words,
        contextWords,
        siblingCount: isWrite ? 0 : responseItemCount(frame, offset),
      };
      const { witness, client } = this.#options;
      const { key, operation } = pending;
      this.#sawTime(responseHybridLow(frame, offset), responseHybridHigh(frame, offset));
      if (isWrite) {
        const { level } = pending.planned;
        witness.answeredWrite(client, operation, key, body, mannerOf(frame, offset, level));
      } else witness.answeredGet(this.site, key, body);
      this.#finish(pending, {
        status,
        outcome: 'ok',
        context,
        values: isWrite ? [] : readSiblings(frame, offset).map((sibling) => textOf(sibling.bytes)),
        body: words,
        isSloppy: isSloppy(frame, offset),
      });
      return;
    }
    const definition = ERRORS[errorName(status)!];
    pending.lastStatus = status;
    if (definition.outcome === 'not-applied') pending.attempts.set(requestId, 'refused');
    if (definition.retryable) this.#retryLater(pending);
    else this.#giveUp(pending);
  }

  #sawTime(low: number, high: number): void {
    const seen = this.#seenTime;
    const isLater = high === seen.high ? low >>> 0 > seen.low >>> 0 : high >>> 0 > seen.high >>> 0;
    if (isLater) this.#seenTime = { low, high };
  }

  #retryLater(pending: Pending): void {
    const { simulation, prng, pace } = this.#options;
    const requestId = this.#requestId;
    if (prng.chance(0.3)) this.#connection.moveOn();
    simulation.after(prng.exponential(pace.backoffMeanMs), () => {
      if (!pending.isOver && this.#requestId === requestId) this.#attempt(pending);
    });
  }

  #giveUp(pending: Pending): void {
    if (pending.isOver) return;
    const areRefused = [...pending.attempts.values()].every((state) => state === 'refused');
    this.#finish(pending, {
      status: pending.lastStatus,
      outcome: areRefused && this.#options.trustsRefusals ? 'not-applied' : 'unknown',
      context: NO_WORDS,
      values: [],
      body: NO_WORDS,
      isSloppy: false,
    });
  }

  #finish(pending: Pending, result: OperationResult): void {
    pending.isOver = true;
    this.#pending = undefined;
    const { client, history, simulation } = this.#options;
    history.push(entryOf({ client, ...pending, result, now: simulation.now }));
    if (result.outcome === 'ok' || !isRetryable(pending.lastStatus)) this.progressCount += 1;
    const { planned } = pending;
    if (result.outcome === 'ok') {
      const values = planned.kind === 'put' ? [planned.value] : result.values;
      const name = pending.key.keyName;
      this.#seen.set(name, { context: result.context, values });
      if (planned.kind === 'put') this.#written.set(name, result.context);
    }
    pending.done(result);
  }
}

function isRetryable(status: number): boolean {
  const name = errorName(status);
  return name !== undefined && ERRORS[name].retryable;
}
