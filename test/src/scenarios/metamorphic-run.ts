/**
 * The same operations on a store of any configuration, against a map: whatever a store does by itself
 * (flushes, merges, caches, reopenings, crashes) nobody may notice. Lists and configurations are drawn
 * from seeds of their own, so that equal lists run on many configurations.
 *
 * A crash comes after a synced commit: what a crash may take is the matter of the enumeration of crash
 * points, not of this.
 */
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, type CrashModel, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { parseFileName, snapshotPrefix } from '@clockwise/storage/file-names';
import type { LocalStore } from '@clockwise/storage/local-store';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import type { TokenRange } from '@clockwise/storage/token-range';
import { ROOMY } from './local-configurations.ts';
import {
  BUCKET,
  get,
  type LocalConfiguration,
  mustOpenLocal,
  put,
  remove,
  scanAll,
  WHOLE_RANGE,
} from './local-fixture.ts';
import { checkScan, LocalModel } from './local-model.ts';

export type Operation =
  | { readonly kind: 'put'; readonly key: number; readonly byteCount: number; readonly ttl: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'get'; readonly key: number }
  | { readonly kind: 'scan'; readonly range: TokenRange; readonly recordsMax: number }
  | { readonly kind: 'drop-range'; readonly range: TokenRange }
  | { readonly kind: 'commit'; readonly isSynced: boolean }
  | { readonly kind: 'clock'; readonly byMs: number }
  | { readonly kind: 'crash'; readonly model: CrashModel }
  | {
      readonly kind:
        | 'get-all'
        | 'freeze'
        | 'tick'
        | 'settle'
        | 'reopen'
        | 'take-snapshot'
        | 'compare-snapshot'
        | 'remove-snapshot';
    };

const KEYS = 120;
const START_MS = 1_700_000_000_000;
const TTL_SECONDS_MAX = 40;

/** How often, of 1000. */
const WEIGHTS: readonly (readonly [Operation['kind'], number])[] = [
  ['put', 460],
  ['get-all', 20],
  ['delete', 90],
  ['get', 130],
  ['scan', 25],
  ['drop-range', 6],
  ['commit', 90],
  ['clock', 20],
  ['freeze', 20],
  ['tick', 90],
  ['settle', 12],
  ['reopen', 8],
  ['crash', 8],
  ['take-snapshot', 8],
  ['compare-snapshot', 8],
  ['remove-snapshot', 5],
];

export function drawOperations(prng: Prng, count: number): Operation[] {
  return Array.from({ length: count }, () => drawOperation(prng));
}

function drawOperation(prng: Prng): Operation {
  let left = prng.below(1000);
  const kind = WEIGHTS.find(([, weight]) => (left -= weight) < 0)![0];
  const key = prng.below(KEYS);
  switch (kind) {
    case 'put': {
      const byteCount = prng.chance(0.05) ? prng.between(300, 900) : prng.between(8, 120);
      const ttl = prng.chance(0.1) ? prng.between(1, TTL_SECONDS_MAX) : 0;
      return { kind, key, byteCount, ttl };
    }
    case 'delete':
    case 'get':
      return { kind, key };
    case 'scan': {
      const range = prng.chance(0.5) ? WHOLE_RANGE : drawRange(prng, 1);
      return { kind, range, recordsMax: prng.pick([1, 3, 10, 50]) };
    }
    case 'drop-range':
      return { kind, range: drawRange(prng, 8) };
    case 'commit':
      return { kind, isSynced: prng.chance(0.5) };
    case 'clock':
      return { kind, byMs: prng.pick([10, 1500, 20_000, 90_000]) };
    case 'crash':
      return { kind, model: prng.pick(CRASH_MODELS) };
    default:
      return { kind };
  }
}

/** At most one `part`-th of all tokens. */
export function drawRange(prng: Prng, part: number): TokenRange {
  const from = prng.below(0x1_0000_0000);
  const span = prng.below(Math.floor(0x1_0000_0000 / part));
  const to = Math.min(0xffff_ffff, from + span);
  const [fromLow, toLow] = [prng.below(0x1_0000_0000) | 0, prng.below(0x1_0000_0000) | 0];
  const isOrdered = from < to || fromLow >>> 0 <= toLow >>> 0;
  return {
    bucketId: BUCKET,
    fromHigh: from | 0,
    fromLow: isOrdered ? fromLow : toLow,
    toHigh: to | 0,
    toLow: isOrdered ? toLow : fromLow,
  };
}

