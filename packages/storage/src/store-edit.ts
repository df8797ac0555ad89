/**
 * What the next edition of the manifest changes, as values: several that wait become one edition.
 *
 * Invariants:
 *   SE1 the floor passes only sequences whose records are in tables, or were dropped: no hole
 *   SE2 a range drop stays while the log, the memory or a table may hold what it took away
 *   SE3 a merge takes out only tables that are there
 *   SE4 a partition that was given up is named until it is filled again, whatever becomes of its drops
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import {
  type GivenUpPartition,
  type Manifest,
  type RangeDrop,
  type TableMetadata,
  tableOrder,
} from './manifest.ts';
import type { TableParts } from './sstable-reader.ts';
import { meetsRange } from './table-extent.ts';

export type StoreEdit =
  | {
      readonly kind: 'flush';
      /** Undefined: range drops took all that the chunk held. */
      readonly parts: TableParts | undefined;
      readonly lastSequence: number;
      readonly leavesFileNumber: number;
    }
  | {
      readonly kind: 'merge';
      readonly removed: readonly TableMetadata[];
      readonly added: readonly TableParts[];
      readonly droppedCount: number;
    }
  | { readonly kind: 'move'; readonly fileNumber: number; readonly level: number }
  | { readonly kind: 'range-drop'; readonly drop: RangeDrop; readonly leavesFileNumber: number }
  | { readonly kind: 'given-up'; readonly givenUp: GivenUpPartition }
  | { readonly kind: 'filled'; readonly partition: number }
  /** An edition that changes nothing, so that the one before the last goes. */
  | { readonly kind: 'settle' };

/** The manifest with all `edits`, in order; edition and counter are the caller's. */
export function withEdits(manifest: Manifest, edits: readonly StoreEdit[]): Manifest {
  const edited = edits.reduce(withEdit, manifest);
  return { ...edited, rangeDrops: edited.rangeDrops.filter((drop) => isNeeded(drop, edited)) };
}

function withEdit(manifest: Manifest, edit: StoreEdit): Manifest {
  switch (edit.kind) {
    case 'flush':
      return withFlush(manifest, edit);
    case 'merge':
      return withMerge(manifest, edit);
    case 'move':
      return withMove(manifest, edit);
    case 'range-drop': {
      const { drop, leavesFileNumber } = edit;
      return { ...manifest, leavesFileNumber, rangeDrops: [...manifest.rangeDrops, drop] };
    }
    case 'given-up': {
      const others = withoutGivenUp(manifest, edit.givenUp.partition);
      return { ...manifest, givenUp: [...others, edit.givenUp] };
    }
    case 'filled':
      return { ...manifest, givenUp: withoutGivenUp(manifest, edit.partition) };
    case 'settle':
      return manifest;
    default:
      return unreachable(edit);
  }
}

/** [SE4] */
function withoutGivenUp({ givenUp }: Manifest, partition: number): readonly GivenUpPartition[] {
  return givenUp.filter((other) => other.partition !== partition);
}

/** What lies between floor and first record, if anything, was dropped and so not replayed (OS7). */
function followsFloor(firstSequence: number, { floorSequence, rangeDrops }: Manifest): boolean {
  if (firstSequence === floorSequence + 1) return true;
  const isBehind = firstSequence > floorSequence + 1;
  return isBehind && rangeDrops.some(({ sequence }) => sequence >= firstSequence - 1);
}

function withFlush(
  manifest: Manifest,
  { parts, lastSequence, leavesFileNumber }: Extract<StoreEdit, { readonly kind: 'flush' }>,
): Manifest {
  const table = parts?.footer.table;
  assert(
    table === undefined || followsFloor(table.firstSequence, manifest),
    'SE1 flushes follow one another: the floor leaves no record behind',
  );
  assert(table === undefined || table.lastSequence === lastSequence, 'SE1 the floor is the table');
  assert(lastSequence > manifest.floorSequence, 'SE1 the floor rises with every flush');
  return {
    ...manifest,
    floorSequence: lastSequence,
    leavesFileNumber,
    sealed: manifest.sealed.filter((segment) => segment.lastSequence > lastSequence),
    tables: table === undefined ? manifest.tables : tableOrder([...manifest.tables, table]),
  };
}

function withMerge(
  manifest: Manifest,
  { removed, added, droppedCount }: Extract<StoreEdit, { readonly kind: 'merge' }>,
): Manifest {
  const gone = new Set(removed.map((table) => table.fileNumber));
  const kept = manifest.tables.filter((table) => !gone.has(table.fileNumber));
  assert(
    kept.length === manifest.tables.length - removed.length,
    'SE3 the inputs of a merge are in the store until its edition',
  );
  return {
    ...manifest,
    tables: tableOrder([...kept, ...added.map(({ footer }) => footer.table)]),
    droppedRecordCount: manifest.droppedRecordCount + droppedCount,
  };
}

function withMove(
  manifest: Manifest,
  { fileNumber, level }: Extract<StoreEdit, { readonly kind: 'move' }>,
): Manifest {
  const table = manifest.tables.find((each) => each.fileNumber === fileNumber);
  assert(table !== undefined, 'SE3 a table that moves is in the store');
  const kept = manifest.tables.filter((each) => each !== table);
  return { ...manifest, tables: tableOrder([...kept, { ...table, level }]) };
}

/**
 * [SE2] A table that reaches past the drop's sequence was written by a job that knew the drop (flushes
 * and merges alike), so that it holds nothing of what was taken away.
 */
function isNeeded(drop: RangeDrop, manifest: Manifest): boolean {
  if (manifest.floorSequence < drop.sequence) return true;
  return manifest.tables.some(
    (table) => table.lastSequence <= drop.sequence && meetsRange(table, drop),
  );
}
