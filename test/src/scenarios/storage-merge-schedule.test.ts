// runner: limit 60s
// runner: test limit 40s
/**
 * Flushes, merge beats, editions and removals as the pool runs them: each begins some time after it was
 * asked for and is heard of some time after it ended, in any order, while readers come and go and calls
 * to the disk fail; then a crash. Every schedule by seed.
 */
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import type { DiskResult } from '@clockwise/storage/disk';
import { tableName } from '@clockwise/storage/file-names';
import type { JobInput, JobOutput } from '@clockwise/storage/jobs';
import type { LevelSet } from '@clockwise/storage/level-set';
import type { TableParts } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReadFailed, TableFailed, toolsFor, type Version, writeTable } from './merge-fixture.ts';
import { MergeStore, type MergeStoreOptions } from './merge-store.ts';
import { checksum } from './store-fixture.ts';

type Model = ReadonlyMap<number, number>;

interface Task {
  readonly kind: 'flush' | 'merge' | 'manifest' | 'remove';
  run: () => void;
  /** Undefined until it ran. */
  heard: (() => void) | undefined;
}

/** One life of a store, whose jobs are run and heard of in the order that `prng` says. */
class Life {
  readonly store: MergeStore;
  readonly #disk: SimulatedDisk;
  readonly #prng: Prng;
  readonly #tasks: Task[] = [];
  readonly #pins: { readonly pin: number; readonly expected: Model }[] = [];
  /** The last is what a publication of all that is planned leads to. */
  planned: Model;
  durable: Model;
  /** What editions that were begun since may lead to, should they count. */
  possible: Model[] = [];
  #floor: number;
  #round = 0;

  constructor(
    disk: SimulatedDisk,
    prng: Prng,
    options: MergeStoreOptions,
    models: readonly Model[],
  ) {
    this.#disk = disk;
    this.#prng = prng;
    this.store = MergeStore.open(disk, options);
    const found = this.store.readAll();
    const model = models.find((each) => isEqual(each, found));
    assert.ok(model !== undefined, `opened with ${[...found].join(' ')}`);
    this.planned = model;
    this.durable = model;
    this.#floor = this.store.versions.manifest.floorSequence;
  }

  /** Does one thing, whichever. */
  step(): void {
    const waiting = this.#tasks.filter(({ heard }) => heard === undefined);
    const ended = this.#tasks.filter(({ heard }) => heard !== undefined);
    const choice = this.#prng.below(10);
    if (choice < 3 && waiting.length > 0) this.#prng.pick(waiting).run();
    else if (choice < 6 && ended.length > 0) this.#hear(this.#prng.pick(ended));
    else if (choice === 6) this.#pin();
    else if (choice === 7) this.#unpin();
    else this.#ask();
  }

  finish(): void {
    while (this.#tasks.length > 0) {
      const task = this.#tasks[0]!;
      if (task.heard === undefined) task.run();
      this.#hear(task);
    }
    while (this.#pins.length > 0) this.#unpin();
    this.store.onPublished = () => undefined;
  }

  #hear(task: Task): void {
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    task.heard!();
  }

