import type { JobInput } from '@clockwise/storage/jobs';
import { RESERVE_FILE_COUNT } from '@clockwise/storage/reserve';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DISK_SPACE_TIMER, DiskSpace } from './disk-space.ts';
import { MemoryDisk } from './memory-disk.ts';
import { openReplica, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaContext, type ReplicaEffect, type ReplicaOut } from './replica-context.ts';

const RESERVE = { ...SMALL_LIMITS, diskReserveBytes: 4096, reserveFilesMin: 1 };
const FILES = RESERVE_FILE_COUNT;

/** The core alone: a clock, the jobs that it asked for, and the timer that it set. */
class Bench {
  readonly context: ReplicaContext;
  readonly space: DiskSpace;
  readonly jobs: { readonly job: number; readonly input: JobInput }[] = [];
  wakesAt = Infinity;

  constructor(limits: typeof RESERVE = RESERVE) {
    this.context = new ReplicaContext(openReplica(new MemoryDisk(), 1, limits).options);
    this.space = new DiskSpace(this.context);
    this.step(0, () => this.space.start());
  }

  step(now: number, run: () => void): void {
    const published = { releasedSequence: () => 0, written: () => 0, consumed: () => 0 };
    this.context.beginStep(
      { now, wallTimeMs: now, events: [], frames: undefined as never, published },
      this.#out(),
    );
    run();
    this.context.endStep();
  }

  /** The making under way ends, with so many files. */
  made(fileCount: number): void {
    const { job } = this.jobs.pop()!;
    assert.ok(this.space.jobDone(job, { kind: 'reserve', fileCount }));
  }

  get refuses(): string {
    const { refusesValues, refusesDeletes } = this.context;
    return `${refusesValues ? 'values' : ''}${refusesDeletes ? ' deletes' : ''}`;
  }

  #out(): ReplicaOut {
    return {
      send: () => {
        throw new Error('it sends nothing');
      },
      append: () => assert.unreachable('it appends nothing'),
      effect: (effect: ReplicaEffect) => {
        if (effect.kind === 'job') {
          this.jobs.push(effect);
          return;
        }
        assert.is(effect.kind, 'timer');
        if (effect.kind !== 'timer') return;
        assert.is(effect.timer, DISK_SPACE_TIMER);
        this.wakesAt = effect.at;
      },
    };
  }
}

test('F17 [DS1] a full disk refuses values until a making that began later has made it whole', () => {
  const bench = new Bench();
  assert.equal(bench.jobs[0]?.input, { kind: 'reserve', fileCount: FILES, fileBytes: 1024 });
  bench.step(10, () => bench.made(FILES));
  assert.is(bench.refuses, '');
  assert.is(bench.wakesAt, Infinity, 'a whole reserve is left alone');
  bench.step(100, () => bench.space.logFull(1));
  assert.is(bench.refuses, 'values');
  assert.is(bench.wakesAt, 1100);
  bench.step(1100, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(1200, () => bench.made(FILES - 1));
  assert.is(bench.refuses, 'values', 'no room yet');
  bench.step(2200, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(2250, () => bench.space.logFull(2));
  bench.step(2300, () => bench.made(FILES));
  assert.is(bench.refuses, 'values', 'it was used while it was made');
  bench.step(3300, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(3400, () => bench.made(FILES));
  assert.is(bench.refuses, '');
  assert.equal(bench.space.figures(), { diskFull: 0, reserveFiles: FILES });
});

test('F17 [DS2] deletes go on while more than the least number of reserve files is left', () => {
  const bench = new Bench();
  bench.step(10, () => bench.made(FILES));
  for (const used of [1, 2]) {
    bench.step(100, () => bench.space.logFull(used));
    assert.is(bench.refuses, 'values', `${used} used`);
  }
  bench.step(100, () => bench.space.logFull(3));
  assert.is(bench.refuses, 'values deletes');
  bench.step(1100, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(1200, () => bench.made(2));
  assert.is(bench.refuses, 'values', 'some room again');
});

test('F17 a store that opens on a full disk hears of it from its first making', () => {
  const bench = new Bench();
  assert.is(bench.refuses, '', 'it may be well');
  bench.step(10, () => bench.made(0));
  assert.is(bench.refuses, 'values deletes');
  bench.step(1010, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(1020, () => bench.made(FILES));
  assert.is(bench.refuses, '');
});

test('F17 [DS3] one making at a time, one a second; a making that fails is tried again', () => {
  const bench = new Bench();
  bench.step(10, () => bench.space.logFull(1));
  bench.step(20, () => bench.space.onTimer(DISK_SPACE_TIMER));
  assert.is(bench.jobs.length, 1, 'the first is under way');
  const { job } = bench.jobs.pop()!;
  bench.step(30, () => {
    assert.not.ok(bench.space.jobDone(job + 1, { kind: 'manifest' }), 'the job of another');
    assert.not.ok(bench.space.jobFailed(job + 1, 'EIO'));
    assert.ok(bench.space.jobFailed(job, 'EIO'));
  });
  assert.is(bench.wakesAt, 1030);
  bench.step(1030, () => bench.space.onTimer(DISK_SPACE_TIMER));
  assert.is(bench.jobs.length, 1);
  bench.step(1100, () => bench.made(FILES));
  assert.is(bench.refuses, '');
});

test('F17 a job without room refuses values for some seconds, though the reserve is whole', () => {
  const bench = new Bench();
  bench.step(10, () => bench.made(FILES));
  bench.step(100, () => bench.space.noRoom());
  assert.is(bench.refuses, 'values');
  for (let now = 1100; now < 5100; now += 1000) {
    bench.step(now, () => bench.space.onTimer(DISK_SPACE_TIMER));
    bench.step(now, () => bench.made(FILES));
    assert.is(bench.refuses, 'values', `${now} ms`);
  }
  bench.step(5100, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(5100, () => bench.made(FILES));
  assert.is(bench.refuses, '');
});

test('a shard without a reserve asks for none, and a fenced one for nothing', () => {
  const bench = new Bench({ ...RESERVE, diskReserveBytes: 0 });
  assert.is(bench.jobs.length, 0);
  bench.step(10, () => bench.space.noRoom());
  bench.step(5010, () => bench.space.onTimer(DISK_SPACE_TIMER));
  bench.step(5020, () => bench.made(0));
  assert.is(bench.refuses, '', 'no reserve is whole at once');
  bench.context.fenced = true;
  bench.step(6000, () => bench.space.onTimer(DISK_SPACE_TIMER));
  assert.is(bench.jobs.length, 0);
});

test.run();
