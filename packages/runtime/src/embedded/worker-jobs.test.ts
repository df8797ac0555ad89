/** An embedded store's jobs in threads of their own, on a real folder. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobResult } from '@clockwise/storage/job-runner';
import { CHUNK_HEADER_WORDS } from '@clockwise/storage/chunk';
import { tableName } from '@clockwise/storage/file-names';
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

test('[WJ1] results of one thread come once and in order, to whoever polls or waits', async () => {
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
  const [first, second] = folders.map(
    (folder) => new WorkerJobs(folder, { flushes: thread, others: thread }),
  );
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

/** Of a chunk without records, of which nothing is written. */
const EMPTY_FLUSH: JobInput = {
  kind: 'flush',
  input: {
    words: new Int32Array(new SharedArrayBuffer(CHUNK_HEADER_WORDS * 4)),
    usedWords: CHUNK_HEADER_WORDS,
    recordCount: 0,
    firstSequence: 1,
    lastSequence: 1,
    fileNumber: 2,
    storeIdLow: 1,
    storeIdHigh: 2,
    blockBytes: 4096,
    codec: 0,
    bloomBitsPerKey: 10,
    rangeDrops: [],
    leaves: undefined,
  },
};

/** Its reading hangs until somebody writes. */
function makePipe(folder: string, name: string): () => void {
  const pipe = path.join(folder, name);
  execFileSync('mkfifo', [pipe]);
  return () => closeSync(openSync(pipe, 'w'));
}

test('[WJ3] a flush ends while another job, asked for earlier, is at work; the store hears of both', async () => {
  await withJobs((jobs, folder) => {
    const release = makePipe(folder, tableName(1));
    const slow = jobs.submit({ kind: 'verify', name: tableName(1) });
    const flush = jobs.submit(EMPTY_FLUSH);
    assert.equal(
      all(jobs, 1).map(({ job }) => job),
      [flush],
    );
    assert.equal(jobs.poll(), []);
    release();
    assert.equal(
      all(jobs, 1).map(({ job }) => job),
      [slow],
    );
  });
});

test('[WJ1] [WJ3] where one thread is both, jobs end in the order in which they were asked for', async () => {
  const thread = new JobThread();
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-jobs-'));
  const jobs = new WorkerJobs(folder, { flushes: thread, others: thread });
  try {
    const release = makePipe(folder, tableName(1));
    const asked = [
      jobs.submit({ kind: 'verify', name: tableName(1) }),
      jobs.submit(EMPTY_FLUSH),
      jobs.submit({ kind: 'remove', names: [] }),
    ];
    assert.equal(jobs.poll(), []);
    release();
    assert.equal(
      all(jobs, asked.length).map(({ job }) => job),
      asked,
    );
  } finally {
    await jobs.close();
    await thread.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
