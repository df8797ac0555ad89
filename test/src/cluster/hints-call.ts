/** `clockwise hints`, as tests of whole nodes call it, and what a node's status says of the same. */
import { runCommand } from '@clockwise/cli/command-line';
import { hintsCommand } from '@clockwise/cli/commands/hints';
import { testTerminal } from '@clockwise/cli/test-terminal';
import type { OwedReport, StatusReport } from '@clockwise/server/status-report';
import type { TestCluster } from './test-node.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
}

export async function hints(cluster: TestCluster, ...args: string[]): Promise<Said> {
  const terminal = testTerminal();
  const words = ['--connect', cluster.addresses.join(','), ...args];
  const code = await runCommand(hintsCommand, words, terminal);
  return { code, out: terminal.out.join('') };
}

/** What a node owes another one; undefined: nothing. */
export function owedTo(nodeId: string, report: StatusReport): OwedReport | undefined {
  return report.hints.targets.find((target) => target.nodeId === nodeId);
}
