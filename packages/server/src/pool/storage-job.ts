/** The pool's one job file: work of a shard's store, on the shard's folder. */
import { setPriority } from 'node:os';
import { crc32 } from 'node:zlib';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import type { DiskResult } from '@clockwise/storage/disk';
import { type JobInput, type JobOutput, runJob } from '@clockwise/storage/jobs';

export interface StorageTask {
  readonly folder: string;
  readonly input: JobInput;
}

/**
 * Flushes yield to requests where processors are short, and still get their share: a node that never
 * flushes would refuse writes in the end. On Linux the call is for this thread alone; elsewhere it
 * would be for the whole process, so it is left.
 */
const NICENESS = 5;
if (process.platform === 'linux') setPriority(0, NICENESS);

export default function storageJob({ folder, input }: StorageTask): DiskResult<JobOutput> {
  return runJob(new NodeDisk(folder), crc32, input, NODE_BLOCK_CODECS);
}
