/**
 * An embedded store whose jobs end in the order that the test says, as two threads may end them: a flush
 * before the beat of a merge that was asked for earlier, and the other way round; and what a flush waits
 * for although a thread is free.
 */
import { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { type JobInput, runJob } from '@clockwise/storage/jobs';
import type { LocalStore } from '@clockwise/storage/local-store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRC } from './inline-jobs.ts';
import {
  get,
  type LocalConfiguration,
  mustOpenLocal,
  put,
  scanAll,
  SMALL,
} from './local-fixture.ts';
import { copyOf } from './store-fixture.ts';

const KEYS = 40;
const NOW_MS = 1_000_000;
const CONFIGURATION: LocalConfiguration = { ...SMALL, memtableChunksMax: 8, tableBytes: 1024 };

/** Each job waits until the test runs it. */
class HeldJobs implements JobRunner {
  readonly #disk: SimulatedDisk;
  #held: { readonly job: number; readonly input: JobInput }[] = [];
  #ended: JobResult[] = [];
  #jobCount = 0;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  submit(input: JobInput): number {
    this.#jobCount += 1;
    this.#held.push({ job: this.#jobCount, input });
    return this.#jobCount;
  }

  poll(): readonly JobResult[] {
    return this.#ended.splice(0);
  }

  wait(): void {
    if (this.#ended.length === 0) this.end(this.kinds[0]!);
  }

  /** Under way, as they were asked for. */
  get kinds(): readonly JobInput['kind'][] {
    return this.#held.map(({ input }) => input.kind);
  }

  end(kind: JobInput['kind']): void {
    const place = this.#held.findIndex(({ input }) => input.kind === kind);
    assert.ok(place >= 0, `a ${kind} is under way`);
    const [{ job, input }] = this.#held.splice(place, 1) as [{ job: number; input: JobInput }];
    this.#ended.push({ job, result: runJob(this.#disk, CRC, input, NODE_BLOCK_CODECS) });
  }
}

class World {
  readonly disk: SimulatedDisk = new SimulatedDisk({ prng: new Prng('order') });
  readonly jobs: HeldJobs = new HeldJobs(this.disk);
  readonly store: LocalStore;
  #stamp = 0;

  constructor(configuration: LocalConfiguration = CONFIGURATION) {
    this.store = mustOpenLocal(this.disk, { configuration, jobs: this.jobs });
  }

  /** All keys anew, in a chunk of their own, which may be flushed. */
  writeChunk(): void {
    this.#stamp += 1;
    for (let key = 0; key < KEYS; key += 1) assert.is(put(this.store, key, this.#stamp, 60), 'ok');
    assert.ok(this.store.commit(true));
    this.store.freeze();
    this.store.tick(NOW_MS);
  }

  /** Runs what is under way of these kinds, until none is. */
  endAll(...kinds: readonly JobInput['kind'][]): void {
    for (;;) {
      const kind = this.jobs.kinds.find((each) => kinds.includes(each));
      if (kind === undefined) return;
      this.end(kind);
    }
  }

  end(kind: JobInput['kind']): void {
    this.jobs.end(kind);
    this.store.tick(NOW_MS);
  }

  /** Runs flushed, and none merged. */
  writeRuns(count: number): void {
    for (let run = 0; run < count; run += 1) {
      this.writeChunk();
      this.endAll('flush', 'manifest');
    }
  }

  check(store: LocalStore = this.store): void {
    for (let key = 0; key < KEYS; key += 1) assert.is(get(store, key), this.#stamp, `key ${key}`);
    assert.is(scanAll(store, 7).size, KEYS);
  }

  /** As it is after a crash now that leaves all, or what is durable only. */
  checkCrashes(): void {
    const durable = new SimulatedDisk({ prng: new Prng('durable') });
    durable.replace(this.disk.image());
    for (const disk of [copyOf(this.disk), durable]) {
      const store = mustOpenLocal(disk, { configuration: CONFIGURATION, mustExist: true });
      this.check(store);
      store.settle();
      assert.is(store.jobFailure, undefined);
      this.check(store);
    }
  }
}

test('[LUP5] a flush ends before the beat of a merge that was asked for earlier', () => {
  const world = new World();
  world.writeRuns(3);
  assert.ok(world.jobs.kinds.includes('merge'));
  world.writeChunk();
  assert.is(world.jobs.kinds.indexOf('merge') < world.jobs.kinds.indexOf('flush'), true);
  world.end('flush');
  world.end('manifest');
  assert.is(world.store.figures()['flushes'], 4);
  assert.is(world.store.figures()['chunksFrozen'], 0);
  assert.is(world.store.figures()['mergesEnded'], 0);
  world.check();
  world.checkCrashes();
  world.endAll('merge');
  world.checkCrashes();
  world.endAll('manifest');
  assert.is(world.store.figures()['mergesEnded'], 1);
  assert.is(world.store.figures()['runs'], 1, 'the run that was flushed meanwhile stays');
  world.check();
  world.checkCrashes();
  world.store.settle();
  world.check();
});

test('[LUP5] [LST2] a merge ends, and its edition, before a flush that was asked for earlier', () => {
  const world = new World();
  world.writeRuns(3);
  world.writeChunk();
  world.endAll('merge');
  assert.ok(world.jobs.kinds.includes('manifest'));
  const { editions } = world.store.figures();
  // The flush ends while the merge's edition is under way, which does not name its table.
  world.end('flush');
  world.checkCrashes();
  world.end('manifest');
  assert.is(world.store.figures()['editions'], editions! + 1);
  assert.is(world.store.figures()['flushes'], 3, 'the chunk waits for an edition with its table');
  world.check();
  world.checkCrashes();
  world.end('manifest');
  assert.is(world.store.figures()['flushes'], 4);
  world.check();
  world.checkCrashes();
});

test('[LUP4] with runsMax runs no flush begins before a merge has ended; then it does', () => {
  const world = new World({ ...CONFIGURATION, runsMin: 3, runsMax: 5 });
  world.writeRuns(5);
  assert.is(world.store.figures()['runs'], 5);
  for (let chunk = 0; chunk < 2; chunk += 1) world.writeChunk();
  assert.is(world.jobs.kinds.includes('flush'), false);
  assert.is(world.store.figures()['chunksFrozen'], 2);
  let isFull = false;
  for (let key = 0; key < 2000 && !isFull; key += 1) {
    const written = put(world.store, 1000 + key, 1, 60);
    isFull = written === 'OVERLOADED';
    assert.ok(isFull || written === 'ok');
  }
  assert.ok(isFull, 'whoever writes on waits');
  world.endAll('merge');
  assert.ok(world.jobs.kinds.includes('flush'), 'the merge has ended');
  assert.ok(world.store.commit(true));
  world.store.settle();
  assert.is(world.store.figures()['chunksFrozen'], 0);
  assert.is(put(world.store, 1, 7), 'ok');
});

test('[LUP4] a flush waits for no merge that itself waits for room on the disk', () => {
  const world = new World({
    ...CONFIGURATION,
    runsMin: 3,
    runsMax: 5,
    diskReserveBytes: 16 * 1024,
  });
  world.endAll('reserve');
  world.writeRuns(5);
  assert.ok(world.jobs.kinds.includes('merge'));
  world.writeChunk();
  assert.is(world.jobs.kinds.includes('flush'), false);
  world.disk.inject({ operation: 'write', nth: 1, code: 'ENOSPC', forever: true });
  world.end('merge');
  assert.is(world.store.figures()['diskFull'], 1);
  assert.ok(world.jobs.kinds.includes('flush'));
  world.disk.clearFaults();
  world.endAll('flush', 'manifest');
  assert.is(world.store.figures()['runs'], 6);
  world.check();
});

test.run();
