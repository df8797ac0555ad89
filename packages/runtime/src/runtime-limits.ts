/**
 * The runtime's own bounds: rings, queues, threads and their times. What cores must know as well is
 * in kernel/limits.
 */

export interface RuntimeLimits {
  /** Frames that one step is given; the rest waits for the next turn of the loop. */
  readonly framesPerStepMax: number;
  /** Frames of sockets with which a step begins at once; the reason is the next one's. */
  readonly stepFramesTarget: number;
  /**
   * Words of frames, from rings and from sockets each, with which a step begins at once. Smaller steps
   * let the threads of a node work on different parts of a burst at the same time; each costs a
   * publication, and a wake-up where the other side sleeps (docs/internals/runtime.md).
   */
  readonly stepWordsTarget: number;
  /** Events that may wait for one actor. More is a broken actor: it dies. */
  readonly eventsQueuedMax: number;
  /** Words that messages of sockets may take in one step; at least one frame of the greatest size. */
  readonly inboxWords: number;
  /** Words of a ring from a coordinator to a shard, of a ring of replies, of the ring to the log. */
  readonly requestRingWords: number;
  readonly replyRingWords: number;
  readonly logRingWords: number;
  /** Milliseconds between two liveness ticks of a thread. */
  readonly tickMs: number;
  /** Milliseconds between two heartbeats, and after which a silent thread is ended. */
  readonly heartbeatMs: number;
  readonly hungAfterMs: number;
  /** The same for a log writer, which cannot answer while a sync of a slow disk lasts. */
  readonly logHungAfterMs: number;
  /** Milliseconds that a worker may take to its 'ready': recovery of a store is in it. */
  readonly startTimeoutMs: number;
  /** Milliseconds that an orderly stop may take. */
  readonly stopTimeoutMs: number;
  /** Milliseconds between pings of a connection; twice as long without a word ends it. */
  readonly pingMs: number;
  /** Milliseconds that a connection may stay above the low mark before it is closed with 1013. */
  readonly slowConsumerMs: number;
  /** Files that one actor keeps open for reads. */
  readonly openFilesMax: number;
  /** Milliseconds after which an open file that nobody read is closed. */
  readonly openFileIdleMs: number;
  /** Megabytes of a worker's heap, shared memory apart: a leak ends the worker, not the process. */
  readonly heapMegabytesMax: number;
  /** Jobs that wait for the pool. */
  readonly jobsQueuedMax: number;
}

export const DEFAULT_RUNTIME_LIMITS: RuntimeLimits = {
  framesPerStepMax: 256,
  stepFramesTarget: 32,
  stepWordsTarget: 2048,
  eventsQueuedMax: 65_536,
  inboxWords: 2 * 1024 * 1024,
  requestRingWords: 1024 * 1024,
  replyRingWords: 512 * 1024,
  logRingWords: 64 * 1024,
  tickMs: 1000,
  heartbeatMs: 1000,
  hungAfterMs: 3000,
  logHungAfterMs: 10_000,
  startTimeoutMs: 120_000,
  stopTimeoutMs: 5000,
  pingMs: 30_000,
  slowConsumerMs: 10_000,
  openFilesMax: 256,
  openFileIdleMs: 60_000,
  heapMegabytesMax: 1024,
  jobsQueuedMax: 1024,
};

/**
 * Where a coordinator and a replica share a thread, smaller steps give nobody anything to do meanwhile
 * but the log writer: what is left is the cost of a step (decision 0008).
 */
export const SHARED_THREAD_LIMITS: Partial<RuntimeLimits> = {
  stepWordsTarget: 16_384,
  stepFramesTarget: 256,
};
