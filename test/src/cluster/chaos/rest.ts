/**
 * Rest: after all faults have ended, every key is read at level `all`, which mends, until each node by
 * itself gives the same; and the nodes find their hash trees equal. What comes out is what is judged.
 *
 * Invariants:
 *   O4 at rest every node answers alike of every key, and finds no partition that differs
 *   O11 after healing every key can be read, by all and by each
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LEVEL } from '@clockwise/protocol/frame';
import { checkConvergence, type ReplicaState } from '../../checkers/convergence.ts';
import { type KeyName, nameOfKey, type Violation } from '../../checkers/history.ts';
import type { StatusReport } from '@clockwise/server/status-report';
import type { PlannedOperation } from '../../workloads/workload.ts';
import {
  type ClientEntry,
  type ClientFinal,
  type ClientRead,
  isClientWrite,
} from './client-history.ts';

export interface RestingNode {
  readonly id: string;
  readonly node: { status(): Promise<Pick<StatusReport, 'nodeId' | 'differences'>> };
}

export interface Reader {
  perform(planned: PlannedOperation): Promise<ClientEntry>;
}

export interface RestParts {
  readonly nodes: readonly RestingNode[];
  readonly history: readonly ClientEntry[];
  /** One that may speak to any node, and for each node one that speaks to it alone. */
  readonly client: Reader;
  readonly clientOfNode: readonly Reader[];
  /** Within which all must work again. Real time, so far more than it takes. */
  readonly liveMs: number;
}

export interface RestOutcome {
  readonly finals: readonly ClientFinal[];
  readonly violations: readonly Violation[];
}

const ROUNDS_MAX = 6;
const READS_AT_ONCE = 16;

export async function comeToRest(parts: RestParts): Promise<RestOutcome> {
  const keys = [
    ...new Map(
      parts.history.map(({ bucketId, key }) => [nameOfKey({ bucketId, key }), { bucketId, key }]),
    ).values(),
  ];
  const deadline = performance.now() + parts.liveMs;
  const isHiddenAtTimes = repeatedValues(parts.history);
  let finals: readonly ClientFinal[] = [];
  let divergence: readonly Violation[] = [];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const reads = await readEvery(parts.client, keys, LEVEL.all, deadline);
    if (!reads.ok) return { finals, violations: [reads.violation] };
    finals = reads.reads.map(finalOf);
    const states: ReplicaState[] = [];
    for (const [node, client] of parts.clientOfNode.entries()) {
      const own = await readEvery(client, keys, LEVEL.one, deadline);
      if (!own.ok) return { finals, violations: [own.violation] };
      const { id } = parts.nodes[node]!;
      states.push(...own.reads.map((read) => stateOf(id, read, isHiddenAtTimes)));
    }
    divergence = checkConvergence(states);
    if (divergence.length === 0) break;
  }
  return { finals, violations: [...divergence, ...(await compareTrees(parts.nodes, deadline))] };
}

type Reads =
  | { readonly ok: true; readonly reads: readonly ClientRead[] }
  | { readonly ok: false; readonly violation: Violation };

/** [O11] Several at a time. */
async function readEvery(
  client: Reader,
  keys: readonly KeyName[],
  level: number,
  deadline: number,
): Promise<Reads> {
  const reads: ClientRead[] = [];
  const unread: Violation[] = [];
  const waiting = keys.entries();
  const readers = Array.from({ length: READS_AT_ONCE }, async () => {
    for (const [index, key] of waiting) {
      const read = await readUntil(client, key, level, deadline);
      if (read.values !== undefined) reads[index] = read;
      else {
        const text = `after healing, nobody could read ${nameOfKey(key)} at level ${level}: ${read.code}`;
        unread.push({ oracle: 'O11', text });
      }
    }
  });
  await Promise.all(readers);
  const [violation] = unread;
  return violation === undefined ? { ok: true, reads } : { ok: false, violation };
}

async function readUntil(
  client: Reader,
  { bucketId, key }: KeyName,
  level: number,
  deadline: number,
): Promise<ClientRead> {
  for (;;) {
    const entry = (await client.perform({ kind: 'get', bucketId, key, level })) as ClientRead;
    if (entry.values !== undefined || performance.now() > deadline) return entry;
    await sleep(100);
  }
}

function finalOf({ bucketId, key, values, context, siblings }: ClientRead): ClientFinal {
  return { bucketId, key, values: values!, context, siblings };
}

/**
 * Of a write that was repeated, a second trace is shown or hidden by what a record remembers, which may
 * differ where its contents do not (docs/internals/versioning.md).
 */
function repeatedValues(history: readonly ClientEntry[]): ReadonlySet<string> {
  const writes = history.filter(isClientWrite).filter(({ tries }) => tries > 1);
  return new Set(writes.flatMap(({ value }) => (value === undefined ? [] : [value])));
}

function stateOf(
  node: string,
  { bucketId, key, context, siblings }: ClientRead,
  isHiddenAtTimes: ReadonlySet<string>,
): ReplicaState {
  const shown = siblings.filter(({ value }) => !isHiddenAtTimes.has(value));
  const text = JSON.stringify([context, shown], (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString(16) : value,
  );
  const words = Int32Array.from(text, (letter) => letter.codePointAt(0)!);
  return { bucketId, key, node, words };
}

/** [O4] By the nodes' own comparison of all that they hold. */
async function compareTrees(nodes: readonly RestingNode[], deadline: number): Promise<Violation[]> {
  if (nodes.length === 1) return [];
  for (;;) {
    const differing = await treesDiffering(nodes);
    if (differing.length === 0) return [];
    if (performance.now() > deadline) return [{ oracle: 'O4', text: differing.join('; ') }];
    await sleep(200);
  }
}

async function treesDiffering(nodes: readonly RestingNode[]): Promise<string[]> {
  const reports = await Promise.all(nodes.map(({ node }) => node.status()));
  return reports.flatMap(({ nodeId, differences }) => {
    const others = differences.filter(({ partitionsDiffering }) => partitionsDiffering > 0);
    const told = others.map((one) => `${one.partitionsDiffering} from ${one.nodeId}`);
    if (differences.length < nodes.length - 1) told.push('not all were compared');
    return told.length === 0 ? [] : [`hash trees of ${nodeId}: ${told.join(', ')}`];
  });
}
