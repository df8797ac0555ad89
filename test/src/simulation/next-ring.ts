/** Rings of later epochs, as the plan of a change would have them. */
import { assert } from '@clockwise/kernel/assert';
import { planAssignment } from '@clockwise/placement/plan';
import type { PlacementTable } from '@clockwise/placement/placement-table';
import type { Ring } from '@clockwise/placement/ring';
import { ringFaults } from '@clockwise/placement/ring-validation';
import { addressOf } from './simulated-cluster.ts';

export interface Membership {
  /** Ids of nodes that are members no more. */
  readonly leave?: readonly string[];
  readonly join?: readonly string[];
}

/** The next ring for other members: it keeps all assignments that it can. */
export function ringOfMembers(ring: Ring, { leave = [], join = [] }: Membership): Ring {
  const [some] = ring.nodes;
  assert(some !== undefined, 'a ring has nodes');
  const joining = join.map((id) => ({ ...some, id, host: id, addresses: addressesOf(id) }));
  const staying = ring.nodes.filter(({ id }) => !leave.includes(id));
  const nodes = [...staying, ...joining].toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const nodeIds = ring.nodes.map(({ id }) => id);
  const assignments = ring.assignments.map(
    (placement, index) =>
      planAssignment({
        nodes,
        replicationClass: ring.replicationClasses[index]!,
        partitionCount: ring.partitionCount,
        previous: { nodeIds, placement },
      }).placement,
  );
  return sound({ ...ring, epoch: ring.epoch + 1, nodes, assignments });
}

/** The next ring, in which one node holds a partition in the place of another. */
export function ringWithOwner(ring: Ring, partition: number, from: string, to: string): Ring {
  const indexOf = (id: string): number => ring.nodes.findIndex((node) => node.id === id);
  const moved = ({ stride, table }: PlacementTable): PlacementTable => ({
    stride,
    table: table.map((node, at) =>
      Math.floor(at / stride) === partition && node === indexOf(from) ? indexOf(to) : node,
    ),
  });
  return sound({ ...ring, epoch: ring.epoch + 1, assignments: ring.assignments.map(moved) });
}

function sound(ring: Ring): Ring {
  const next = { ...ring, partitionEpochs: ring.partitionEpochs.map(() => ring.epoch) };
  const faults = ringFaults(next);
  assert(faults.length === 0, `a ring of a later epoch is sound: ${faults.join('; ')}`);
  return next;
}

function addressesOf(id: string): Ring['nodes'][number]['addresses'] {
  return {
    coordinator: addressOf(id, 'coordinator'),
    gossiper: addressOf(id, 'gossiper'),
    control: addressOf(id, 'control'),
    admin: addressOf(id, 'admin'),
  };
}
