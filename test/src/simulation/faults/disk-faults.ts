/**
 * Faults of disks: what a run may have of them, and how each is carried out.
 *
 * Of two sorts. What a disk says aloud (errors, no room, no descriptors, slowness) may strike any node
 * at any time. What it does in silence, or for good, destroys data, and strikes only whom the fault
 * atlas gives up.
 *
 * Invariants:
 *   KF1 what destroys data is carried out only after the atlas allowed it
 *   KF2 a fault that lasts carries `forMs`, and after `healDisks` none acts; what it did to bytes stays
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { StuckCalls } from '@clockwise/simulator/disk-tempo';
import type { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { ArmedWrite, DiskCondition } from '@clockwise/simulator/simulated-disk-faults';
import type { FailedSync } from '@clockwise/simulator/simulated-file';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { DEFAULT_RUNTIME_LIMITS } from '@clockwise/runtime/runtime-limits';

interface DiskFaultPlace {
  readonly atMs: number;
  readonly node: number;
}

interface ShardFaultPlace extends DiskFaultPlace {
  readonly shard: number;
}

/** Beginnings of names: files of one kind. */
export type FileKind = 'log-' | 'table-' | 'manifest-' | 'leaves-';

/** A file of the kind and a byte in it, as fractions of how many there are. */
interface BytePlace {
  readonly files: FileKind;
  readonly file: number;
  readonly byte: number;
}

/** Said aloud. */
export type LoudDiskFault =
  /** Calls fail with a probability. */
  | (ShardFaultPlace & {
      readonly kind: 'disk-errors';
      readonly calls: 'reads' | 'writes' | 'all';
      readonly probability: number;
      readonly code: DiskFailure;
      readonly forMs: number;
    })
  /** The next sync fails and those after it succeed: F5. */
  | (ShardFaultPlace & FailedSync & { readonly kind: 'sync-error' })
  /** No more than these bytes, on each of the node's disks: F17. */
  | (DiskFaultPlace & {
      readonly kind: 'disk-full';
      readonly freeBytes: number;
      readonly forMs: number;
    })
  /** F18. */
  | (DiskFaultPlace & { readonly kind: 'descriptors'; readonly forMs: number })
  | (DiskFaultPlace & { readonly kind: 'read-only'; readonly forMs: number })
  /** F23. */
  | (DiskFaultPlace & {
      readonly kind: 'slow-disk';
      readonly factor: number;
      readonly forMs: number;
    })
  | (DiskFaultPlace & {
      readonly kind: 'stuck-disk';
      readonly calls: StuckCalls;
      readonly forMs: number;
    });

/** In silence, or for good. */
export type SilentDiskFault =
  | (ShardFaultPlace & ArmedWrite & { readonly kind: 'bad-write'; readonly files: FileKind })
  | (ShardFaultPlace & {
      readonly kind: 'stale-reads';
      readonly files: FileKind;
      readonly forMs: number;
    })
  | (ShardFaultPlace & BytePlace & { readonly kind: 'lost-sector' })
  | (ShardFaultPlace & BytePlace & { readonly kind: 'bit-flip'; readonly bit: number })
  /** All files of a kind: F16. */
  | (ShardFaultPlace & {
      readonly kind: 'lost-files';
      readonly files: FileKind;
      readonly how: 'truncated' | 'removed';
    });

export type DiskFault = LoudDiskFault | SilentDiskFault;

export function injectDiskFault(fault: DiskFault, cluster: SimulatedCluster): void {
  switch (fault.kind) {
    case 'disk-errors':
    case 'sync-error':
    case 'disk-full':
    case 'descriptors':
    case 'read-only':
    case 'slow-disk':
    case 'stuck-disk':
      injectLoud(fault, cluster);
      return;
    case 'bad-write':
    case 'stale-reads':
    case 'lost-sector':
    case 'bit-flip':
    case 'lost-files':
      // [KF1]
      if (cluster.atlas.claim(fault.node)) injectSilent(fault, cluster);
      return;
    default:
      unreachable(fault);
  }
}

function injectLoud(fault: LoudDiskFault, cluster: SimulatedCluster): void {
  const { disks, tempos } = cluster.nodes[fault.node]!;
  switch (fault.kind) {
    case 'disk-errors':
      during(cluster, fault.forMs, disks[fault.shard]!, {
        kind: 'errors',
        operations: CALLS[fault.calls],
        code: fault.code,
        probability: fault.probability,
      });
      return;
    case 'sync-error': {
      const { pages, medium } = fault;
      disks[fault.shard]!.inject({ operation: 'datasync', nth: 1, code: 'EIO', pages, medium });
      return;
    }
    case 'disk-full':
      for (const disk of disks) {
        const capacityBytes = disk.usedBytes() + fault.freeBytes;
        during(cluster, fault.forMs, disk, { kind: 'full', capacityBytes });
      }
      return;
    case 'descriptors':
      for (const disk of disks) {
        const openFilesMax = disk.openFileCount;
        during(cluster, fault.forMs, disk, { kind: 'descriptors', openFilesMax });
      }
      return;
    case 'read-only':
      for (const disk of disks) during(cluster, fault.forMs, disk, { kind: 'read-only' });
      return;
    case 'slow-disk':
      for (const tempo of tempos) tempo.slow(fault.factor, fault.forMs);
      return;
    case 'stuck-disk':
      for (const tempo of tempos) tempo.stick(fault.calls, fault.forMs);
      cluster.simulation.after(DEFAULT_RUNTIME_LIMITS.logHungAfterMs, () => {
        cluster.nodes[fault.node]!.lookForHungLogs();
      });
      return;
    default:
      unreachable(fault);
  }
}

function injectSilent(fault: SilentDiskFault, cluster: SimulatedCluster): void {
  const disk = cluster.nodes[fault.node]!.disks[fault.shard]!;
  switch (fault.kind) {
    case 'bad-write':
      disk.faults.arm(fault);
      return;
    case 'stale-reads':
      during(cluster, fault.forMs, disk, { kind: 'stale-reads', files: fault.files });
      return;
    case 'lost-sector':
      atByte(disk, fault, (name, position) => disk.loseSector(name, position));
      return;
    case 'bit-flip':
      atByte(disk, fault, (name, position) => {
        disk.corrupt(name, position, disk.contents(name)[position]! ^ (1 << fault.bit));
      });
      return;
    case 'lost-files':
      for (const name of disk.names(fault.files)) {
        if (fault.how === 'removed') disk.lose(name);
        else disk.truncate(name);
      }
      return;
    default:
      unreachable(fault);
  }
}

const CALLS = {
  reads: ['open', 'read'],
  writes: ['create', 'write', 'datasync', 'syncDirectory', 'rename', 'remove'],
  all: ['open', 'read', 'create', 'write', 'datasync', 'syncDirectory', 'list', 'rename', 'remove'],
} as const;

/** [KF2] */
function during(
  cluster: SimulatedCluster,
  forMs: number,
  disk: SimulatedDisk,
  condition: DiskCondition,
): void {
  disk.faults.begin(condition);
  cluster.simulation.after(forMs, () => disk.faults.end(condition));
}

/** The byte that the fractions name; nothing where there is no such file. */
function atByte(
  disk: SimulatedDisk,
  place: BytePlace,
  act: (name: string, position: number) => void,
): void {
  const names = disk.names(place.files).filter((name) => disk.sizeOf(name) > 0);
  const name = names[Math.floor(place.file * names.length)];
  if (name !== undefined) act(name, Math.floor(place.byte * disk.sizeOf(name)));
}
