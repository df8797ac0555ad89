/** An embedded store's jobs in a thread of their own, on a real folder. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobResult } from '@clockwise/storage/job-runner';
import type { JobInput } from '@clockwise/storage/jobs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobThread, WorkerJobs } from './worker-jobs.ts';

async function withJobs(run: (jobs: WorkerJobs, folder: string) => void): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-jobs-'));
  const jobs = new WorkerJobs(folder);
  try {
    run(jobs, folder);
  } finally {
    await jobs.close();
    rmSync(folder, { recursive: true });
  }
}

function all(jobs: WorkerJobs, count: number): JobResult[] {
  const results: JobResult[] = [];
  while (results.length < count) {
    jobs.wait();
    results.push(...jobs.poll());
  }
  return results;
}

test('[WJ1] results come once and in order, to whoever polls or waits', async () => {
  await withJobs((jobs, folder) => {
    const asked: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      writeFileSync(path.join(folder, `file-${index}`), 'x');
      asked.push(jobs.submit({ kind: 'remove', names: [`file-${index}`] }));
    }
    const results = all(jobs, asked.length);
    assert.equal(
      results.map(({ job }) => job),
      asked,
    );
    assert.ok(results.every(({ result }) => result.ok));
    assert.equal(jobs.poll(), []);
    assert.equal(readdirSync(folder), []);
  });
});

test('[WJ2] what a job throws is thrown where the job was asked for', async () => {
  await withJobs((jobs) => {
    jobs.submit({ kind: 'no such job' } as unknown as JobInput);
    jobs.wait();
    assert.throws(() => jobs.poll(), /job 1/);
  });
});

test('[WJ1] stores that share a thread hear of their own jobs only, also when another is closed', async () => {
  const thread = new JobThread();
  const folders = [1, 2].map(() => mkdtempSync(path.join(tmpdir(), 'clockwise-jobs-')));
  const [first, second] = folders.map((folder) => new WorkerJobs(folder, thread));
  try {
    for (const folder of folders) writeFileSync(path.join(folder, 'file'), 'x');
    const asked = first!.submit({ kind: 'remove', names: ['file'] });
    assert.equal(
      all(first!, 1).map(({ job }) => job),
      [asked],
    );
    assert.equal(readdirSync(folders[1]!), ['file']);
    await first!.close();
    second!.submit({ kind: 'remove', names: ['file'] });
    assert.equal(all(second!, 1).length, 1);
    assert.equal(readdirSync(folders[1]!), []);
  } finally {
    await second!.close();
    await thread.close();
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
});

test.run();
