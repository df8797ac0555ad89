/**
 * The one owner of what the store consists of: manifest, levels, numbers, the editions under way, who
 * still reads what, and which files may go. Pure: it says what to publish and what to remove, and its
 * owner (a replica, an embedded store) has that done.
 *
 *     plan... --> waiting --beginPublish--> under way --published--> a new version, files that may go
 *                    ^---------------------publishFailed
 *
 * A file may be removed when
 *   (a) the manifest that counts does not name it,
 *   (b) the edition before it, which is kept to fall back on, does not name it, nor one that was tried
 *       between the two and may have reached the disk,
 *   (c) no pin holds a version that names it, and
 *   (d) no publication is under way or of unknown outcome;
 *   or when no edition ever named it: so that on a full disk, where editions fail, leftovers go.
 *
 * Invariants:
 *   SV1 a number of a file or an edition is given once, whatever came of it
 *   SV2 only files for which (a) to (d) hold are given out for removal
 *   SV3 a file of a version that is pinned is not given out, nor are index and filter of its table freed
 *   SV4 an edit is in exactly one edition that counts, in the order in which edits were planned
 *   SV5 a table that holds records both sides of a range drop's sequence was written knowing the drop
 */
import { assert } from '@clockwise/kernel/assert';
import { leavesName, tableName } from './file-names.ts';
import { LevelSet } from './level-set.ts';
import type { GivenUpPartition, Manifest, RangeDrop, TableMetadata } from './manifest.ts';
import type { TableParts, TableReader } from './sstable-reader.ts';
import { type StoreEdit, withEdits } from './store-edit.ts';

export interface StoreVersionsOptions {
  /** Durable. */
  readonly manifest: Manifest;
  /** Above any edition that may lie on disk. */
  readonly highestEdition: number;
  /** One for each table of the manifest. */
  readonly readers: readonly TableReader[];
  readonly makeReader: (parts: TableParts, table: TableMetadata) => TableReader;
}

/** A version that counts or is still read. */
interface Version {
  readonly levels: LevelSet;
  readonly floorSequence: number;
  readonly files: ReadonlySet<string>;
  pinCount: number;
  /** Pins of those that also need the memory behind the floor: scans, snapshots. */
  memoryPinCount: number;
}

interface Publication {
  readonly edits: readonly StoreEdit[];
  readonly manifest: Manifest;
}

export class StoreVersions {
  /** The one that counts: durable. */
  manifest: Manifest;
  /** Changes with every edition that changes tables or range drops. */
  version = 0;
  readonly #makeReader: StoreVersionsOptions['makeReader'];
  #readers: Map<number, TableReader>;
  #highestEdition: number;
  #nextFileNumber: number;
  #waiting: readonly StoreEdit[] = [];
  #underWay: Publication | undefined = undefined;
  /** [SV2] (d) The last publication failed: what it wrote may count at the next opening. */
  #isUnknown = false;
  /** [SV2] (b) What the kept edition names, and those that were tried since. */
  #fallbackFiles: Set<string>;
  /** Of editions that were tried since the one that counts. */
  #doubtfulFiles: Set<string> = new Set();
  /** Files that some edition named, and that were not given out yet. */
  #candidates: Set<string> = new Set();
  /** Files that no edition named, or that were given out before: nothing holds them. */
  #leftovers: Set<string> = new Set();
  /** By file, of tables that are in no version that counts: until nobody reads them. */
  readonly #oldParts: Map<string, TableParts> = new Map();
  /** By pin: slots of versions that are gone are used again. */
  readonly #slots: (Version | undefined)[] = [];
  #current = 0;

  constructor({ manifest, highestEdition, readers, makeReader }: StoreVersionsOptions) {
    assert(highestEdition >= manifest.edition, 'SV1 the edition that counts was given');
    this.manifest = manifest;
    this.#makeReader = makeReader;
    this.#readers = new Map(readers.map((reader) => [reader.table.fileNumber, reader]));
    this.#highestEdition = highestEdition;
    this.#nextFileNumber = manifest.nextFileNumber;
    this.#slots.push(newVersion(manifest, LevelSet.of(manifest, this.#readers)));
    this.#fallbackFiles = filesOf(manifest);
  }

  get levels(): LevelSet {
    return this.#version(this.#current).levels;
  }

