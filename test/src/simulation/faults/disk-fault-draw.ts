/** How often disks fail in a run, and when, where and how: the draw of disk-faults. */
import type { Prng } from '@clockwise/kernel/prng';
import type { DiskFault, FileKind } from './disk-faults.ts';
import { drawFaultTimes, type FaultPlan } from './fault-times.ts';

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface DiskFaultRates {
  readonly diskErrorsMs: number;
  readonly syncErrorMs: number;
  readonly diskFullMs: number;
  readonly descriptorsMs: number;
  readonly readOnlyMs: number;
  readonly slowDiskMs: number;
  readonly stuckDiskMs: number;
  readonly badWriteMs: number;
  readonly staleReadsMs: number;
  readonly lostSectorMs: number;
  readonly bitFlipMs: number;
  readonly lostFilesMs: number;
}

export const NO_DISK_FAULTS: DiskFaultRates = {
  diskErrorsMs: Infinity,
  syncErrorMs: Infinity,
  diskFullMs: Infinity,
  descriptorsMs: Infinity,
  readOnlyMs: Infinity,
  slowDiskMs: Infinity,
  stuckDiskMs: Infinity,
  badWriteMs: Infinity,
  staleReadsMs: Infinity,
  lostSectorMs: Infinity,
  bitFlipMs: Infinity,
  lostFilesMs: Infinity,
};

/** Disks are well in some of the runs: a fenced shard answers nothing, and hides what others do. */
const WELL_PROBABILITY = 0.3;
/** Of the kinds, where disks fail; the run keeps but a share of what is left (drawFaultRates). */
const LEFT_OUT_PROBABILITY = 0.3;

export function drawDiskFaultRates(prng: Prng): DiskFaultRates {
  if (prng.chance(WELL_PROBABILITY)) return NO_DISK_FAULTS;
  const meanMs = (choices: readonly number[]): number =>
    prng.chance(LEFT_OUT_PROBABILITY) ? Infinity : prng.pick(choices);
  return {
    diskErrorsMs: meanMs([4000, 10_000]),
    syncErrorMs: meanMs([2000, 5000, 10_000]),
    diskFullMs: meanMs([5000, 12_000]),
    descriptorsMs: meanMs([3000, 10_000]),
    readOnlyMs: meanMs([8000, 20_000]),
    slowDiskMs: meanMs([3000, 8000]),
    stuckDiskMs: meanMs([6000, 15_000]),
    badWriteMs: meanMs([300, 1500, 5000]),
    staleReadsMs: meanMs([1500, 5000]),
    lostSectorMs: meanMs([1000, 5000]),
    bitFlipMs: meanMs([300, 1500, 5000]),
    lostFilesMs: meanMs([5000, 15_000]),
  };
}

export function drawDiskFaults(
  prng: Prng,
  rates: DiskFaultRates,
  { nodeIds, shardCount, workMs, victims }: FaultPlan,
): DiskFault[] {
  const draw: DrawKind = (label, meanMs, nodes, one) => {
    if (nodes.length === 0) return [];
    const stream = prng.stream(label);
    return drawFaultTimes(stream, meanMs, workMs).map((atMs) =>
      one(stream, { atMs, node: stream.pick(nodes), shard: stream.below(shardCount) }),
    );
  };
  const all = Array.from(nodeIds, (_, node) => node);
  return [...drawTroubles(draw, rates, all), ...drawDamage(draw, rates, victims)];
}

type DrawKind = (
  label: string,
  meanMs: number,
  nodes: readonly number[],
  one: (stream: Prng, place: Place) => DiskFault,
) => DiskFault[];

