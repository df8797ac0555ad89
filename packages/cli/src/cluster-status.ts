/**
 * Every node's own word on itself, gathered: each node is asked through its coordinator, where clients
 * come in; one that does not answer there is asked at its admin endpoint for the reason.
 */
import { ClockwiseError, connect } from '@clockwise/client';
import type { StatusReport } from '@clockwise/server/status-report';
import { addressOf } from './cluster/cluster-file.ts';
import { probe, reportOf } from './cluster/probe.ts';
import type { FoundCluster } from './find-cluster.ts';
import { unreachableReason } from './tcp-reach.ts';

export interface KnownNode {
  readonly nodeId: string;
  readonly address: string;
  /** Empty where nobody told it. */
  readonly adminAddress: string;
}

export type NodeStatus =
  | { readonly kind: 'answered'; readonly node: KnownNode; readonly report: StatusReport }
  /** Its process lives, its coordinator does not answer. */
  | {
      readonly kind: 'unreachable';
      readonly node: KnownNode;
      readonly report: StatusReport;
      readonly reason: string;
    }
  | { readonly kind: 'down'; readonly node: KnownNode; readonly reason: string };

/** Undefined where no server answers and nothing else tells what nodes there are. */
export async function clusterStatus(
  found: FoundCluster,
  timeoutMs: number,
): Promise<readonly NodeStatus[] | undefined> {
  const nodes = await knownNodes(found, timeoutMs);
  if (nodes === undefined) return undefined;
  return Promise.all(nodes.map((node) => statusOf(node, timeoutMs)));
}

/** By the ring, as any server tells it; else by the local cluster's file. */
export async function knownNodes(
  found: FoundCluster,
  timeoutMs: number,
): Promise<readonly KnownNode[] | undefined> {
  const asked = found.servers.map(async (server) => {
    const answer = await askCoordinator(server, timeoutMs);
    if (!answer.ok) throw new Error(answer.reason);
    return answer.report;
  });
  try {
    const { ring } = await Promise.any(asked);
    return ring.nodes;
  } catch {
    // No server tells the ring: only the file can know what nodes there are.
    return found.local?.cluster.nodes.map((node) => ({
      nodeId: node.id,
      address: addressOf(node, 'coordinator'),
      adminAddress: addressOf(node, 'admin'),
    }));
  }
}

async function statusOf(node: KnownNode, timeoutMs: number): Promise<NodeStatus> {
  const answer = await askCoordinator(node.address, timeoutMs);
  if (answer.ok) return { kind: 'answered', node, report: answer.report };
  const { reason } = answer;
  if (node.adminAddress === '') return { kind: 'down', node, reason };
  const probed = await probe(node.adminAddress, timeoutMs);
  if (probed.ok) return { kind: 'unreachable', node, report: probed.report, reason };
  return { kind: 'down', node, reason: probed.reason };
}

type Answer =
  | { readonly ok: true; readonly report: StatusReport }
  | { readonly ok: false; readonly reason: string };

/** One connection, to this address only: a client dials what it was given before what it learns. */
async function askCoordinator(address: string, timeoutMs: number): Promise<Answer> {
  const reason = await unreachableReason(address, timeoutMs);
  if (reason !== undefined) return { ok: false, reason };
  try {
    const database = await connect({ servers: address, connectTimeoutMs: timeoutMs, timeoutMs });
    try {
      return reportOf(JSON.stringify(await database.status(timeoutMs)));
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof ClockwiseError) return { ok: false, reason: error.message };
    throw error;
  }
}
