/**
 * A run of an embedded store that ends by a crash before, or half through, one call to the disk, and
 * what must be there after it. Equal seeds make equal calls, so that calls can be numbered through.
 *
 * What a client knows of a key: the versions it wrote since the last one that was acknowledged. After a
 * crash one of those is there, or the acknowledged one; and what was seen once never goes back.
 */
import { Prng } from '@clockwise/kernel/prng';
import {
  type CrashModel,
  SimulatedCrash,
  SimulatedDisk,
} from '@clockwise/simulator/simulated-disk';
import { parseFileName, snapshotPrefix } from '@clockwise/storage/file-names';
import type { LocalStore } from '@clockwise/storage/local-store';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import type { TokenRange } from '@clockwise/storage/token-range';
import { snapshotNumbers } from '@clockwise/storage/snapshot-job';
import { ROOMY } from './local-configurations.ts';
import {
  get,
  type LocalConfiguration,
  mustOpenLocal,
  put,
  remove,
  scanAll,
} from './local-fixture.ts';
import { isInRange } from './local-model.ts';
import { drawRange } from './metamorphic-run.ts';

const KEYS = 40;
const NOW_MS = 1_700_000_000_000;
/** Of a step: beside a minute, the step of the horizon of what may be forgotten, it is not small. */
const STEP_MS = 2000;

/** Flushes and merges within a few hundred writes. */
export const CRASHING: LocalConfiguration = {
  ...ROOMY,
  memtableChunkBytes: 4096,
  memtableChunksMax: 6,
  memtableFrozenMax: 3,
  logSegmentBytes: 4096,
  logGroupBytesMax: 2048,
  tableBlockBytes: 512,
  tableBytes: 4096,
  levelBytes1: 16 * 1024,
  levelFanout: 3,
  runsMin: 2,
  runsMax: 6,
  forgets: true,
};

/** A version: a stamp, or 0 for "absent". */
const ABSENT = 0;

export class ClientLedger {
  /** By key: what may be there, oldest first; the first is acknowledged. */
  readonly #versions = new Map<number, number[]>();
  /** Snapshots that are whole, or may be: what they must hold. */
  readonly snapshots: Map<number, ReadonlyMap<number, number>> = new Map();
  /** Those of which the store said that they are done. */
  readonly done: Set<number> = new Set();
  lastSnapshot = 0;

  versionsOf(key: number): readonly number[] {
    return this.#versions.get(key) ?? [ABSENT];
  }

  wrote(key: number, version: number): void {
    this.#versions.set(key, [...this.versionsOf(key), version]);
  }

  acknowledge(key: number): void {
    this.#versions.set(key, [this.versionsOf(key).at(-1)!]);
  }