/** What fails, fills up or hangs, and says so. */
function drawTroubles(draw: DrawKind, rates: DiskFaultRates, all: readonly number[]): DiskFault[] {
  return [
    ...draw('errors', rates.diskErrorsMs, all, drawErrors),
    ...draw('sync-error', rates.syncErrorMs, all, drawSyncError),
    ...draw('full', rates.diskFullMs, all, (stream, { atMs, node }) => ({
      kind: 'disk-full',
      atMs,
      node,
      freeBytes: stream.pick([0, 100, 5000, 40_000]),
      forMs: stream.pick([300, 2000, 6000]),
    })),
    ...draw('descriptors', rates.descriptorsMs, all, (stream, { atMs, node }) => ({
      kind: 'descriptors',
      atMs,
      node,
      forMs: stream.pick([50, 500, 3000]),
    })),
    ...draw('read-only', rates.readOnlyMs, all, (stream, { atMs, node }) => ({
      kind: 'read-only',
      atMs,
      node,
      forMs: stream.pick([100, 3000]),
    })),
    ...draw('slow', rates.slowDiskMs, all, (stream, { atMs, node }) => ({
      kind: 'slow-disk',
      atMs,
      node,
      factor: stream.pick([10, 100]),
      forMs: stream.pick([500, 4000]),
    })),
    ...draw('stuck', rates.stuckDiskMs, all, (stream, { atMs, node }) => ({
      kind: 'stuck-disk',
      atMs,
      node,
      calls: stream.pick(['reads', 'writes', 'all']),
      forMs: stream.pick([200, 2000, 15_000, 60_000]),
    })),
  ];
}

/** What destroys data behind everybody's back. */
function drawDamage(
  draw: DrawKind,
  rates: DiskFaultRates,
  victims: readonly number[],
): DiskFault[] {
  return [
    ...draw('bad-write', rates.badWriteMs, victims, (stream, place) => ({
      kind: 'bad-write',
      ...place,
      files: stream.pick(FILE_KINDS),
      fate: stream.pick(['lost', 'torn', 'misdirected']),
      toOther: stream.chance(0.5),
      sectors: stream.pick([-8, -1, 1, 8]),
      evicts: stream.chance(0.5),
    })),
    ...draw('stale-reads', rates.staleReadsMs, victims, (stream, place) => ({
      kind: 'stale-reads',
      ...place,
      files: stream.pick(FILE_KINDS),
      forMs: stream.pick([50, 1000]),
    })),
    ...draw('lost-sector', rates.lostSectorMs, victims, (stream, place) => ({
      kind: 'lost-sector',
      ...place,
      ...drawByte(stream),
    })),
    ...draw('bit-flip', rates.bitFlipMs, victims, (stream, place) => ({
      kind: 'bit-flip',
      ...place,
      ...drawByte(stream),
      bit: stream.below(8),
    })),
    ...draw('lost-files', rates.lostFilesMs, victims, (stream, place) => ({
      kind: 'lost-files',
      ...place,
      files: stream.pick(FILE_KINDS),
      how: stream.pick(['truncated', 'removed']),
    })),
  ];
}

interface Place {
  readonly atMs: number;
  readonly node: number;
  readonly shard: number;
}

const FILE_KINDS: readonly FileKind[] = ['log-', 'table-', 'table-', 'manifest-', 'leaves-'];

function drawByte(prng: Prng): {
  readonly files: FileKind;
  readonly file: number;
  readonly byte: number;
} {
  return { files: prng.pick(FILE_KINDS), file: prng.unit(), byte: prng.unit() };
}

function drawErrors(prng: Prng, place: Place): DiskFault {
  return {
    kind: 'disk-errors',
    ...place,
    calls: prng.pick(['reads', 'reads', 'writes', 'all']),
    probability: prng.pick([0.02, 0.1, 1]),
    code: prng.pick(['EIO', 'EIO', 'ENOSPC', 'OTHER']),
    forMs: prng.pick([50, 500, 3000]),
  };
}

function drawSyncError(prng: Prng, place: Place): DiskFault {
  return {
    kind: 'sync-error',
    ...place,
    pages: prng.pick(['new', 'old']),
    medium: prng.pick(['none', 'some', 'all']),
  };
}