  #isBusy(kind: Task['kind']): boolean {
    return this.#tasks.some((task) => task.kind === kind);
  }

  #ask(): void {
    switch (this.#prng.pick(['flush', 'merge', 'manifest', 'manifest', 'remove'] as const)) {
      case 'flush':
        if (!this.#isBusy('flush')) this.#flush();
        return;
      case 'merge':
        if (!this.#isBusy('merge')) this.#merge();
        return;
      case 'manifest':
        this.#publish();
        return;
      case 'remove':
        if (!this.#isBusy('remove')) this.#remove();
        return;
    }
  }

  /** `heard` is told of the result some time after the job ran. */
  #task(kind: Task['kind'], work: () => () => void): void {
    const task: Task = {
      kind,
      heard: undefined,
      run: () => {
        task.heard = work();
      },
    };
    this.#tasks.push(task);
  }

  #job(input: JobInput, heard: (result: DiskResult<JobOutput>) => void): void {
    const kind = input.kind as Task['kind'];
    this.#task(kind, () => {
      const result = this.store.result(input);
      return () => heard(result);
    });
  }

  #flush(): void {
    const { versions } = this.store;
    this.#round += 1;
    const written = randomFlush(this.#prng, this.#round);
    const fileNumber = versions.takeFileNumbers(1);
    const [firstSequence, lastSequence] = [this.#floor + 1, this.#floor + written.length];
    this.#task('flush', () => {
      const parts = this.#write(fileNumber, firstSequence, lastSequence, written);
      return () => {
        if (parts === undefined) {
          versions.discard([tableName(fileNumber)]);
          return;
        }
        versions.planFlush(parts, lastSequence, 0);
        this.#floor = lastSequence;
        const next = new Map(this.planned);
        for (const { key, value, kind } of written) {
          if (kind === 'tombstone') next.delete(key);
          else next.set(key, value);
        }
        this.planned = next;
      };
    });
  }

  #write(
    fileNumber: number,
    firstSequence: number,
    lastSequence: number,
    versions: readonly Version[],
  ): TableParts | undefined {
    const sequences = { firstSequence, lastSequence };
    try {
      const plan = { fileNumber, level: 0, ...sequences, versions, blockBytes: 256, codec: 0 };
      const table = writeTable(this.#disk, plan);
      const opening = openTable(this.#disk, table, checksum, toolsFor(this.#disk).codecs);
      return opening.kind === 'open' ? opening.reader.parts : undefined;
    } catch (error) {
      if (error instanceof TableFailed) return undefined;
      throw error;
    }
  }

  #merge(): void {
    const { control } = this.store;
    const beat = control.beginBeat();
    if (beat === undefined) return;
    this.#job(beat, (result) => {
      if (!result.ok) control.beatFailed(result.code);
      else if (result.value.kind === 'merge') control.beatDone(result.value.output);
      else if (result.value.kind === 'merge-unreadable') {
        control.beatFailed(result.value.failure.code, result.value.fileNumber);
      }
    });
  }

  #publish(): void {
    const { versions } = this.store;
    if (this.#prng.chance(0.1)) versions.planSettle();
    const edition = versions.beginPublish();
    if (edition === undefined) return;
    const { planned } = this;
    this.possible.push(planned);
    this.#job({ kind: 'manifest', ...edition }, (result) => {
      if (!result.ok) {
        versions.publishFailed();
        return;
      }
      versions.published();
      this.durable = planned;
      this.possible = [];
    });
  }

  #remove(): void {
    const { versions } = this.store;
    const names = versions.takeRemovable();
    if (names.length === 0) return;
    this.#job({ kind: 'remove', names }, (result) => {
      if (!result.ok) versions.removeFailed(names);
    });
  }

  #readAll(levels: LevelSet): Model | undefined {
    try {
      return this.store.readAll(levels);
    } catch (error) {
      if (error instanceof ReadFailed && error.code !== 'ENOENT') return undefined;
      throw error;
    }
  }

  #pin(): void {
    if (this.#pins.length > 4) return;
    this.#pins.push({ pin: this.store.versions.pin(), expected: this.durable });
  }

  #unpin(): void {
    const held = this.#pins.pop();
    if (held === undefined) return;
    const levels = this.store.versions.readersOf(held.pin);
    // Reads may fail; what they give is what the version held, and a file is always there.
    const found = this.#readAll(levels);
    const isSame = found === undefined || isEqual(found, held.expected);
    assert.ok(isSame, 'SV3 a pinned version reads as it did');
    this.store.versions.unpin(held.pin);
  }
}

function isEqual(left: Model, right: Model): boolean {
  return left.size === right.size && [...left].every(([key, value]) => right.get(key) === value);
}

function randomFlush(prng: Prng, round: number): Version[] {
  const keys = new Set(Array.from({ length: prng.between(1, 10) }, () => prng.below(32)));
  return [...keys].map((key) => ({
    kind: prng.chance(0.2) ? ('tombstone' as const) : ('full' as const),
    key,
    value: round * 100 + key,
    expiries: [0],
    hybridSeconds: 1,
  }));
}

function scheduleRun(seed: number): { readonly merges: number; readonly failed: number } {
  const prng = new Prng(`schedule-${seed}`);
  const disk = new SimulatedDisk({ prng: prng.stream('disk') });
  const options = {
    runsMin: prng.between(2, 3),
    tableBytes: prng.between(200, 900),
    levelBytes1: prng.between(600, 2000),
    levelFanout: 2,
    tableCodec: prng.pick(TABLE_CODECS),
  };
  let models: readonly Model[] = [new Map()];
  let merges = 0;
  let failed = 0;
  for (let life = 0; life < 3; life += 1) {
    disk.clearFaults();
    const current = new Life(disk, prng.stream(`life ${life}`), options, models);
    const code = 'EIO' as const;
    const operations = [
      'open',
      'create',
      'write',
      'read',
      'datasync',
      'syncDirectory',
      'remove',
      'list',
    ] as const;
    if (prng.chance(0.7)) {
      disk.faults.begin({
        kind: 'errors',
        operations,
        code,
        probability: prng.pick([0.001, 0.01]),
      });
    }
    disk.crashAt = prng.chance(0.7) ? disk.operationCount + prng.between(1, 1500) : 0;
    try {
      for (let step = 0; step < 250; step += 1) current.step();
      disk.clearFaults();
      current.finish();
    } catch (error) {
      if (!(error instanceof SimulatedCrash)) throw error;
    }
    const { figures } = current.store.control;
    merges += figures.mergesEnded;
    failed += figures.mergesFailed;
    models = [current.durable, ...current.possible];
    disk.crash(prng.pick(CRASH_MODELS));
  }
  disk.clearFaults();
  const last = new Life(disk, prng.stream('last'), options, models);
  last.store.settle();
  assert.ok(isEqual(last.store.readAll(), last.durable));
  return { merges, failed };
}

test('[CG1] [CG2] [SV2] [SV3] [SV4] F7 F8 F11 F12 every schedule of jobs ends with what was planned', () => {
  const sum = { merges: 0, failed: 0 };
  for (let seed = 0; seed < 150; seed += 1) {
    try {
      const { merges, failed } = scheduleRun(seed);
      sum.merges += merges;
      sum.failed += failed;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  assert.ok(sum.merges > 300 && sum.failed > 30, JSON.stringify(sum));
});

test.run();
