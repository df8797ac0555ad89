/**
 * One node's disk is filled to the last byte, alone, while clients work on: writes that need this node
 * must be refused in words of the error table, reads must go on; and after there is room again the node
 * must work, without a restart unless it was killed while its disk was full: it then may not have come up.
 *
 * REQUIRES: no other fault is under way, so that what is seen comes of the disk.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Violation } from '../../checkers/history.ts';
import { makeValue } from '../../workloads/write-value.ts';
import { BUCKET, type ChaosCluster } from './chaos-cluster.ts';
import type { ChaosClient } from './chaos-client.ts';

export interface FullDiskOutcome {
  readonly violations: readonly Violation[];
  /** Writes that were refused while the disk was full, by code and outcome. */
  readonly refusals: ReadonlyMap<string, number>;
  /** What the node said of itself while it was full. */
  readonly reasons: readonly string[];
  readonly readsWhileFull: number;
  readonly neededRestart: boolean;
}

export interface FullDiskParts {
  readonly cluster: ChaosCluster;
  readonly node: number;
  readonly isKilledMeanwhile: boolean;
  /** Speaks to the node alone. */
  readonly client: ChaosClient;
  readonly keyPrefix: string;
  readonly seed: string;
}

/** Writes after which a full disk must have shown itself: more than a log segment holds. */
const WRITES_MAX = 3000;
const VALUE_BYTES = 4096;
const REFUSALS_WANTED = 4;
const READS = 20;
const KEYS = 40;
/** The reserve is made whole once a second. A node that did not come up is not waited for. */
const RECOVERY_TRIES = { running: 100, killed: 6 } as const;
const RECOVERY_PAUSE_MS = 100;
const CLEAR_CODES: ReadonlySet<string> = new Set([
  'DISK_FULL',
  'DISK_FAILED',
  'UNAVAILABLE',
  'NOT_READY',
  'OVERLOADED',
  'TIMEOUT',
  'CONNECTION_LOST',
  'UNKNOWN_OUTCOME',
]);

export async function fillDisk(parts: FullDiskParts): Promise<FullDiskOutcome> {
  const { cluster, node, isKilledMeanwhile } = parts;
  const { id } = cluster.nodes[node]!;
  const disk = cluster.disks[node]!;
  const violations: Violation[] = [];
  const violate = (text: string): void => {
    violations.push({ oracle: 'full disk', text: `${id}: ${text}` });
  };
  await write(parts, 0);
  disk.fill();
  const refusals = await writeUntilRefused(parts);
  if (refusals.size === 0) violate('no write was refused while its disk was full');
  for (const what of refusals.keys()) {
    if (!CLEAR_CODES.has(what.split(' ', 1)[0]!)) violate(`a write was refused as ${what}`);
  }
  const status = await cluster.nodes[node]!.node.status();
  if (status.healthy) violate('it calls itself healthy after it refused writes');
  const readsWhileFull = await readSome(parts);
  if (readsWhileFull === 0) violate('no read went on while its disk was full');
  if (isKilledMeanwhile) await cluster.nodes[node]!.restart();
  disk.free();
  let neededRestart = false;
  if (!(await worksAgain(parts))) {
    neededRestart = true;
    if (!isKilledMeanwhile) violate('there is room again, and it does not mend itself');
    const { ready, reasons } = await cluster.nodes[node]!.restart();
    if (!ready) violate(`started with room again, it is not ready: ${reasons.join('; ')}`);
    else if (!(await worksAgain(parts))) violate('there is room again, and it takes no writes');
  }
  return { violations, refusals, reasons: status.reasons, readsWhileFull, neededRestart };
}

/** A write that needs all copies, and so this node's. Undefined: it was acknowledged. */
async function write(parts: FullDiskParts, number: number): Promise<string | undefined> {
  const { client, cluster, keyPrefix, seed } = parts;
  const entry = await client.perform({
    kind: 'put',
    bucketId: BUCKET.sync,
    key: `${keyPrefix}disk-${number % KEYS}`,
    level: cluster.copies,
    context: { kind: 'overwrite' },
    value: makeValue(seed, client.next, VALUE_BYTES),
  });
  if (entry.kind === 'get' || entry.outcome === 'ok') return undefined;
  return `${entry.code} ${entry.outcome}`;
}

async function writeUntilRefused(parts: FullDiskParts): Promise<Map<string, number>> {
  const refusals = new Map<string, number>();
  let refused = 0;
  for (let number = 0; number < WRITES_MAX && refused < REFUSALS_WANTED; number += 1) {
    const refusal = await write(parts, number);
    if (refusal === undefined) continue;
    refused += 1;
    refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
  }
  return refusals;
}

/** How many of some reads through the node were answered. */
async function readSome({ client, keyPrefix }: FullDiskParts): Promise<number> {
  let answered = 0;
  for (let number = 0; number < READS; number += 1) {
    const key = `${keyPrefix}disk-${number % KEYS}`;
    const entry = await client.perform({ kind: 'get', bucketId: BUCKET.sync, key, level: 0 });
    if (entry.kind === 'get' && entry.values !== undefined) answered += 1;
  }
  return answered;
}

async function worksAgain(parts: FullDiskParts): Promise<boolean> {
  const tries = parts.isKilledMeanwhile ? RECOVERY_TRIES.killed : RECOVERY_TRIES.running;
  for (let number = 0; number < tries; number += 1) {
    if ((await write(parts, number)) === undefined) return true;
    await sleep(RECOVERY_PAUSE_MS);
  }
  return false;
}
