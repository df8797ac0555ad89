/** The pool's one job file: work of a shard's store, on the shard's folder. */
import { crc32 } from 'node:zlib';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import type { DiskResult } from '@clockwise/storage/disk';
import { type JobInput, type JobOutput, runJob } from '@clockwise/storage/jobs';

export interface StorageTask {
  readonly folder: string;
  readonly input: JobInput;
}

export default function storageJob({ folder, input }: StorageTask): DiskResult<JobOutput> {
  return runJob(new NodeDisk(folder), crc32, input);
}
