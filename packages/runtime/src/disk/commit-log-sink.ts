/**
 * CommitLogSink: the log writer's groups, written by the store's CommitLogWriter to a real disk.
 *
 * data plane
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Checksum } from '@clockwise/storage/checksum';
import type { DiskResult } from '@clockwise/storage/disk';
import { CommitLogWriter } from '@clockwise/storage/log-writer';
import type { LogRange, LogStart } from '@clockwise/storage/log-writer';
import type { LogRanges, LogSink } from './group-commit.ts';
import { NodeDisk } from './node-disk.ts';
import { PatientDisk } from './patient-disk.ts';
import { SyncAheadDisk } from './sync-ahead-disk.ts';
import { SyncThread } from './sync-thread.ts';

export interface CommitLogSinkOptions {
  readonly directory: string;
  readonly checksum: Checksum;
  readonly start: LogStart;
  readonly limits: Limits;
  readonly chunks: readonly SharedArrayBuffer[];
}

/** Written bytes after which another thread begins to sync them. */
const SYNC_AHEAD_BYTES = 8 * 1024 * 1024;
/** For the next segment's descriptor: less than what a log writer may be silent (`logHungAfterMs`). */
const DESCRIPTOR_WAIT_MS_MAX = 5000;
/** Recycled segments that are kept. */
const SPARES_MAX = 2;

export class CommitLogSink implements LogSink {
  readonly #writer: CommitLogWriter;
  readonly #chunks: readonly SharedArrayBuffer[];

  /** Throws when the log cannot be opened: the shard then starts anew, or is given up. */
  constructor(options: CommitLogSinkOptions) {
    this.#chunks = options.chunks;
    const disk = new PatientDisk({
      disk: new NodeDisk(options.directory),
      waitMsMax: DESCRIPTOR_WAIT_MS_MAX,
    });
    this.#writer = new CommitLogWriter({
      disk: new SyncAheadDisk(disk, new SyncThread(), SYNC_AHEAD_BYTES),
      checksum: options.checksum,
      start: options.start,
      segmentBytes: options.limits.logSegmentBytes,
      groupBytesMax: options.limits.logGroupBytesMax,
      sparesMax: SPARES_MAX,
    });
    const opened = this.#writer.open();
    if (!opened.ok) throw new Error(`the log does not open: ${opened.code}, ${opened.detail}`);
  }

  write(ranges: LogRanges, lastSequence: number): DiskFailure | undefined {
    const list: LogRange[] = [];
    for (let index = 0; index < ranges.count; index += 1) {
      const buffer = this.#chunks[ranges.chunks[index]!];
      assert(buffer !== undefined, 'a range lies in a chunk of this shard');
      list.push({ buffer, fromWord: ranges.froms[index]!, toWord: ranges.tos[index]! });
    }
    const writer = this.#writer;
    return failureOf(writer.write(list, writer.writtenSequence + 1, lastSequence));
  }

  sync(): DiskFailure | undefined {
    return failureOf(this.#writer.sync());
  }

  floor(sequence: number): DiskFailure | undefined {
    return failureOf(this.#writer.release(sequence));
  }

  close(): DiskFailure | undefined {
    return failureOf(this.#writer.close());
  }

  reserveUsed(): number {
    return this.#writer.reserveUsed;
  }
}

function failureOf(result: DiskResult<null>): DiskFailure | undefined {
  return result.ok ? undefined : result.code;
}