  acknowledgeAll(): void {
    for (const [key, versions] of this.#versions) this.#versions.set(key, [versions.at(-1)!]);
  }

  /** The newest version of every key that is there. */
  newest(): Map<number, number> {
    const newest = new Map<number, number>();
    for (const [key, versions] of this.#versions) {
      if (versions.at(-1)! !== ABSENT) newest.set(key, versions.at(-1)!);
    }
    return newest;
  }

  /** What a reader sees counts from now on. */
  saw(key: number, version: number, context: string): void {
    const versions = this.versionsOf(key);
    const at = versions.lastIndexOf(version);
    if (at === -1) {
      throw new Error(`O8 ${context}: key ${key} is ${version}, may be ${versions.join(' or ')}`);
    }
    this.#versions.set(key, versions.slice(at, at + 1));
  }

  hear(store: LocalStore): void {
    for (const number of this.snapshots.keys()) {
      const state = store.snapshotState(number);
      must(state !== 'failed', `snapshot ${number} does not fail`);
      if (state === 'done') this.done.add(number);
    }
  }

  /** A read while the store lives sees the last version written, acknowledged or not. */
  reads(store: LocalStore, key: number): void {
    const [version, expected] = [get(store, key) ?? ABSENT, this.versionsOf(key).at(-1)];
    if (version !== expected) throw new Error(`key ${key} is ${version}, must be ${expected}`);
  }

  checkStore(store: LocalStore, context: string): void {
    const scanned = scanAll(store, 15);
    for (let key = 0; key < KEYS; key += 1) {
      const version = get(store, key) ?? ABSENT;
      if ((scanned.get(key) ?? ABSENT) !== version) {
        throw new Error(`${context}: key ${key} is ${version}, and ${scanned.get(key)} in a scan`);
      }
      this.saw(key, version, context);
    }
    for (const key of scanned.keys()) {
      if (key >= KEYS) throw new Error(`${context}: key ${key} was never written`);
    }
  }
}

/** Writes, groups, syncs, flushes, merges, reopenings and snapshots by seed, until the disk says stop. */
export function runLoad(
  disk: SimulatedDisk,
  ledger: ClientLedger,
  prng: Prng,
  count: number,
): Readonly<Record<string, number>> {
  let store = openCrashing(disk, prng.stream('jobs'));
  checkAll(disk, store, ledger, 'after opening');
  for (let step = 1; step <= count; step += 1) {
    writeOne(store, ledger, prng, step);
    if (prng.chance(0.15)) {
      const isSynced = prng.chance(0.5);
      must(store.commit(isSynced), 'the group is written');
      if (isSynced) ledger.acknowledgeAll();
    }
    if (prng.chance(0.25)) store.tick(NOW_MS + step * STEP_MS);
    if (prng.chance(0.04)) store.freeze();
    if (prng.chance(0.008)) takeSnapshot(store, ledger);
    if (prng.chance(0.01)) dropRange(store, ledger, drawRange(prng, 4));
    ledger.hear(store);
    if (prng.chance(0.006)) {
      must(store.close(), 'the store closes');
      ledger.acknowledgeAll();
      ledger.hear(store);
      store = openCrashing(disk, prng.stream(`jobs ${step}`));
      checkAll(disk, store, ledger, `after a clean reopening at ${step}`);
    }
  }
  must(store.commit(true), 'the last group is written');
  ledger.acknowledgeAll();
  store.settle();
  ledger.hear(store);
  const figures = store.figures();
  must(store.close(), 'the store closes');
  return figures;
}

function writeOne(store: LocalStore, ledger: ClientLedger, prng: Prng, step: number): void {
  const key = prng.below(KEYS);
  const isDelete = prng.chance(0.2);
  const byteCount = prng.between(8, 100);
  const write = (): string => (isDelete ? remove(store, key) : put(store, key, step, byteCount));
  let result = write();
  if (result === 'OVERLOADED') {
    must(store.commit(false), 'the group is written');
    store.settle();
    result = write();
  }
  must(result === 'ok', `the write of key ${key} is taken`);
  ledger.wrote(key, isDelete ? ABSENT : step);
}

function takeSnapshot(store: LocalStore, ledger: ClientLedger): void {
  // The snapshot may become durable with the very last call that is made before a crash: it is noted
  // first. Its number is the next one.
  const number = (ledger.lastSnapshot += 1);
  ledger.snapshots.set(number, ledger.newest());
  const taken = store.snapshot();
  must(taken === number, `snapshot ${taken} has the next number, ${number}`);
  ledger.acknowledgeAll();
}

function dropRange(store: LocalStore, ledger: ClientLedger, range: TokenRange): void {
  const keys = Array.from({ length: KEYS }, (_, key) => key).filter((key) => isInRange(key, range));
  for (const key of keys) ledger.wrote(key, ABSENT);
  must(store.dropRange(range), 'the range is dropped');
  for (const key of keys) ledger.acknowledge(key);
}

/** All that is durable is there, of the store and of each snapshot. */
export function checkAll(
  disk: SimulatedDisk,
  store: LocalStore,
  ledger: ClientLedger,
  context: string,
): void {
  ledger.checkStore(store, context);
  const names = disk.list();
  const whole = snapshotNumbers(names.ok ? names.value : []);
  for (const number of ledger.done) {
    must(whole.includes(number), `${context}: snapshot ${number} was done and is there`);
  }
  for (const number of whole) checkSnapshot(disk, ledger, number, context);
}

function checkSnapshot(
  disk: SimulatedDisk,
  ledger: ClientLedger,
  number: number,
  context: string,
): void {
  const expected = ledger.snapshots.get(number);
  must(expected !== undefined, `${context}: snapshot ${number} was asked for`);
  const store = mustOpenLocal(new PrefixDisk(disk, snapshotPrefix(number)), {
    configuration: ROOMY,
    nowMs: NOW_MS,
    mustExist: true,
  });
  const found = scanAll(store, 20);
  const isEqual =
    found.size === expected!.size &&
    [...found].every(([key, version]) => expected!.get(key) === version);
  must(isEqual, `SN2 ${context}: snapshot ${number} holds what was written before it`);
  must(store.close(), 'the snapshot closes');
}

export function openCrashing(disk: SimulatedDisk, prng: Prng): LocalStore {
  return mustOpenLocal(disk, { configuration: CRASHING, nowMs: NOW_MS, prng });
}

export interface CrashCase {
  readonly seed: string;
  readonly writes: number;
  readonly model: CrashModel;
  /** The call before or within which the run ends. */
  readonly call: number;
  /** Of the reopening; 0: it is left in peace. */
  readonly secondCall: number;
}

/** False: the run makes fewer calls. Throws where something is lost, or there that must not be. */
export function runCrash({ seed, writes, model, call, secondCall }: CrashCase): boolean {
  const prng = new Prng(seed);
  const disk = new SimulatedDisk({ prng: prng.stream('disk') });
  const ledger = new ClientLedger();
  disk.crashAt = call;
  if (!endsByCrash(() => runLoad(disk, ledger, prng.stream('load'), writes))) return false;
  const context = `seed ${seed}, ${model}, call ${call}, then ${secondCall}`;
  disk.crash(model);
  if (secondCall > 0) {
    disk.crashAt = disk.operationCount + secondCall;
    endsByCrash(() => {
      const store = openCrashing(disk, prng.stream('second'));
      checkAll(disk, store, ledger, context);
      for (let key = 0; key < 10; key += 1) {
        // What is sent counts, whether or not the call comes to an end.
        ledger.wrote(key, writes + 1 + key);
        must(put(store, key, writes + 1 + key) === 'ok', `${context}: a write after it`);
      }
      if (store.commit(true)) ledger.acknowledgeAll();
      store.freeze();
      store.settle();
    });
    disk.crash(model);
  }
  const store = openCrashing(disk, prng.stream('last'));
  checkAll(disk, store, ledger, context);
  store.settle();
  ledger.checkStore(store, `${context}, settled`);
  checkFolder(disk, store, context);
  return true;
}

function endsByCrash(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof SimulatedCrash) return true;
    throw error;
  }
}

/** [OS4] Of tables the folder holds those that the manifest names. */
function checkFolder(disk: SimulatedDisk, store: LocalStore, context: string): void {
  const named = new Set(store.versions.manifest.tables.map((table) => table.fileNumber));
  for (const name of disk.names('table-')) {
    const file = parseFileName(name);
    const isNamed = file?.kind === 'table' && named.has(file.fileNumber);
    must(isNamed, `OS4 ${context}: somebody names ${name}`);
  }
}

export interface RunMeasure {
  readonly calls: number;
  readonly snapshots: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** What a run does that nothing ends. The figures are of its last opening. */
export function measureRun(seed: string, writes: number): RunMeasure {
  const prng = new Prng(seed);
  const disk = new SimulatedDisk({ prng: prng.stream('disk') });
  const ledger = new ClientLedger();
  const figures = runLoad(disk, ledger, prng.stream('load'), writes);
  return { calls: disk.operationCount, snapshots: ledger.done.size, figures };
}

function must(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`not so: ${what}`);
}
