/** What the composition root tells the supervisor: which threads there are, and who runs jobs. */
import type { ActorName } from '@clockwise/kernel/effects';
import type { DiskResult } from '@clockwise/storage/disk';
import type { ActorPlace } from '../thread-messages.ts';

/** A thread that hosts actors, and is no shard. */
export interface ActorThreadPlan {
  readonly name: string;
  /** A file that calls runActors. */
  readonly module: URL;
  readonly actors: readonly ActorPlace[];
  /** Plain data for the worker file. */
  readonly data: unknown;
}

/** A replica thread `replica-N`, which hosts the actor of that name, and its log writer `log-N`. */
export interface ShardPlan {
  /** A file that calls runActors: for the replica, or for the replica and its coordinator. */
  readonly module: URL;
  /**
   * The number of the coordinator that lives in this thread too. Its own plan counts once the shard
   * is given up: the node goes on coordinating.
   */
  readonly coordinator?: number;
  /** A file that calls runLogWriter. */
  readonly logModule: URL;
  readonly data: unknown;
  readonly logData: unknown;
}

export interface JobRunner {
  /**
   * Runs one job for an actor; `chunks` is the memory of the shard that asks. A disk's error is a
   * value; a job that throws is broken, and counts as failed with OTHER.
   */
  run(
    actor: ActorName,
    input: unknown,
    chunks: readonly SharedArrayBuffer[],
  ): Promise<DiskResult<unknown>>;
  /** Resolves when every job that the actor has asked for has ended. */
  settle(actor: ActorName): Promise<void>;
}
