/**
 * F14, O10: a whole store whose files rot at random places, opened and read: every answer is right, or
 * says that it is none. Merges of what is damaged spread nothing. And what costs an answer, or the
 * opening, `clockwise store verify` finds, too.
 *
 * One place of the log may be damaged by a byte: then even its last record is missed, as the log ended
 * cleanly. Where more of the log went, its end and what testified to it may be gone both, as a torn tail:
 * a key may then have a version that it had before.
 */
import { Prng } from '@clockwise/kernel/prng';
import { type DiskImage, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { LocalStore } from '@clockwise/storage/local-store';
import { explainStore } from '@clockwise/storage/store-verify';
import { CRC } from './inline-jobs.ts';
import { drawConfiguration } from './local-configurations.ts';
import {
  FailedRead,
  get,
  type LocalConfiguration,
  mustOpenLocal,
  openLocal,
  put,
  remove,
  scanAll,
} from './local-fixture.ts';

const KEYS = 150;
const WRITES = 700;
const NOW_MS = 1_700_000_000_000;
const SECTOR_BYTES = 512;
const SECTORS_MAX = 8;
const PLACES_MAX = 6;
const ABSENT = 0;
/** Of runs: their files are read from end to end besides. */
const EXPLAINED = 0.2;

export interface DamagedStore {
  readonly image: DiskImage;
  /** By name: the bytes of each file. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly configuration: LocalConfiguration;
  /** By key: the versions it had, the last one last. */
  readonly versions: readonly (readonly number[])[];
}

export interface DamageOutcome {
  /** Bytes or runs of sectors. */
  readonly placeCount: number;
  /** Bytes that were changed. */
  readonly byteCount: number;
  readonly isOpened: boolean;
  readonly failedReads: number;
  readonly rightReads: number;
}

/** Tables of some levels, a log that the tables do not have yet, a reserve, a snapshot; closed cleanly. */
export function makeStore(seed: string): DamagedStore {
  const prng = new Prng(seed);
  const drawn = drawConfiguration(prng.stream('configuration'));
  const configuration = { ...drawn, memtableChunkBytes: 16 * 1024, forgets: false };
  const disk = new SimulatedDisk({ prng: prng.stream('disk') });
  const store = mustOpenLocal(disk, { configuration, nowMs: NOW_MS, prng: prng.stream('jobs') });
  const versions = Array.from({ length: KEYS }, () => [ABSENT]);
  for (let step = 1; step <= WRITES; step += 1) {
    const key = prng.below(KEYS);
    const isDelete = prng.chance(0.15);
    const byteCount = prng.between(8, 200);
    const write = (): string => (isDelete ? remove(store, key) : put(store, key, step, byteCount));
    if (write() !== 'ok') {
      must(store.commit(false), 'the group is written');
      store.settle();
      must(write() === 'ok', 'the write is taken');
    }
    versions[key]!.push(isDelete ? ABSENT : step);
    if (prng.chance(0.2)) must(store.commit(prng.chance(0.3)), 'the group is written');
    store.tick(NOW_MS + step);
    if (step === WRITES / 2) must(store.snapshot() !== undefined, 'a snapshot is begun');
  }
  must(store.commit(true), 'the last group is written');
  store.settle();
  must(store.close(), 'the store closes');
  disk.syncAll();
  const files = new Map(disk.names().map((name) => [name, disk.contents(name)]));
  return { image: disk.image(), files, configuration, versions };
}

/** Throws where the store says anything that is not so. */
export function runDamage(store: DamagedStore, seed: string): DamageOutcome {
  const prng = new Prng(seed);
  const disk = new SimulatedDisk({ prng: prng.stream('disk') });
  disk.replace(store.image);
  const damage = new Damage(disk, store.files, prng);
  damage.make();
  try {
    const isExplained = prng.chance(EXPLAINED);
    const faults = isExplained ? faultsOf(disk) : [];
    const outcome = judge(disk, store, damage.mayBeOlder, prng);
    const isSeen = !outcome.isOpened || outcome.failedReads > 0;
    must(!isExplained || !isSeen || faults.length > 0, 'what is damaged is explained');
    return { placeCount: damage.texts.length, byteCount: damage.byteCount, ...outcome };
  } catch (error) {
    const what = `seed ${seed}, ${damage.texts.join(', ')}`;
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

function faultsOf(disk: SimulatedDisk): readonly string[] {
  const explained = explainStore(disk, { checksum: CRC, codecs: NODE_BLOCK_CODECS }, true);
  must(explained.ok, 'the folder is read');
  if (!explained.ok) return [];
  const { files, faults } = explained.value;
  return [...files.flatMap((file) => file.faults), ...faults];
}

class Damage {
  readonly texts: string[] = [];
  byteCount = 0;
  readonly #disk: SimulatedDisk;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #prng: Prng;
  #logPlaces = 0;
  #hasLongPlace = false;

  constructor(disk: SimulatedDisk, files: ReadonlyMap<string, Uint8Array>, prng: Prng) {
    this.#disk = disk;
    this.#files = files;
    this.#prng = prng;
  }

  /** The log lost more than one byte. */
  get mayBeOlder(): boolean {
    return this.#logPlaces > 1 || this.#hasLongPlace;
  }

  make(): void {
    const prng = this.#prng;
    const places = prng.chance(0.6) ? 1 : prng.between(2, PLACES_MAX);
    while (this.texts.length < places) this.#damageOne();
  }

  #damageOne(): void {
    const prng = this.#prng;
    const name = this.#drawFile();
    const bytes = this.#files.get(name)!;
    const at = prng.below(bytes.length);
    const kind = prng.pick(['bit', 'zero', 'ones', 'swap', 'sectors', 'moved'] as const);
    const changed = new Map<number, number>();
    switch (kind) {
      case 'bit':
        changed.set(at, bytes[at]! ^ (1 << prng.below(8)));
        break;
      case 'zero':
        changed.set(at, 0);
        break;
      case 'ones':
        changed.set(at, 0xff);
        break;
      case 'swap': {
        const other = prng.below(bytes.length);
        changed.set(at, bytes[other]!).set(other, bytes[at]!);
        break;
      }
      default:
        this.#damageSectors(changed, kind, bytes, at);
    }
    this.#apply(name, bytes, changed, `${kind} at ${at}`);
  }

  /** Whole sectors: of anything, of nothing, or as they stand elsewhere on the disk. */
  #damageSectors(
    changed: Map<number, number>,
    kind: 'sectors' | 'moved',
    bytes: Uint8Array,
    at: number,
  ): void {
    const prng = this.#prng;
    const from = at - (at % SECTOR_BYTES);
    const to = Math.min(bytes.length, from + prng.between(1, SECTORS_MAX) * SECTOR_BYTES);
    const source = this.#files.get(this.#drawFile())!;
    const sourceAt = prng.below(source.length);
    const byteOf = prng.pick([() => 0, () => prng.below(256)]);
    for (let index = from; index < to; index += 1) {
      const moved = source[sourceAt - (sourceAt % SECTOR_BYTES) + index - from] ?? 0;
      changed.set(index, kind === 'moved' ? moved : byteOf());
    }
  }

  /** Small files as often as large ones, half of the time. */
  #drawFile(): string {
    const prng = this.#prng;
    const names = [...this.#files.keys()].filter((name) => this.#files.get(name)!.length > 0);
    if (prng.chance(0.5)) return prng.pick(names);
    const sizes = names.map((name) => this.#files.get(name)!.length);
    let left = prng.below(sizes.reduce((sum, size) => sum + size));
    return names[sizes.findIndex((size) => (left -= size) < 0)]!;
  }

  #apply(
    name: string,
    bytes: Uint8Array,
    changed: ReadonlyMap<number, number>,
    text: string,
  ): void {
    let count = 0;
    for (const [at, byte] of changed) {
      if (bytes[at] === byte) continue;
      this.#disk.corrupt(name, at, byte);
      count += 1;
    }
    // What changed nothing is no damage.
    if (count === 0) return;
    this.byteCount += count;
    this.texts.push(`${name} ${text}, ${count} bytes`);
    if (!name.startsWith('log-')) return;
    this.#logPlaces += 1;
    if (count > 1) this.#hasLongPlace = true;
  }
}

function judge(
  disk: SimulatedDisk,
  { configuration, versions }: DamagedStore,
  mayBeOlder: boolean,
  prng: Prng,
): Omit<DamageOutcome, 'placeCount' | 'byteCount'> {
  const opening = { configuration, nowMs: NOW_MS, mustExist: true, prng: prng.stream('jobs') };
  const store = openLocal(disk, opening);
  if (!(store instanceof LocalStore)) {
    const isRefused = store.kind === 'needs-repair' || store.kind === 'foreign';
    must(isRefused, `an opening that says that it is damaged: ${JSON.stringify(store)}`);
    return { isOpened: false, failedReads: 0, rightReads: 0 };
  }
  const judgement = new Judgement(versions, mayBeOlder);
  judgement.readAll(store);
  // Merges read what is damaged, and write none of it.
  must(store.commit(true), 'the log goes on');
  store.freeze();
  store.settle();
  judgement.readAll(store);
  must(store.close(), 'the store closes');
  const { failedReads, rightReads } = judgement;
  return { isOpened: true, failedReads, rightReads };
}

class Judgement {
  failedReads = 0;
  rightReads = 0;
  readonly #versions: readonly (readonly number[])[];
  readonly #mayBeOlder: boolean;

  constructor(versions: readonly (readonly number[])[], mayBeOlder: boolean) {
    this.#versions = versions;
    this.#mayBeOlder = mayBeOlder;
  }

  readAll(store: LocalStore): void {
    for (let key = 0; key < KEYS + 20; key += 1) {
      const version = this.#answered(() => get(store, key) ?? ABSENT);
      if (version !== undefined) this.#check(key, version);
    }
    const scanned = this.#answered(() => scanAll(store, 40));
    if (scanned === undefined) return;
    for (let key = 0; key < KEYS; key += 1) this.#check(key, scanned.get(key) ?? ABSENT);
    for (const key of scanned.keys()) must(key < KEYS, `key ${key} was written`);
  }

  #check(key: number, version: number): void {
    this.rightReads += 1;
    const versions = this.#versions[key] ?? [ABSENT];
    const isRight = this.#mayBeOlder ? versions.includes(version) : versions.at(-1) === version;
    must(isRight, `O10: key ${key} is ${versions.at(-1)}, and it is said to be ${version}`);
  }

  #answered<Value>(read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FailedRead)) throw error;
      this.failedReads += 1;
      return undefined;
    }
  }
}

function must(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`not so: ${what}`);
}
