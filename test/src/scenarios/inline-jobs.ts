/**
 * Jobs run where they are asked for, in the caller's thread: all of a job happens at once, and its end
 * is told later, how much later by a seed. A disk that crashes within a job crashes whoever asked.
 */
import type { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import type { Disk } from '@clockwise/storage/disk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { type JobInput, runJob } from '@clockwise/storage/jobs';
import * as zlib from 'node:zlib';

export const CRC = (bytes: Uint8Array, seed: number): number => zlib.crc32(bytes, seed);

export class InlineJobs implements JobRunner {
  readonly #disk: Disk;
  readonly #prng: Prng;
  readonly #ended: JobResult[] = [];
  #jobCount = 0;
  #mustTell = false;
  /** Jobs run, by kind. */
  readonly counts: Record<string, number> = {};

  constructor(disk: Disk, prng: Prng) {
    this.#disk = disk;
    this.#prng = prng;
  }

  submit(job: JobInput): number {
    this.#jobCount += 1;
    this.counts[job.kind] = (this.counts[job.kind] ?? 0) + 1;
    this.#ended.push({
      job: this.#jobCount,
      result: runJob(this.#disk, CRC, job, NODE_BLOCK_CODECS),
    });
    return this.#jobCount;
  }

  poll(): readonly JobResult[] {
    const atLeast = this.#mustTell ? 1 : 0;
    this.#mustTell = false;
    return this.#ended.splice(0, this.#prng.between(atLeast, this.#ended.length));
  }

  wait(): void {
    if (this.#ended.length === 0) throw new Error('no job is under way');
    this.#mustTell = true;
  }
}
