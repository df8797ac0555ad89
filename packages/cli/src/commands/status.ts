import { clusterStatus, type NodeStatus } from '../cluster-status.ts';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  integerOption,
  OUTPUT_OPTION,
  Refusal,
  type Call,
  type Command,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { findCluster } from '../find-cluster.ts';
import { problemsOf, type Problem } from '../health.ts';
import { startCommand } from '../session.ts';
import type { Style } from '../style.ts';
import { clean, tableText, type Cell, type Column } from '../text-table.ts';

const TIMEOUT_MS = 3000;

export const statusCommand: Command = {
  name: 'status',
  usage: '',
  summary: 'ask every node how it is; exit code 0 if the cluster is ready and healthy',
  positionalsMin: 0,
  positionalsMax: 0,
  options: { ...OUTPUT_OPTION, ...CONNECTION_OPTIONS },
  notes: ['A node that does not answer within the timeout (3000 ms) is shown as down.'],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', ['table', 'json']);
  const timeoutMs = integerOption(call, 'timeout', { min: 1, max: 60_000 }) ?? TIMEOUT_MS;
  const found = findCluster(call);
  const nodes = await clusterStatus(found, timeoutMs);
  if (nodes === undefined) {
    throw new Refusal(
      `none of ${found.servers.join(', ')} answers. Next: start one of them, or name another one ` +
        'with --connect',
      EXIT.unreachable,
    );
  }
  const problems = problemsOf(nodes, found, call.terminal.folder);
  const isHealthy = problems.length === 0;
  const noneAnswers = nodes.every((node) => node.kind === 'down');
  await (format === 'json'
    ? call.terminal.print(JSON.stringify(statusJson(nodes, problems), null, 2))
    : printTable(call, nodes, problems));
  if (noneAnswers && format === 'table') {
    const start = found.local === undefined ? 'start its nodes' : startCommand(found.local);
    await call.terminal.print(`\nNo node answers. Next: ${start}`);
  }
  if (noneAnswers) return EXIT.unreachable;
  return isHealthy ? EXIT.ok : EXIT.negative;
}

export function statusJson(nodes: readonly NodeStatus[], problems: readonly Problem[]): object {
  return {
    healthy: problems.length === 0,
    ready: nodes.every((node) => node.kind === 'answered' && node.report.ready),
    problems,
    nodes: nodes.map((status) => ({
      ...status.node,
      state: stateOf(status),
      reason: status.kind === 'answered' ? null : status.reason,
      report: status.kind === 'down' ? null : status.report,
    })),
  };
}

async function printTable(
  { terminal }: Call,
  nodes: readonly NodeStatus[],
  problems: readonly Problem[],
): Promise<void> {
  const columns: Column[] = [
    { title: 'NODE' },
    { title: 'ADDRESS' },
    { title: 'STATE' },
    { title: 'EPOCH', align: 'right' },
    { title: 'PARTITIONS', align: 'right' },
    { title: 'SHARDS', align: 'right' },
    { title: 'RESTARTS', align: 'right' },
    { title: 'UP', align: 'right' },
  ];
  await terminal.print(tableText(columns, nodes.map(row), { paint: terminal.paint }));
  await terminal.print('');
  for (const { text, next } of problems) {
    await terminal.print(`${terminal.paint('bad', clean(text))}. Next: ${next}`);
  }
  if (problems.length === 0) await terminal.print(terminal.paint('good', 'ready and healthy'));
}

function row(status: NodeStatus): Cell[] {
  const { node } = status;
  const state = stateOf(status);
  const head: Cell[] = [node.nodeId, node.address, { text: state, style: STYLES[state] }];
  if (status.kind === 'down') return [...head, '-', '-', '-', '-', '-'];
  const { ring, shards, actors, uptimeSeconds } = status.report;
  const own = ring.nodes.find((one) => one.nodeId === node.nodeId);
  const serving = shards.filter((shard) => shard.state === 'ready').length;
  const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0);
  return [
    ...head,
    String(ring.epoch),
    String(own?.partitionsOwned ?? 0),
    `${serving}/${shards.length}`,
    String(restarts),
    durationText(uptimeSeconds),
  ];
}

type State = 'healthy' | 'unhealthy' | 'not ready' | 'unreachable' | 'down';

const STYLES: Readonly<Record<State, Style>> = {
  healthy: 'good',
  unhealthy: 'warning',
  'not ready': 'warning',
  unreachable: 'bad',
  down: 'bad',
};

function stateOf(status: NodeStatus): State {
  if (status.kind !== 'answered') return status.kind;
  if (!status.report.ready) return 'not ready';
  return status.report.healthy ? 'healthy' : 'unhealthy';
}

/** The two greatest units: `3 h 5 min`. */
export function durationText(seconds: number): string {
  const whole = Math.floor(seconds);
  const units = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  const shown = first < 0 ? units.slice(-1) : units.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