  /** What jobs must leave away from now on: also of drops that wait for their edition. [SV5] */
  get rangeDrops(): readonly RangeDrop[] {
    const edits = [...(this.#underWay?.edits ?? []), ...this.#waiting];
    const planned = edits.flatMap((edit) => (edit.kind === 'range-drop' ? [edit.drop] : []));
    return [...this.manifest.rangeDrops, ...planned];
  }

  /** [SV1] The first of `count` numbers of files, which are nobody else's. */
  takeFileNumbers(count: number): number {
    const first = this.#nextFileNumber;
    this.#nextFileNumber += count;
    return first;
  }

  /** A flush ended; `parts` undefined: nothing of the chunk was left to write. */
  planFlush(parts: TableParts | undefined, lastSequence: number, leavesFileNumber: number): void {
    this.#plan({ kind: 'flush', parts, lastSequence, leavesFileNumber });
  }

  planMerge(
    removed: readonly TableMetadata[],
    added: readonly TableParts[],
    droppedCount: number,
  ): void {
    this.#plan({ kind: 'merge', removed, added, droppedCount });
  }

  planMove(table: TableMetadata, level: number): void {
    this.#plan({ kind: 'move', fileNumber: table.fileNumber, level });
  }

  /**
   * REQUIRES: the drop's sequence is at or above the last of every chunk whose flush has begun [SV5];
   * the leaves are those of the floor that the edits before this one lead to, zero in the range.
   * The log is synced up to the drop's sequence before an edition with it is begun: sequences that a
   * crash takes from the log are given again, and what is written under them then would be dropped too.
   * From now until `Memtable.dropRange`, when that edition is durable, writes of the range park or are
   * refused, if they are made from what is stored: that may be what the drop takes. (An embedded
   * store's are made from nothing.)
   */
  planRangeDrop(drop: RangeDrop, leavesFileNumber: number): void {
    this.#plan({ kind: 'range-drop', drop, leavesFileNumber });
  }

  /** [SE4] In one edition with the drops of its objects: whoever opens the store next knows both. */
  planGivenUp(givenUp: GivenUpPartition): void {
    this.#plan({ kind: 'given-up', givenUp });
  }

  /** The partition holds all that it should again. */
  planFilled(partition: number): void {
    this.#plan({ kind: 'filled', partition });
  }

  /** The next edition changes nothing, so that the files go which only the one before named. */
  planSettle(): void {
    this.#plan({ kind: 'settle' });
  }

  #plan(edit: StoreEdit): void {
    this.#waiting = [...this.#waiting, edit];
  }

  /** Tables are about to change: whoever picks a merge waits for the edition. */
  get areTablesChanging(): boolean {
    const isChange = ({ kind }: StoreEdit): boolean => kind === 'merge' || kind === 'move';
    return this.#waiting.some(isChange) || (this.#underWay?.edits.some(isChange) ?? false);
  }

  get isPublishing(): boolean {
    return this.#underWay !== undefined;
  }

  /** False: files wait for one more edition, whatever is in it. */
  get isSettled(): boolean {
    for (const name of this.#candidates) {
      if (this.#fallbackFiles.has(name)) return false;
    }
    return true;
  }

  /** All edits that wait, as one edition. Undefined: nothing waits, or an edition is under way. */
  beginPublish(): { readonly manifest: Manifest; readonly previousEdition: number } | undefined {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return undefined;
    // [SV1]
    this.#highestEdition += 1;
    const manifest: Manifest = {
      ...withEdits(this.manifest, this.#waiting),
      edition: this.#highestEdition,
      nextFileNumber: this.#nextFileNumber,
    };
    this.#underWay = { edits: this.#waiting, manifest };
    this.#waiting = [];
    return { manifest, previousEdition: this.manifest.edition };
  }

  /** The edition under way is durable: from here on it counts. The log may forget up to the floor. */
  published(): { readonly floorSequence: number } {
    const publication = this.#underWay;
    assert(publication !== undefined, 'an edition is under way');
    this.#underWay = undefined;
    const before = this.#version(this.#current).files;
    const { manifest, edits } = publication;
    this.manifest = manifest;
    this.#takeReaders(edits);
    const { files } = this.#replaceCurrent(manifest);
    for (const name of [...before, ...this.#doubtfulFiles]) {
      if (!files.has(name)) this.#candidates.add(name);
    }
    this.#fallbackFiles = new Set([...before, ...this.#doubtfulFiles]);
    this.#doubtfulFiles = new Set();
    this.#isUnknown = false;
    if (edits.some(({ kind }) => kind !== 'settle')) this.version += 1;
    return { floorSequence: manifest.floorSequence };
  }

  /** Whether the edition counts after a crash is unknown; its edits wait again, for a higher one. */
  publishFailed(): void {
    const publication = this.#underWay;
    assert(publication !== undefined, 'an edition is under way');
    this.#underWay = undefined;
    this.#waiting = [...publication.edits, ...this.#waiting];
    this.#isUnknown = true;
    for (const name of filesOf(publication.manifest)) this.#doubtfulFiles.add(name);
  }

  #takeReaders(edits: readonly StoreEdit[]): void {
    const added = new Map<number, TableParts>();
    for (const parts of edits.flatMap(partsAddedBy)) {
      added.set(parts.footer.table.fileNumber, parts);
    }
    const readers = new Map<number, TableReader>();
    for (const table of this.manifest.tables) {
      const reader = this.#readers.get(table.fileNumber);
      // A table that moved has a reader of its new level.
      const isSame = reader?.table.level === table.level;
      const parts = added.get(table.fileNumber) ?? reader?.parts;
      assert(parts !== undefined, 'a table that an edition names was added, or was there');
      readers.set(table.fileNumber, isSame ? reader : this.#makeReader(parts, table));
    }
    for (const [fileNumber, { parts }] of this.#readers) {
      if (!readers.has(fileNumber)) this.#oldParts.set(tableName(fileNumber), parts);
    }
    this.#readers = readers;
  }

  #replaceCurrent(manifest: Manifest): Version {
    const old = this.#current;
    const version = newVersion(manifest, LevelSet.of(manifest, this.#readers));
    const free = this.#slots.indexOf(undefined);
    this.#current = free === -1 ? this.#slots.length : free;
    this.#slots[this.#current] = version;
    if (this.#version(old).pinCount === 0) this.#slots[old] = undefined;
    return version;
  }

  /**
   * Holds the files of the version that counts now. `holdsMemory`: whoever pins reads the memory behind
   * the floor as well, later (a scan, a snapshot), so that it must stay too. Ends with `unpin`.
   */
  pin(holdsMemory = false): number {
    const version = this.#version(this.#current);
    version.pinCount += 1;
    if (!holdsMemory) return this.#current * 2;
    version.memoryPinCount += 1;
    return this.#current * 2 + 1;
  }

  unpin(pin: number): void {
    const slot = pin >> 1;
    const version = this.#version(slot);
    assert(version.pinCount > 0, 'a pin ends once');
    version.pinCount -= 1;
    version.memoryPinCount -= pin & 1;
    assert(version.memoryPinCount >= 0, 'a pin ends as it began');
    if (version.pinCount === 0 && slot !== this.#current) this.#slots[slot] = undefined;
  }

  readersOf(pin: number): LevelSet {
    return this.#version(pin >> 1).levels;
  }

  floorOf(pin: number): number {
    return this.#version(pin >> 1).floorSequence;
  }

  /** The lowest floor of pins that hold memory; Infinity: none does. */
  oldestPinnedFloor(): number {
    let floor = Infinity;
    for (const version of this.#slots) {
      if (version === undefined || version.memoryPinCount === 0) continue;
      floor = Math.min(floor, version.floorSequence);
    }
    return floor;
  }

  /** Files that no edition will ever name: outputs of a job that failed, or was thrown away. */
  discard(names: readonly string[]): void {
    for (const name of names) this.#leftovers.add(name);
  }

  /**
   * [SV2] Files that may go now; each is given out once, and again after `removeFailed`. Indexes and
   * filters of tables among them, which nobody reads any more, are added to `freed`.
   */
  takeRemovable(freed: Int32Array[] = []): readonly string[] {
    const names = [...this.#leftovers];
    this.#leftovers = new Set();
    if (this.#underWay !== undefined || this.#isUnknown) return names;
    const current = this.#version(this.#current);
    for (const name of this.#candidates) {
      if (this.#fallbackFiles.has(name) || current.files.has(name)) continue;
      // [SV3]
      if (this.#slots.some((version) => version?.files.has(name) ?? false)) continue;
      names.push(name);
    }
    for (const name of names) this.#candidates.delete(name);
    this.#freeParts(names, freed);
    return names;
  }

  #freeParts(names: readonly string[], freed: Int32Array[]): void {
    for (const name of names) {
      const parts = this.#oldParts.get(name);
      if (parts !== undefined) freed.push(parts.index, parts.filter);
      this.#oldParts.delete(name);
    }
  }

  /** They may go for ever: a number is given once, and no pin comes to an old version. */
  removeFailed(names: readonly string[]): void {
    this.discard(names);
  }

  /** Files that wait for a pin, an edition or their removal. */
  get waitingFileCount(): number {
    return this.#candidates.size + this.#leftovers.size;
  }

  #version(slot: number): Version {
    const version = this.#slots[slot];
    assert(version !== undefined, 'a version lives while it is pinned');
    return version;
  }
}

function newVersion(manifest: Manifest, levels: LevelSet): Version {
  return {
    levels,
    floorSequence: manifest.floorSequence,
    files: filesOf(manifest),
    pinCount: 0,
    memoryPinCount: 0,
  };
}

function partsAddedBy(edit: StoreEdit): readonly TableParts[] {
  if (edit.kind === 'merge') return edit.added;
  return edit.kind === 'flush' && edit.parts !== undefined ? [edit.parts] : [];
}

/** Tables and leaves; segments of the log are the log's. */
function filesOf(manifest: Manifest): Set<string> {
  const names = new Set(manifest.tables.map((table) => tableName(table.fileNumber)));
  if (manifest.leavesFileNumber !== 0) names.add(leavesName(manifest.leavesFileNumber));
  return names;
}
