import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JobPool } from './job-pool.ts';

function pool(jobsQueuedMax: number): JobPool {
  const module = new URL('../toy/toy-job.js', import.meta.url);
  return new JobPool({ module, threadsMax: 1, jobsQueuedMax, idleTimeoutMs: 1000 });
}

test('a job gives a value or a failure', async () => {
  const jobs = pool(8);
  assert.equal(await jobs.run('a', { input: { number: 5 } }), { ok: true, value: 25 });
  assert.equal(await jobs.run('a', { input: { number: -5 } }), {
    ok: false,
    code: 'ENOSPC',
    detail: 'no room',
  });
  await jobs.close();
});

test("[JP1] settle waits for all of an owner's jobs, and for none of who has asked for nothing", async () => {
  const jobs = pool(8);
  const ended: string[] = [];
  const run = (owner: string, number: number, waitMs: number): Promise<unknown> =>
    jobs.run(owner, { input: { number, waitMs } }).then(() => ended.push(`${owner}${number}`));
  const all = [run('a', 1, 20), run('a', 2, 20), run('b', 3, 20)];
  await jobs.settle('nobody');
  assert.equal(ended, []);
  await jobs.settle('a');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(ended.includes('a1') && ended.includes('a2'));
  await Promise.all(all);
  await jobs.close();
});

test('[JP2] a job beyond the bound is refused', async () => {
  const jobs = pool(1);
  const input = { number: 2, waitMs: 50 };
  const outcomes = await Promise.allSettled(
    Array.from({ length: 6 }, () => jobs.run('a', { input })),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length >= 3 && refused.length < 6);
  await jobs.close();
});

test('[JP3] F19 a job that runs out of memory fails alone, and the next one has a thread', async () => {
  const module = new URL('../toy/toy-job.js', import.meta.url);
  const limits = { threadsMax: 2, jobsQueuedMax: 8, idleTimeoutMs: 1000, heapMegabytesMax: 64 };
  const jobs = new JobPool({ module, ...limits });
  const beside = jobs.run('b', { input: { number: 3, waitMs: 300 } });
  await jobs.run('a', { input: { number: 2, hoards: true } }).then(
    () => assert.unreachable('it never ends by itself'),
    (error: NodeJS.ErrnoException) => assert.is(error.code, 'ERR_WORKER_OUT_OF_MEMORY'),
  );
  assert.equal(await beside, { ok: true, value: 9 });
  assert.equal(await jobs.run('a', { input: { number: 4 } }), { ok: true, value: 16 });
  await jobs.settle('a');
  await jobs.close();
});

test('[JP3] F19 what waits behind a job that ends its thread has another one', async () => {
  const module = new URL('../toy/toy-job.js', import.meta.url);
  const limits = { threadsMax: 1, jobsQueuedMax: 8, idleTimeoutMs: 1000, heapMegabytesMax: 64 };
  const jobs = new JobPool({ module, ...limits });
  const ended = await Promise.allSettled(
    [{ number: 2, hoards: true }, { number: 3 }, { number: 4 }].map((input) =>
      jobs.run('a', { input }),
    ),
  );
  assert.equal(
    ended.map((end) => (end.status === 'fulfilled' ? end.value : 'failed')),
    ['failed', { ok: true, value: 9 }, { ok: true, value: 16 }],
  );
  await jobs.close();
});

/** A module whose threads start only once `mayStart` was called: as where descriptors ran out. */
function startsLater(folder: string): { readonly module: URL; readonly mayStart: () => void } {
  const file = path.join(folder, 'job.mjs');
  const flag = path.join(folder, 'may-start');
  const lines = [
    "import { existsSync } from 'node:fs';",
    `if (!existsSync(${JSON.stringify(flag)})) {`,
    "  throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });",
    '}',
    'export default (task) => ({ ok: true, value: task });',
  ];
  writeFileSync(file, lines.join('\n'));
  return { module: pathToFileURL(file), mayStart: () => writeFileSync(flag, '') };
}

test('[JP4] F18 a thread that cannot be started fails the jobs that wait for it, and no more', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-pool-'));
  const { module, mayStart } = startsLater(folder);
  const jobs = new JobPool({ module, threadsMax: 2, jobsQueuedMax: 8, idleTimeoutMs: 1000 });
  try {
    for (let round = 0; round < 3; round += 1) {
      const ended = await Promise.all([1, 2, 3, 4].map((task) => jobs.run('a', task)));
      for (const result of ended) {
        assert.ok(!result.ok && result.code === 'EMFILE', JSON.stringify(result));
        assert.match(result.detail, /too many open files/);
      }
    }
    mayStart();
    const ended = await Promise.all([5, 6, 7].map((task) => jobs.run('a', task)));
    assert.equal(
      ended,
      [5, 6, 7].map((value) => ({ ok: true, value })),
    );
    await jobs.settle('a');
  } finally {
    await jobs.close();
    rmSync(folder, { recursive: true });
  }
});

/** A job that says whether its module was required: `require` keeps what it has loaded. */
const TELLS_HOW_IT_WAS_LOADED = `
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
const { cache } = createRequire(import.meta.url);
export default () => ({ ok: true, value: fileURLToPath(import.meta.url) in cache });
`;

test('[JP5] a thread imports the jobs: ended while it requires them, it would end the process', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-pool-'));
  const file = path.join(folder, 'job.mjs');
  writeFileSync(file, TELLS_HOW_IT_WAS_LOADED);
  const module = pathToFileURL(file);
  const jobs = new JobPool({ module, threadsMax: 1, jobsQueuedMax: 8, idleTimeoutMs: 1000 });
  try {
    assert.equal(await jobs.run('a', {}), { ok: true, value: false });
  } finally {
    await jobs.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
