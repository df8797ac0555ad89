/**
 * Jobs run in the caller's thread, all of a job at once. A disk that crashes within a job crashes whoever
 * is at it.
 */
import type { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import type { Disk } from '@clockwise/storage/disk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { type JobInput, runJob } from '@clockwise/storage/jobs';
import * as zlib from 'node:zlib';

export const CRC = (bytes: Uint8Array, seed: number): number => zlib.crc32(bytes, seed);

/**
 * `early`: run where they are asked for, and their ends told later, how much later by a seed; `late`: run
 * only when their ends are told, so that all may have changed meanwhile; `any-order`: the one or the
 * other, and told in any order, as several threads tell them.
 */
export type JobSchedule = 'early' | 'late' | 'any-order';
export const JOB_SCHEDULES: readonly JobSchedule[] = ['early', 'late', 'any-order'];

export class InlineJobs implements JobRunner {
  readonly #disk: Disk;
  readonly #prng: Prng;
  readonly #schedule: JobSchedule;
  /** Asked for and not told of. */
  readonly #open: (() => JobResult)[] = [];
  #jobCount = 0;
  #mustTell = false;

  constructor(disk: Disk, prng: Prng, schedule: JobSchedule = 'early') {
    this.#disk = disk;
    this.#prng = prng;
    this.#schedule = schedule;
  }

  submit(input: JobInput): number {
    this.#jobCount += 1;
    const job = this.#jobCount;
    const run = (): JobResult => {
      return { job, result: runJob(this.#disk, CRC, input, NODE_BLOCK_CODECS) };
    };
    if (this.#isLate()) {
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
    const count = this.#prng.between(atLeast, this.#open.length);
    return Array.from({ length: count }, () => this.#takeOne()());
  }

  wait(): void {
    if (this.#open.length === 0) throw new Error('no job is under way');
    this.#mustTell = true;
  }

  #takeOne(): () => JobResult {
    const place = this.#schedule === 'any-order' ? this.#prng.below(this.#open.length) : 0;
    return this.#open.splice(place, 1)[0]!;
  }

  #isLate(): boolean {
    return this.#schedule === 'any-order' ? this.#prng.chance(0.5) : this.#schedule === 'late';
  }
}
