/**
 * States of a store as text, for tests of the picker, and what it picks as text.
 */
import { type Manifest, type RangeDrop, type TableMetadata, tableOrder } from '../manifest.ts';
import type { Pick, PickOptions } from './picking.ts';

/** Tables as text, each with its marks. */
const TABLES = /\w+-\w+:\d+(?:\((\S+)\))?/g;

export const OPTIONS: PickOptions = {
  runsMin: 4,
  runsAtOnce: 16,
  tableBytes: 32,
  levelBytes1: 256,
  fanout: 8,
  levelsMax: 6,
  expiredBeforeSeconds: 0,
  canDropTombstones: false,
  isAtRest: false,
  outdatedShares: new Map(),
  rewrittenForExpiry: new Set(),
  rewrittenForTombstones: new Set(),
};

/**
 * One line a level, or a run of level 0 with its sequences; tables are numbered from 1 in order:
 *
 *     L0 11-20 | 00-7f:32 80-ff:31(t12)      first and last token, bytes, then marks:
 *     t12 of 100 records are tombstones, x30@99-120 of them expire between these seconds,
 *     s20 is the last sequence, r64 the bytes before any codec, o40 of the records outdate older ones
 *     drop 10-1f 25                          tokens, sequence
 */
export function parse(text: string): Manifest {
  const tables: TableMetadata[] = [];
  const rangeDrops: RangeDrop[] = [];
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    const drop = /^drop (\w+)-(\w+) (\d+)$/.exec(line);
    if (drop !== null) {
      const [from, to] = [token(drop[1]!), token(drop[2]!)];
      rangeDrops.push({ bucketId: 1, ...rangeOf(from, to), sequence: Number(drop[3]) });
      continue;
    }
    const [, level, first, last, rest] = /^L(\d)(?: (\d+)-(\d+) \|)?((?: \S+)*)$/.exec(line)!;
    for (const each of rest!.trim().split(' ')) {
      tables.push({
        ...parseTable(each, tables.length + 1),
        level: Number(level),
        ...(first === undefined
          ? {}
          : { firstSequence: Number(first), lastSequence: Number(last) }),
      });
    }
  }
  return manifestOf(tables, rangeDrops);
}

/** Of a state as text, the tables of which records outdate older ones, and which share does. */
export function outdatedSharesIn(text: string): ReadonlyMap<number, number> {
  const shares = new Map<number, number>();
  for (const [index, [, marks]] of [...text.matchAll(TABLES)].entries()) {
    const outdated = markOf(marks, 'o');
    if (outdated !== undefined) shares.set(index + 1, Number(outdated) / 100);
  }
  return shares;
}

export function rangeOf(from: number, to: number): Omit<RangeDrop, 'bucketId' | 'sequence'> {
  return { fromHigh: from, fromLow: 0, toHigh: to, toLow: -1 };
}

/** The one whose letter the mark begins with, without the letter. */
function markOf(marks: string | undefined, letter: string): string | undefined {
  const found = (marks ?? '').split(',').find((each) => each.startsWith(letter));
  return found?.slice(1);
}

/** Two hexadecimal digits: the top byte of the token. */
export function token(digits: string): number {
  return parseInt(digits, 16) << 24;
}

function parseTable(text: string, fileNumber: number): TableMetadata {
  const match = /^(\w+)-(\w+):(\d+)(?:\((\S+)\))?$/.exec(text)!;
  const mark = (letter: string): string | undefined => markOf(match[4], letter);
  const [, expiring, earliest, latest] = /^(\d+)@(\d+)(?:-(\d+))?$/.exec(mark('x') ?? '0@0')!;
  return tableOf(fileNumber, token(match[1]!), token(match[2]!), {
    byteCount: Number(match[3]),
    tombstoneCount: Number(mark('t') ?? 0),
    expiringCount: Number(expiring),
    earliestExpirySeconds: Number(earliest),
    latestExpirySeconds: Number(latest ?? earliest),
    lastSequence: Number(mark('s') ?? 1000),
    rawBytes: Number(mark('r') ?? match[3]),
  });
}

export function tableOf(
  fileNumber: number,
  firstTokenHigh: number,
  lastTokenHigh: number,
  changes: Partial<TableMetadata>,
): TableMetadata {
  return {
    fileNumber,
    level: 0,
    byteCount: 0,
    recordCount: 100,
    tombstoneCount: 0,
    firstBucketId: 1,
    firstTokenHigh,
    firstTokenLow: 0,
    lastBucketId: 1,
    lastTokenHigh,
    lastTokenLow: 0,
    firstSequence: 1,
    lastSequence: 1000,
    rawBytes: changes.byteCount ?? 0,
    expiringCount: 0,
    deltaCount: 0,
    earliestExpirySeconds: 0,
    latestExpirySeconds: 0,
    largestRecordWords: 24,
    ...changes,
  };
}

export function manifestOf(
  tables: readonly TableMetadata[],
  rangeDrops: readonly RangeDrop[] = [],
): Manifest {
  return {
    edition: 1,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    opening: 1,
    nextFileNumber: 1000,
    floorSequence: 1000,
    leavesFileNumber: 0,
    sealed: [],
    tables: tableOrder(tables),
    rangeDrops,
    givenUp: [],
    droppedRecordCount: 0,
  };
}

export function print(pick: Pick | undefined): string {
  if (pick === undefined) return 'nothing';
  if (pick.kind === 'move') {
    return `move ${pick.table.fileNumber} -> L${pick.outputLevel} ${pick.score}`;
  }
  const inputs = pick.inputs.map(({ fileNumber }) => fileNumber).join(' ');
  const bottom = pick.isBottom ? ' bottom' : '';
  return `merge ${inputs} -> L${pick.outputLevel} ${pick.score}${bottom}`;
}