interface Snapshot {
  readonly number: number;
  readonly model: LocalModel;
}

export interface RunOutcome {
  readonly figures: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly snapshotsCompared: number;
}

/** Throws where the store says anything else than the map. */
export function runOperations(
  operations: readonly Operation[],
  configuration: LocalConfiguration,
  seed: string,
): RunOutcome {
  return new MetamorphicRun(configuration, seed).run(operations);
}

class MetamorphicRun {
  readonly #configuration: LocalConfiguration;
  readonly #seed: string;
  readonly #prng: Prng;
  readonly #disk: SimulatedDisk;
  readonly #model: LocalModel = new LocalModel(START_MS);
  readonly #figures: Record<string, number> = {};
  #store: LocalStore;
  #snapshots: Snapshot[] = [];
  #step = 0;
  #crashes = 0;
  #compared = 0;

  constructor(configuration: LocalConfiguration, seed: string) {
    this.#configuration = configuration;
    this.#seed = seed;
    this.#prng = new Prng(seed);
    this.#disk = new SimulatedDisk({
      prng: this.#prng.stream('disk'),
      shortTransferProbability: this.#prng.pick([0, 0.02]),
    });
    this.#store = this.#open(false);
  }

  run(operations: readonly Operation[]): RunOutcome {
    for (const operation of operations) {
      this.#step += 1;
      try {
        this.#do(operation);
      } catch (error) {
        const what = `seed ${this.#seed}, operation ${this.#step} (${operation.kind})`;
        throw new Error(`${what}: ${String(error)}`, { cause: error });
      }
    }
    this.#step += 1;
    this.#end();
    return {
      figures: this.#figures,
      crashes: this.#crashes,
      snapshotsCompared: this.#compared,
    };
  }

  #open(mustExist: boolean): LocalStore {
    return mustOpenLocal(this.#disk, {
      configuration: this.#configuration,
      nowMs: this.#model.nowMs,
      mustExist,
      prng: this.#prng.stream(`jobs ${this.#step}`),
    });
  }

  #do(operation: Operation): void {
    const store = this.#store;
    switch (operation.kind) {
      case 'put':
      case 'delete':
        this.#write(operation);
        return;
      case 'get':
        expect(get(store, operation.key), this.#model.get(operation.key), `key ${operation.key}`);
        return;
      case 'scan':
        this.#scan(operation.range, operation.recordsMax);
        return;
      case 'drop-range':
        expect(store.dropRange(operation.range), true, 'the drop is done');
        this.#model.dropRange(operation.range);
        return;
      case 'commit':
        expect(store.commit(operation.isSynced), true, 'the group is written');
        return;
      case 'clock':
        this.#model.nowMs += operation.byMs;
        store.tick(this.#model.nowMs);
        return;
      case 'get-all':
        this.#getAll();
        return;
      case 'freeze':
        store.freeze();
        return;
      case 'tick':
        store.tick(this.#model.nowMs);
        return;
      case 'settle':
        this.#settle();
        return;
      default:
        this.#doRarely(operation);
    }
  }

  #doRarely(operation: Operation): void {
    switch (operation.kind) {
      case 'reopen':
        this.#settleSnapshots();
        this.#addFigures();
        expect(this.#store.close(), true, 'the store closes');
        this.#store = this.#open(true);
        return;
      case 'crash':
        this.#crash(operation.model);
        return;
      case 'take-snapshot':
        this.#takeSnapshot();
        return;
      case 'compare-snapshot':
        this.#compareSnapshot();
        return;
      case 'remove-snapshot':
        this.#removeSnapshot();
        return;
      default:
        throw new Error(`no such operation: ${operation.kind}`);
    }
  }

  #write(operation: Extract<Operation, { readonly kind: 'put' | 'delete' }>): void {
    const { key } = operation;
    const nowSeconds = Math.floor(this.#model.nowMs / 1000);
    const expiry = operation.kind === 'put' && operation.ttl > 0 ? nowSeconds + operation.ttl : 0;
    const write = (): string =>
      operation.kind === 'put'
        ? put(this.#store, key, this.#step, operation.byteCount, expiry)
        : remove(this.#store, key);
    let result = write();
    if (result === 'OVERLOADED') {
      expect(this.#store.commit(false), true, 'the group is written');
      this.#settle();
      result = write();
    }
    expect(result, 'ok', `the write of key ${key}`);
    if (operation.kind === 'put') this.#model.put(key, this.#step, expiry);
    else this.#model.values.delete(key);
  }

  #getAll(): void {
    for (let key = 0; key < KEYS; key += 1) {
      expect(get(this.#store, key), this.#model.get(key), `key ${key}`);
    }
  }

  /** While pages are read, the store goes on with what it does by itself. */
  #scan(range: TokenRange, recordsMax: number): void {
    const found = scanAll(this.#store, recordsMax, range, () => {
      this.#store.commit(false);
      if (this.#prng.chance(0.2)) this.#store.freeze();
      this.#store.tick(this.#model.nowMs);
    });
    checkScan(found, this.#model.live(range), 'a scan');
  }

  #settle(): void {
    expect(this.#store.commit(false), true, 'the group is written');
    this.#store.settle();
    expect(this.#store.jobFailure, undefined, 'no job fails');
  }

  #crash(model: CrashModel): void {
    this.#settleSnapshots();
    expect(this.#store.commit(true), true, 'the group is synced');
    this.#addFigures();
    this.#crashes += 1;
    this.#disk.crash(model);
    this.#store = this.#open(true);
  }

  #takeSnapshot(): void {
    if (this.#snapshots.length >= 3) return;
    const number = this.#store.snapshot();
    if (number === undefined) throw new Error('no snapshot is begun');
    this.#snapshots.push({ number, model: this.#model.copy() });
  }

  /** Those under way become whole. */
  #settleSnapshots(): void {
    if (this.#snapshots.length === 0) return;
    this.#settle();
    for (const { number } of this.#snapshots) {
      const state = this.#store.snapshotState(number);
      if (state !== undefined) expect(state, 'done', `snapshot ${number}`);
    }
  }

  /** A snapshot is opened as a store of its own, which may write where it lies, and again later. */
  #compareSnapshot(): void {
    if (this.#snapshots.length === 0) return;
    this.#settleSnapshots();
    const { number, model } = this.#prng.pick(this.#snapshots);
    const disk = new PrefixDisk(this.#disk, snapshotPrefix(number));
    const prng = this.#prng.stream(`snapshot ${this.#step}`);
    const store = mustOpenLocal(disk, {
      configuration: ROOMY,
      nowMs: model.nowMs,
      mustExist: true,
      prng,
    });
    const context = `snapshot ${number}`;
    checkScan(scanAll(store, 10), model.live(WHOLE_RANGE), context);
    if (prng.chance(0.5)) store.freeze();
    store.settle();
    checkScan(scanAll(store, 50), model.live(WHOLE_RANGE), `${context}, flushed`);
    expect(store.close(), true, 'the snapshot closes');
    this.#compared += 1;
  }

  #removeSnapshot(): void {
    const first = this.#snapshots[0];
    if (first === undefined) return;
    this.#settleSnapshots();
    this.#snapshots = this.#snapshots.slice(1);
    this.#store.removeSnapshot(first.number);
    this.#settle();
    expect(this.#disk.names(snapshotPrefix(first.number)).length, 0, 'nothing of it is left');
  }

  /** All is there at the end, and after a reopening; and the folder holds nothing that nobody names. */
  #end(): void {
    this.#scan(WHOLE_RANGE, 20);
    this.#settle();
    this.#addFigures();
    expect(this.#store.close(), true, 'the store closes');
    this.#store = this.#open(true);
    this.#scan(WHOLE_RANGE, 50);
    this.#getAll();
    this.#settle();
    const named = new Set(this.#store.versions.manifest.tables.map((table) => table.fileNumber));
    for (const name of this.#disk.names('table-')) {
      const file = parseFileName(name);
      const isNamed = file?.kind === 'table' && named.has(file.fileNumber);
      if (!isNamed) throw new Error(`OS4: nobody names ${name}`);
    }
    expect(this.#store.close(), true, 'the store closes');
    expect(this.#disk.openFileCount, 0, 'every file is closed');
  }

  #addFigures(): void {
    for (const [name, value] of Object.entries(this.#store.figures())) {
      this.#figures[name] = (this.#figures[name] ?? 0) + value;
    }
  }
}

function expect(found: unknown, expected: unknown, what: string): void {
  if (found !== expected) throw new Error(`${what}: ${String(found)}, not ${String(expected)}`);
}
