/**
 * A thread that runs the jobs of an embedded store, in the order in which they are asked for, while
 * the store's own thread goes on; it may also wait for one of them. Several stores of a process, or one
 * after the other, may share a thread: it takes memory, and what it runs is compiled for it alone.
 *
 *     submit: message with the job ---> thread: runJob ---> message with the result, counter + 1
 *     poll:   takes results without an event loop       wait: sleeps until the counter moves
 *
 * Invariants:
 *   WJ1 a job's result is told once, in the order of the jobs, to the store that asked
 *   WJ2 a job that throws (a broken promise of the store, not of the disk) throws in the owner's thread
 */
import { setPriority } from 'node:os';
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { assert } from '@clockwise/kernel/assert';
import type { DiskResult } from '@clockwise/storage/disk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { type JobInput, type JobOutput, runJob } from '@clockwise/storage/jobs';
import { NODE_BLOCK_CODECS } from '../disk/node-block-codecs.ts';
import { NodeDisk } from '../disk/node-disk.ts';

/** Jobs yield to the thread that serves where processors are short, and still get their share. */
const NICENESS = 5;
/**
 * Jobs keep what is large in buffers, and make small objects that die at once: left to itself the
 * thread's heap would take 40 MB for them, which no budget counts.
 */
const YOUNG_MEBIBYTES = 2;

interface JobThreadData {
  readonly kind: 'job-thread';
}

/** What a thread is told of a store. */
interface Served {
  readonly folder: string;
  readonly port: MessagePort;
  /** Jobs that ended. */
  readonly counter: SharedArrayBuffer;
}

interface Asked {
  readonly job: number;
  readonly input: JobInput;
}

type Told = JobResult | { readonly job: number; readonly thrown: string };

/** Ends with the process, or when it is closed, after the stores that it serves. */
export class JobThread {
  readonly #worker: Worker;

  constructor() {
    const data: JobThreadData = { kind: 'job-thread' };
    this.#worker = new Worker(new URL(import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
    });
    // It ends with its owner; until then it keeps nobody up.
    this.#worker.unref();
  }

  serve(served: Served): void {
    this.#worker.postMessage(served, [served.port]);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

export class WorkerJobs implements JobRunner {
  readonly #ownThread: JobThread | undefined;
  readonly #port: MessagePort;
  readonly #endedCount: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #askedCount = 0;
  #toldCount = 0;

  /** `thread`: one that the caller shares out; without it the store has one of its own. */
  constructor(folder: string, thread?: JobThread) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#port.unref();
    this.#ownThread = thread === undefined ? new JobThread() : undefined;
    const counter = this.#endedCount.buffer as SharedArrayBuffer;
    (thread ?? this.#ownThread!).serve({ folder, port: port2, counter });
  }

  submit(input: JobInput): number {
    this.#askedCount += 1;
    const asked: Asked = { job: this.#askedCount, input };
    this.#port.postMessage(asked, buffersFor(input));
    return this.#askedCount;
  }

  poll(): readonly JobResult[] {
    const endedCount = Atomics.load(this.#endedCount, 0);
    if (endedCount === this.#toldCount) return NOTHING;
    const results: JobResult[] = [];
    while (this.#toldCount !== endedCount) {
      const received = receiveMessageOnPort(this.#port);
      assert(received !== undefined, 'WJ1 a job that ended has told its result');
      const told = received.message as Told;
      this.#toldCount += 1;
      // [WJ2]
      if ('thrown' in told) throw new Error(`job ${told.job}: ${told.thrown}`);
      results.push(told);
    }
    return results;
  }

  wait(): void {
    assert(this.#askedCount > this.#toldCount, 'a job is under way');
    while (Atomics.load(this.#endedCount, 0) === this.#toldCount) {
      Atomics.wait(this.#endedCount, 0, this.#toldCount);
    }
  }

  async close(): Promise<void> {
    this.#port.close();
    await this.#ownThread?.close();
  }
}

const NOTHING: readonly JobResult[] = [];

function serve({ folder, port, counter }: Served): void {
  const disk = new NodeDisk(folder);
  const endedCount = new Int32Array(counter);
  port.on('message', ({ job, input }: Asked) => {
    const told = run(disk, job, input);
    port.postMessage(told, buffersOf(told));
    Atomics.add(endedCount, 0, 1);
    Atomics.notify(endedCount, 0);
  });
}

/** What goes over to the jobs' thread without a copy: indexes and filters of tables that are gone. */
function buffersFor(input: JobInput): ArrayBuffer[] {
  if (input.kind !== 'remove' || input.freed === undefined) return [];
  return input.freed.map(({ buffer }) => buffer as ArrayBuffer);
}

/** What goes over to the owner's thread without a copy: index and filter of a table that was written. */
function buffersOf(told: Told): ArrayBuffer[] {
  if (!('result' in told) || !told.result.ok) return [];
  const { value } = told.result;
  const parts =
    value.kind === 'flush' ? value.parts : value.kind === 'merge' ? value.output.parts : undefined;
  if (parts === undefined) return [];
  return [parts.index.buffer as ArrayBuffer, parts.filter.buffer as ArrayBuffer];
}

function run(disk: NodeDisk, job: number, input: JobInput): Told {
  try {
    const result: DiskResult<JobOutput> = runJob(disk, crc32, input, NODE_BLOCK_CODECS);
    return { job, result };
  } catch (error) {
    // Thrown again where the job was asked for: its owner may be asleep and hears nothing else.
    return { job, thrown: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

const data = workerData as JobThreadData | null;
if (!isMainThread && data?.kind === 'job-thread') {
  // On Linux the call is for this thread alone; elsewhere it would be for the whole process.
  if (process.platform === 'linux') setPriority(0, NICENESS);
  parentPort!.on('message', serve);
}
