/**
 * A run of an embedded store on a disk of which one call fails, or every call of a kind from one on; and
 * what must be so: what was acknowledged is there, what was refused is not, a read is right or fails,
 * and when the disk is well again a reopening makes all well.
 */
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { DiskFault } from '@clockwise/simulator/simulated-disk-faults';
import { LocalStore } from '@clockwise/storage/local-store';
import type { TokenRange } from '@clockwise/storage/token-range';
import { ClientLedger } from './crash-run.ts';
import { isInRange } from './local-model.ts';
import { drawRange } from './metamorphic-run.ts';
import {
  FailedRead,
  type LocalConfiguration,
  mustOpenLocal,
  openLocal,
  put,
  remove,
} from './local-fixture.ts';

const KEYS = 40;
const NOW_MS = 1_700_000_000_000;

export interface FaultCase {
  readonly seed: string;
  readonly writes: number;
  readonly fault: DiskFault;
  readonly shortTransferProbability: number;
  /** Power goes as well, before the reopening. */
  readonly losesPower: boolean;
  readonly configuration: LocalConfiguration;
}

export interface FaultOutcome {
  /** False: the run made fewer calls of the kind; it was untouched. */
  readonly isTouched: boolean;
  readonly isFenced: boolean;
  readonly failedReads: number;
  readonly refused: number;
}

/** Throws where a promise is broken. */
export function runFault(options: FaultCase): FaultOutcome {
  const run = new FaultRun(options);
  try {
    return run.run();
  } catch (error) {
    const { operation, code, nth, forever } = options.fault;
    const what = `seed ${options.seed}: ${operation} ${nth} ${code}${forever === true ? ' on' : ''}`;
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

class FaultRun {
  readonly #options: FaultCase;
  readonly #prng: Prng;
  readonly #disk: SimulatedDisk;
  readonly #ledger: ClientLedger = new ClientLedger();
  #isFenced = false;
  #failedReads = 0;
  #refused = 0;

  constructor(options: FaultCase) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    const { shortTransferProbability } = options;
    this.#disk = new SimulatedDisk({ prng: this.#prng.stream('disk'), shortTransferProbability });
  }

  run(): FaultOutcome {
    const disk = this.#disk;
    disk.inject(this.#options.fault);
    const isEnded = this.#live();
    const isTouched = !this.#isUntouched();
    disk.clearFaults();
    // The process ends where it stands; what was written is in the system's cache, or power goes too.
    disk.crash(this.#options.losesPower ? 'drop-all' : 'keep-all');
    this.#check('after the faults');
    disk.crash('drop-all');
    this.#check('after power went');
    if (!isTouched && !isEnded) throw new Error('a run without a fault comes to its end');
    return {
      isTouched,
      isFenced: this.#isFenced,
      failedReads: this.#failedReads,
      refused: this.#refused,
    };
  }

  /** The store is opened, and all that it said holds. */
  #check(context: string): void {
    const { configuration } = this.#options;
    const prng = this.#prng.stream(context);
    const store = mustOpenLocal(this.#disk, { configuration, nowMs: NOW_MS, prng });
    this.#ledger.checkStore(store, context);
    store.settle();
    if (store.jobFailure !== undefined) throw new Error(`${context}: ${store.jobFailure.detail}`);
    this.#ledger.checkStore(store, `${context}, settled`);
    if (!store.close()) throw new Error(`${context}: the store does not close`);
    if (this.#disk.openFileCount > 0) throw new Error(`${context}: a file stays open`);
  }

  /** True: it came to the end of its writes. */
  #live(): boolean {
    const { writes } = this.#options;
    let store = this.#open(0);
    if (store === undefined) return false;
    for (let step = 1; step <= writes; step += 1) {
      if (!this.#write(store, step)) return false;
      const prng = this.#prng;
      if (prng.chance(0.15) && !this.#commit(store, prng.chance(0.5))) return false;
      if (prng.chance(0.25)) store.tick(NOW_MS + step * 50);
      if (prng.chance(0.04)) store.freeze();
      if (prng.chance(0.2)) this.#read(store, prng.below(KEYS));
      if (prng.chance(0.015) && !this.#dropRange(store, drawRange(prng, 4))) return false;
      if (prng.chance(0.01)) {
        if (store.snapshot() === undefined) return this.#fence();
        this.#ledger.acknowledgeAll();
      }
      if (prng.chance(0.01)) {
        if (!store.close()) return this.#fence();
        this.#ledger.acknowledgeAll();
        store = this.#open(step);
        if (store === undefined) return false;
      }
    }
    return this.#commit(store, true) && store.close();
  }

  #open(step: number): LocalStore | undefined {
    const prng = this.#prng.stream(`jobs ${step}`);
    const { configuration } = this.#options;
    const outcome = openLocal(this.#disk, { configuration, nowMs: NOW_MS, prng });
    if (outcome instanceof LocalStore) return outcome;
    // Never "damaged", never "empty": the disk failed, and that is what is said.
    if (outcome.kind !== 'failed') throw new Error(`the opening says ${JSON.stringify(outcome)}`);
    return undefined;
  }

  /** False: the run ends. */
  #write(store: LocalStore, step: number): boolean {
    const key = this.#prng.below(KEYS);
    const isDelete = this.#prng.chance(0.2);
    const byteCount = this.#prng.between(8, 100);
    const write = (): string => (isDelete ? remove(store, key) : put(store, key, step, byteCount));
    let result = write();
    if (result === 'OVERLOADED') {
      if (!this.#commit(store, false)) return false;
      store.settle();
      result = write();
    }
    if (result === 'ok') {
      this.#ledger.wrote(key, isDelete ? 0 : step);
      return true;
    }
    this.#refused += 1;
    if (result === 'FENCED') return this.#fence();
    return true;
  }

  /** False: whether an edition has the drop is unknown, and the run ends. */
  #dropRange(store: LocalStore, range: TokenRange): boolean {
    const keys = Array.from({ length: KEYS }, (_, key) => key);
    const dropped = keys.filter((key) => isInRange(key, range));
    for (const key of dropped) this.#ledger.wrote(key, 0);
    if (!store.dropRange(range)) return store.failure === undefined ? false : this.#fence();
    for (const key of dropped) this.#ledger.acknowledge(key);
    return true;
  }

  #commit(store: LocalStore, isSynced: boolean): boolean {
    if (!store.commit(isSynced)) return this.#fence();
    if (isSynced) this.#ledger.acknowledgeAll();
    return true;
  }

  #read(store: LocalStore, key: number): void {
    try {
      this.#ledger.reads(store, key);
    } catch (error) {
      if (!(error instanceof FailedRead)) throw error;
      this.#failedReads += 1;
    }
  }

  #fence(): false {
    this.#isFenced = true;
    return false;
  }

  #isUntouched(): boolean {
    return this.#disk.faults.pendingCount > 0;
  }
}
