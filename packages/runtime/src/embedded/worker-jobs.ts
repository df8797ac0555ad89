/**
 * Threads that run the jobs of an embedded store while the store's own thread goes on; it may also wait
 * for one of them. One is for flushes, for which a writer waits whose memory is full, one for merges and
 * all else; editions go to whichever has less to do. Several stores of a process, or one after the
 * other, may share the threads, which take memory, and what they run is compiled for each alone; and
 * one thread may be both.
 *
 *     submit: message with the job ---> thread: runJob ---> message with the result, counters + 1
 *     poll:   takes results without an event loop       wait: sleeps until a counter moves
 *
 * Invariants:
 *   WJ1 a job's result is told once, to the store that asked; those of one thread in the order of the
 *       jobs, those of two in any
 *   WJ2 a job that throws (a broken promise of the store, not of the disk) throws in the owner's thread
 *   WJ3 a flush waits for no merge, nor for any other job but editions
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

/** Merges yield to the thread that serves where processors are short, and still get their share. */
const NICENESS = 5;
/** Who serves waits for flushes where memory is full: they yield to nobody. */
const FLUSH_NICENESS = 0;
/**
 * Jobs keep what is large in buffers, and make small objects that die at once: left to itself the
 * thread's heap would take 40 MB for them, which no budget counts.
 */
const YOUNG_MEBIBYTES = 2;

interface JobThreadData {
  readonly kind: 'job-thread';
  readonly niceness: number;
}

/** What a thread is told of a store. */
interface Served {
  readonly folder: string;
  readonly port: MessagePort;
  /** [WAKE, jobs that ended of each lane]. */
  readonly counters: SharedArrayBuffer;
  readonly lane: number;
}

interface Asked {
  readonly job: number;
  readonly input: JobInput;
}

type Told = JobResult | { readonly job: number; readonly thrown: string };

/** Of the counters: moves with each of the others. */
const WAKE = 0;

/** Threads that the caller shares out; the same twice: all jobs run in the order in which they come. */
export interface JobThreads {
  readonly flushes: JobThread;
  readonly others: JobThread;
}

export function newJobThreads(): JobThreads {
  return { flushes: new JobThread(FLUSH_NICENESS), others: new JobThread() };
}

/** Jobs of one store that one thread runs, one after the other. */
interface Lane {
  readonly port: MessagePort;
  askedCount: number;
  toldCount: number;
}

/** Ends with the process, or when it is closed, after the stores that it serves. */
export class JobThread {
  readonly #worker: Worker;

  constructor(niceness: number = NICENESS) {
    const data: JobThreadData = { kind: 'job-thread', niceness };
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
  readonly #ownThreads: JobThreads | undefined;
  readonly #counters: Int32Array = new Int32Array(new SharedArrayBuffer(3 * 4));
  /** Of each thread one: two, or one that is both. */
  readonly #lanes: readonly Lane[];
  readonly #flushes: Lane;
  readonly #others: Lane;
  #askedCount = 0;

  /** Without `threads` the store has two of its own. */
  constructor(folder: string, threads?: JobThreads) {
    this.#ownThreads = threads === undefined ? newJobThreads() : undefined;
    const { flushes, others } = threads ?? this.#ownThreads!;
    const counters = this.#counters.buffer as SharedArrayBuffer;
    this.#lanes = [...new Set([flushes, others])].map((thread, lane) => {
      const { port1, port2 } = new MessageChannel();
      port1.unref();
      thread.serve({ folder, port: port2, counters, lane });
      return { port: port1, askedCount: 0, toldCount: 0 };
    });
    this.#flushes = this.#lanes[0]!;
    this.#others = this.#lanes.at(-1)!;
  }

  submit(input: JobInput): number {
    this.#askedCount += 1;
    const asked: Asked = { job: this.#askedCount, input };
    const lane = this.#laneFor(input);
    lane.askedCount += 1;
    lane.port.postMessage(asked, buffersFor(input));
    return this.#askedCount;
  }

  poll(): readonly JobResult[] {
    if (!this.#hasEnded()) return NOTHING;
    const results: JobResult[] = [];
    for (const [number, lane] of this.#lanes.entries()) {
      const endedCount = Atomics.load(this.#counters, WAKE + 1 + number);
      while (lane.toldCount !== endedCount) {
        const received = receiveMessageOnPort(lane.port);
        assert(received !== undefined, 'WJ1 a job that ended has told its result');
        const told = received.message as Told;
        lane.toldCount += 1;
        // [WJ2]
        if ('thrown' in told) throw new Error(`job ${told.job}: ${told.thrown}`);
        results.push(told);
      }
    }
    return results;
  }

  wait(): void {
    assert(
      this.#lanes.some((lane) => openCount(lane) > 0),
      'a job is under way',
    );
    for (;;) {
      // Before the others are looked at: who moves one of them later moves this one later still.
      const wake = Atomics.load(this.#counters, WAKE);
      if (this.#hasEnded()) return;
      Atomics.wait(this.#counters, WAKE, wake);
    }
  }

  async close(): Promise<void> {
    for (const { port } of this.#lanes) port.close();
    await Promise.all([this.#ownThreads?.flushes.close(), this.#ownThreads?.others.close()]);
  }

  /** [WJ3] */
  #laneFor({ kind }: JobInput): Lane {
    const flushes = this.#flushes;
    const others = this.#others;
    if (kind === 'flush') return flushes;
    return kind === 'manifest' && openCount(flushes) <= openCount(others) ? flushes : others;
  }

  #hasEnded(): boolean {
    const lanes = this.#lanes;
    for (let lane = 0; lane < lanes.length; lane += 1) {
      if (Atomics.load(this.#counters, WAKE + 1 + lane) !== lanes[lane]!.toldCount) return true;
    }
    return false;
  }
}

function openCount({ askedCount, toldCount }: Lane): number {
  return askedCount - toldCount;
}

const NOTHING: readonly JobResult[] = [];

function serve({ folder, port, counters, lane }: Served): void {
  const disk = new NodeDisk(folder);
  const words = new Int32Array(counters);
  port.on('message', ({ job, input }: Asked) => {
    const told = run(disk, job, input);
    port.postMessage(told, buffersOf(told));
    Atomics.add(words, WAKE + 1 + lane, 1);
    Atomics.add(words, WAKE, 1);
    Atomics.notify(words, WAKE);
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
  if (process.platform === 'linux') setPriority(0, data.niceness);
  parentPort!.on('message', serve);
}
