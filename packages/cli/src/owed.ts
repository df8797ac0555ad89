/**
 * What the nodes of a cluster owe one another, from their reports. Pure.
 *
 * Invariants:
 *   OW1 a node is in sync only when every node has looked through its store and owes it nothing
 */
import type { OwedReport } from '@clockwise/server/status-report';
import { owedText } from '@clockwise/server/owed-text';
import type { NodeStatus } from './cluster-status.ts';

/** What one node owes another; `from` is who owes it, `nodeId` to whom. */
export interface OwedLine extends OwedReport {
  readonly from: string;
}

export interface Owed {
  readonly lines: readonly OwedLine[];
  /** Sentences: of which nodes more may come, and why. */
  readonly unsure: readonly string[];
}

export function owedOf(nodes: readonly NodeStatus[]): Owed {
  return { lines: nodes.flatMap(linesOf), unsure: nodes.flatMap(unsureOf) };
}

/** [OW1] Sentences: what is still between a node and all that it missed. */
export function missingOf(nodes: readonly NodeStatus[], nodeId: string): readonly string[] {
  const { lines, unsure } = owedOf(nodes);
  const owing = lines.filter((line) => line.nodeId === nodeId);
  return [...owing.map((line) => `${line.from} ${owedText(line)}`), ...unsure];
}

function linesOf(status: NodeStatus): OwedLine[] {
  if (status.kind === 'down') return [];
  return status.report.hints.targets.map((target) => ({ from: status.node.nodeId, ...target }));
}

function unsureOf(status: NodeStatus): string[] {
  const { nodeId } = status.node;
  if (status.kind === 'down') return [`${nodeId} cannot be asked: ${status.reason}`];
  return status.report.hints.isCounted ? [] : [`${nodeId} still looks through its store`];
}
