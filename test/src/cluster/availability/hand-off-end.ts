/**
 * The end of hand-off: waits until every node has counted what it keeps for others and keeps nothing,
 * and looks what their hash trees say then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '@clockwise/server/status-report';
import type { Violation } from '../../checkers/history.ts';

export interface WaitingNode {
  readonly id: string;
  readonly node: { status(): Promise<Pick<StatusReport, 'hints' | 'differences'>> };
}

export interface HandOffEnd {
  readonly seconds: number;
  readonly partitionsDiffering: number;
  readonly violations: readonly Violation[];
}

const POLL_MS = 200;
/** Within which comparisons made before have been made anew. */
const COMPARED_MS = 1500;

export async function drained(nodes: readonly WaitingNode[], liveMs: number): Promise<HandOffEnd> {
  const beganAt = performance.now();
  const elapsed = (): number => performance.now() - beganAt;
  for (;;) {
    const owing = await owingNodes(nodes);
    if (owing.length === 0) break;
    if (elapsed() > liveMs) {
      const violations = [{ oracle: 'O11', text: owing.join('; ') }];
      return { seconds: elapsed() / 1000, partitionsDiffering: 0, violations };
    }
    await sleep(POLL_MS);
  }
  const seconds = elapsed() / 1000;
  await sleep(COMPARED_MS);
  const reports = await Promise.all(nodes.map(({ node }) => node.status()));
  const differences = reports.flatMap((report) => report.differences);
  const differing = differences.reduce((sum, one) => sum + one.partitionsDiffering, 0);
  return { seconds, partitionsDiffering: differing, violations: [] };
}

async function owingNodes(nodes: readonly WaitingNode[]): Promise<string[]> {
  const reports = await Promise.all(nodes.map(({ node }) => node.status()));
  return reports.flatMap(({ hints }, index) => {
    const { id } = nodes[index]!;
    const owed = hints.targets.map(
      ({ nodeId, copies, marks, dirty }) =>
        `${id} owes ${nodeId} ${copies} copies, ${marks} marks and ${dirty} ranges`,
    );
    return hints.isCounted ? owed : [...owed, `${id} has not counted what it owes`];
  });
}
