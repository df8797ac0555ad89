/**
 * The body of a log writer's thread: server/workers/log-writer.ts calls `runLogWriter` with a
 * function that opens its LogSink (the store's CommitLogWriter over a real disk). The thread has no
 * event loop to speak of: it blocks on its doorbell.
 *
 * Invariants:
 *   LT1 mail that was sent before a ring's name appears in a descriptor is read before it is needed
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { unreachable } from '@clockwise/kernel/assert';
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

export interface LogContext<Data> {
  readonly name: string;
  readonly data: Data;
  readonly limits: Limits;
  readonly chunks: readonly Int32Array[];
}

/** Blocks until the supervisor says stop, the replica's ring is closed, or the log fails. */
export function runLogWriter<Data>(open: (context: LogContext<Data>) => LogSink): void {
  const setup = workerData as LogThreadSetup;
  const mailCount = new Int32Array(setup.mailCount);
  const pulse = new Pulse(setup.heartbeat);
  let mailRead = 0;
  let stopping = false;
  const readMail = (): void => {
    mailRead = Atomics.load(mailCount, 0);
    for (;;) {
      const received = receiveMessageOnPort(setup.mail);
      if (received === undefined) return;
      if (takeMail(lanes, received.message as LogMail) === 'stop') stopping = true;
    }
  };
  const lanes = new DurableLanes(readMail);
  const consumer = new RingConsumer(setup.ring);
  const chunks = setup.chunks.map((buffer) => new Int32Array(buffer));
  const sink = open({
    name: setup.name,
    data: setup.data as Data,
    limits: setup.limits,
    chunks,
  });
  const commit = new GroupCommit({
    consumer,
    sink,
    status: new LogStatusWriter(setup.status),
    lanes,
    now: () => performance.now(),
    groupBytesMax: setup.limits.logGroupBytesMax,
    intervalMs: setup.limits.logIntervalMs,
  });
  const replicaDoorbell = new Doorbell(setup.ring.producerDoorbell);
  let failureTold = false;
  for (;;) {
    pulse.answer();
    if (Atomics.load(mailCount, 0) !== mailRead) readMail();
    const sleepMs = commit.run();
    if (commit.state === 'failed' && !failureTold) {
      failureTold = true;
      replicaDoorbell.ring();
    }
    if (commit.state === 'closed') break;
    if (sleepMs === 0) continue;
    if (stopping) break;
    consumer.waitBlocking(sleepMs);
  }
  commit.finish();
}

function takeMail(lanes: DurableLanes, mail: LogMail): 'stop' | 'go-on' {
  switch (mail.kind) {
    case 'lane':
      lanes.attach(mail.target, mail.ring);
      return 'go-on';
    case 'fail':
      failOnPurpose(mail.mode);
      return 'go-on';
    case 'stop':
      return 'stop';
    default:
      return unreachable(mail);
  }
}
