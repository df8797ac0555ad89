/**
 * The body of a log writer's thread: server/workers/log-writer.ts calls `runLogWriter` with a
 * function that opens its LogSink (CommitLogSink). The thread has no event loop to speak of: it
 * blocks on its doorbell.
 *
 * Invariants:
 *   LT1 mail that was sent before a descriptor that needs it is read before it is needed
 *   LT2 nothing is written before the replica has opened its store
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import { Doorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { LogStatusWriter } from '../channel/log-status.ts';
import { DurableLanes } from '../disk/durable-lanes.ts';
import { GroupCommit } from '../disk/group-commit.ts';
import type { LogSink } from '../disk/group-commit.ts';
import { Pulse } from '../supervisor/heartbeat.ts';
import type { LogMail, LogThreadSetup } from '../thread-messages.ts';
import { failOnPurpose } from './fail-on-purpose.ts';

export interface LogContext<Data, Start> {
  readonly name: string;
  readonly data: Data;
  /** What the replica's Hosting named `logStart`. */
  readonly start: Start;
  readonly limits: Limits;
  readonly chunks: readonly SharedArrayBuffer[];
}

/** Milliseconds between two answers to heartbeats while the replica opens its store. */
const OPENING_WAIT_MS = 500;

/** Blocks until the supervisor says stop, or the replica's ring is closed. */
export function runLogWriter<Data, Start>(
  open: (context: LogContext<Data, Start>) => LogSink,
): void {
  const setup = workerData as LogThreadSetup;
  const pulse = new Pulse(setup.heartbeat);
  const mailbox = new Mailbox(setup);
  mailbox.waitForStart(pulse);
  if (mailbox.stopping) return;
  const { name, limits, chunks } = setup;
  const sink = open({
    name,
    limits,
    chunks,
    data: setup.data as Data,
    start: mailbox.start as Start,
  });
  const consumer = new RingConsumer(setup.ring);
  const commit = new GroupCommit({
    consumer,
    sink,
    status: new LogStatusWriter(setup.status),
    lanes: mailbox.lanes,
    now: () => performance.now(),
    groupBytesMax: limits.logGroupBytesMax,
    intervalMs: limits.logIntervalMs,
  });
  loop({ commit, consumer, mailbox, pulse, replica: new Doorbell(setup.ring.producerDoorbell) });
  commit.finish();
}

interface Parts {
  readonly commit: GroupCommit;
  readonly consumer: RingConsumer;
  readonly mailbox: Mailbox;
  readonly pulse: Pulse;
  /** Rung when the log has failed or used its reserve: the replica then looks at the log's status. */
  readonly replica: Doorbell;
}

function loop({ commit, consumer, mailbox, pulse, replica }: Parts): void {
  let failureTold = false;
  let reserveTold = 0;
  for (;;) {
    pulse.answer();
    mailbox.look();
    const sleepMs = commit.run();
    if (commit.state === 'failed' && !failureTold) {
      failureTold = true;
      replica.ring();
    }
    if (commit.reserveUsed !== reserveTold) {
      reserveTold = commit.reserveUsed;
      replica.ring();
    }
    if (commit.state === 'closed') return;
    if (sleepMs === 0) continue;
    if (mailbox.stopping) return;
    consumer.waitBlocking(sleepMs);
  }
}

/** Mail is read without an event loop: a shared count says when there is some. */
class Mailbox {
  readonly lanes: DurableLanes = new DurableLanes(() => this.#read());
  stopping = false;
  start: unknown = undefined;
  #opened = false;
  readonly #setup: LogThreadSetup;
  readonly #count: Int32Array;
  #seen = 0;

  constructor(setup: LogThreadSetup) {
    this.#setup = setup;
    this.#count = new Int32Array(setup.mailCount);
  }

  waitForStart(pulse: Pulse): void {
    while (!this.#opened && !this.stopping) {
      pulse.answer();
      Atomics.wait(this.#count, 0, this.#seen, OPENING_WAIT_MS);
      this.look();
    }
  }

  look(): void {
    if (Atomics.load(this.#count, 0) !== this.#seen) this.#read();
  }

  #read(): void {
    this.#seen = Atomics.load(this.#count, 0);
    for (;;) {
      const received = receiveMessageOnPort(this.#setup.mail);
      if (received === undefined) return;
      this.#take(received.message as LogMail);
    }
  }

  #take(mail: LogMail): void {
    switch (mail.kind) {
      case 'open':
        assert(!this.#opened, 'a log is opened once');
        this.#opened = true;
        this.start = mail.start;
        return;
      case 'lane':
        this.lanes.attach(mail.target, mail.ring);
        return;
      case 'fail':
        failOnPurpose(mail.mode);
        return;
      case 'stop':
        this.stopping = true;
        return;
      default:
        unreachable(mail);
    }
  }
}
