/**
 * What is wrong with a cluster, from its nodes' reports. Pure.
 *
 * Invariants:
 *   HL1 healthy means: every node answers, is ready and healthy, sees every other node up, owes nothing
 *       for long, and all hold one ring
 *   HL2 every problem names the next command to run
 */
import { unreachable } from '@clockwise/kernel/assert';
import { isOwedForLong, owedText } from '@clockwise/server/owed-text';
import type { OwedReport, StatusReport } from '@clockwise/server/status-report';
import { shownPath } from './cluster/data-folder.ts';
import { logFileOf } from './cluster/node-process.ts';
import type { NodeStatus } from './cluster-status.ts';
import type { FoundCluster } from './find-cluster.ts';

export interface Problem {
  readonly nodeId: string;
  readonly text: string;
  readonly next: string;
}

/** `from`: where the user stands. */
export function problemsOf(
  nodes: readonly NodeStatus[],
  found: FoundCluster,
  from: string,
): readonly Problem[] {
  const down = new Set(nodes.flatMap(({ kind, node }) => (kind === 'down' ? [node.nodeId] : [])));
  return [
    ...nodes.flatMap((status) => nodeProblems(status, found, { from, down })),
    ...ringProblems(nodes, found),
  ];
}

interface Surroundings {
  readonly from: string;
  /** Nodes that are told to be down by themselves: nobody needs to say so again. */
  readonly down: ReadonlySet<string>;
}

function nodeProblems(
  status: NodeStatus,
  found: FoundCluster,
  { from, down }: Surroundings,
): Problem[] {
  const { nodeId } = status.node;
  const look = logCommand(nodeId, found, from);
  switch (status.kind) {
    case 'down': {
      const start = found.self(`start --node ${nodeId}`);
      const next = found.local === undefined ? 'start its process on its host' : start;
      return [{ nodeId, text: `${nodeId} is down: ${status.reason}`, next }];
    }
    case 'unreachable':
      return [
        {
          nodeId,
          text: `${nodeId} runs but does not answer clients: ${status.reason}`,
          next: look,
        },
        ...reasonsOf(status.report).map((text) => ({ nodeId, text, next: look })),
        ...owing(status.report, found),
      ];
    case 'answered':
      return [
        ...reasonsOf(status.report).map((text) => ({ nodeId, text, next: look })),
        ...unseen(status, down).map((text) => ({ nodeId, text, next: found.self('status') })),
        ...owing(status.report, found),
      ];
    default:
      return unreachable(status);
  }
}

/** A report that is not healthy always has something to say. */
function reasonsOf(report: StatusReport): string[] {
  const { nodeId, ready, healthy, reasons } = report;
  if (ready && healthy) return [];
  const owed = new Set(longOwed(report).map(owedText));
  const others = reasons.filter((reason) => !owed.has(reason));
  if (reasons.length > 0) return others.map((reason) => `${nodeId}: ${reason}`);
  return [`${nodeId} is ${ready ? 'not healthy' : 'not ready'}`];
}

/** A node that is not healthy has told its reasons, this one among them. */
function unseen(
  { report }: Extract<NodeStatus, { kind: 'answered' }>,
  down: ReadonlySet<string>,
): string[] {
  if (!report.healthy) return [];
  return report.ring.nodes
    .filter((node) => node.state !== 'up' && !down.has(node.nodeId))
    .map((node) => `${report.nodeId} sees ${node.nodeId} as ${node.state}`);
}

/** Told apart from other reasons, for there is a command for it. */
function owing(report: StatusReport, found: FoundCluster): Problem[] {
  const { nodeId } = report;
  return longOwed(report).map((target) => ({
    nodeId,
    text: `${nodeId} ${owedText(target)}`,
    next: found.self(`hints --wait ${target.nodeId}`),
  }));
}

function longOwed({ hints }: StatusReport): readonly OwedReport[] {
  return hints.targets.filter(isOwedForLong);
}

function ringProblems(nodes: readonly NodeStatus[], found: FoundCluster): Problem[] {
  const rings = nodes.flatMap((status) => (status.kind === 'down' ? [] : [status.report]));
  const [first] = rings;
  return rings
    .filter((report) => report.ring.hash !== first?.ring.hash)
    .map(({ nodeId, ring }) => ({
      nodeId,
      text: `${nodeId} holds another ring (epoch ${ring.epoch}, ${ring.hash}) than ${first?.nodeId}`,
      next: found.self('ring'),
    }));
}

function logCommand(nodeId: string, found: FoundCluster, from: string): string {
  if (found.local === undefined) return found.self('status -o json');
  return `less ${shownPath(logFileOf(found.local.folder, nodeId), from)}`;
}
