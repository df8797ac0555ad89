/**
 * The folder of a simulated disk: entries that are durable, entries that are seen, and the list of
 * changes in between. A crash decides what of the list survives.
 *
 * Invariants:
 *   SX1 an entry's changes before a sync outlive every crash; later ones survive or not, by the model,
 *       whatever becomes of the file's bytes (DK2)
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { SimulatedFile } from './simulated-file.ts';

/**
 * keep-all: the process died, the machine did not. drop-all: nothing unsynced survives. prefix: writes
 * survive in order up to a point, the last one cut. subset: each 4 KiB page of each write, and each
 * folder change, survives or not. torn: as prefix, the last write torn page by page, of the damaged
 * ones sector by sector. entries-first: the folder's changes survive and no data does (a rename that
 * is durable before what it names). data-first: the reverse.
 */
export type CrashModel =
  'keep-all' | 'drop-all' | 'prefix' | 'subset' | 'torn' | 'entries-first' | 'data-first';

export type PowerLoss = Exclude<CrashModel, 'keep-all'>;

export type DirectoryChange =
  | { readonly kind: 'add'; readonly name: string; readonly file: SimulatedFile }
  | { readonly kind: 'remove'; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly from: string;
      readonly to: string;
      readonly file: SimulatedFile;
    };

/** What a medium holds: names and files, nobody's to write to. */
export type DiskImage = ReadonlyMap<string, SimulatedFile>;

export class SimulatedDirectory {
  #durable = new Map<string, SimulatedFile>();
  #visible = new Map<string, SimulatedFile>();
  #changes: DirectoryChange[] = [];

  get(name: string): SimulatedFile | undefined {
    return this.#visible.get(name);
  }

  names(): string[] {
    return [...this.#visible.keys()];
  }

  /** Every file that has a name. */
  files(): Set<SimulatedFile> {
    return new Set(this.#visible.values());
  }

  /** Every file that a crash may leave a name to. */
  filesEver(): Set<SimulatedFile> {
    const files = new Set([...this.#durable.values(), ...this.#visible.values()]);
    for (const change of this.#changes) if (change.kind !== 'remove') files.add(change.file);
    return files;
  }

  change(change: DirectoryChange): void {
    this.#changes.push(change);
    applyChange(this.#visible, change);
  }

  sync(): void {
    this.#durable = new Map(this.#visible);
    this.#changes = [];
  }

  /** [SX1] */
  crash(model: PowerLoss, prng: Prng): void {
    const entries = new Map(this.#durable);
    const kept = prng.below(this.#changes.length + 1);
    for (const [index, change] of this.#changes.entries()) {
      if (survives(model, index < kept, prng)) applyChange(entries, change);
    }
    this.#visible = entries;
    this.sync();
  }

  /** A name goes for good, whatever was synced. */
  lose(name: string): void {
    this.#visible.delete(name);
    this.#durable.delete(name);
    this.#changes = this.#changes.filter((change) => nameAfter(change) !== name);
  }

  /** What is durable now, as a copy of the medium would have it. */
  image(): DiskImage {
    return new Map([...this.#durable].map(([name, file]) => [name, file.durableCopy()]));
  }

  replace(image: DiskImage): void {
    this.#visible = new Map([...image].map(([name, file]) => [name, file.durableCopy()]));
    this.sync();
  }
}

function survives(model: PowerLoss, isBeforeCut: boolean, prng: Prng): boolean {
  switch (model) {
    case 'drop-all':
    case 'data-first':
      return false;
    case 'entries-first':
      return true;
    case 'prefix':
    case 'torn':
      return isBeforeCut;
    case 'subset':
      return prng.chance(0.5);
    default:
      return unreachable(model);
  }
}

function nameAfter(change: DirectoryChange): string {
  return change.kind === 'rename' ? change.to : change.name;
}

function applyChange(entries: Map<string, SimulatedFile>, change: DirectoryChange): void {
  switch (change.kind) {
    case 'add':
      entries.set(change.name, change.file);
      return;
    case 'remove':
      entries.delete(change.name);
      return;
    case 'rename':
      entries.delete(change.from);
      entries.set(change.to, change.file);
      return;
    default:
      unreachable(change);
  }
}
