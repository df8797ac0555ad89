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
/** What was compared before may have changed since. */
const STALE_MS = 1500;
/** Within which all comparisons that were made before have been made anew. */
const COMPARED_MS = 10_000;

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
  await sleep(STALE_MS);
  const comparedBy = elapsed() + COMPARED_MS;
  let differing = await partitionsDiffering(nodes);
  while (differing > 0 && elapsed() < comparedBy) {
    await sleep(POLL_MS);
    differing = await partitionsDiffering(nodes);
  }
  return { seconds, partitionsDiffering: differing, violations: [] };
}

/** Over all pairs, by the last comparison of each. */
async function partitionsDiffering(nodes: readonly WaitingNode[]): Promise<number> {
  const reports = await Promise.all(nodes.map(({ node }) => node.status()));
  const differences = reports.flatMap((report) => report.differences);
  return differences.reduce((sum, one) => sum + one.partitionsDiffering, 0);
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
