/**
 * Jobs run in the caller's thread, all of a job at once: where it is asked for, and its end is told later,
 * how much later by a seed; or only when its end is told, so that all may have changed meanwhile. A disk
 * that crashes within a job crashes whoever is at it.
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
  readonly #runsLate: boolean;
  /** Asked for and not told of. */
  readonly #open: (() => JobResult)[] = [];
  #jobCount = 0;
  #mustTell = false;

  constructor(disk: Disk, prng: Prng, runsLate = false) {
    this.#disk = disk;
    this.#prng = prng;
    this.#runsLate = runsLate;
  }

  submit(input: JobInput): number {
    this.#jobCount += 1;
    const job = this.#jobCount;
    const run = (): JobResult => {
      return { job, result: runJob(this.#disk, CRC, input, NODE_BLOCK_CODECS) };
    };
    if (this.#runsLate) {
      this.#open.push(run);
    } else {
      const result = run();
      this.#open.push(() => result);
    }
    return job;
  }

  poll(): readonly JobResult[] {
    const atLeast = this.#mustTell ? 1 : 0;
    this.#mustTell = false;
    const told = this.#open.splice(0, this.#prng.between(atLeast, this.#open.length));
    return told.map((run) => run());
  }

  wait(): void {
    if (this.#open.length === 0) throw new Error('no job is under way');
    this.#mustTell = true;
  }
}
