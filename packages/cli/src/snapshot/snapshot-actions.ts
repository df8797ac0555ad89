/** `clockwise snapshot create | list | drop`: what is asked, and how the answers are shown. */
import type {
  SnapshotDropReport,
  SnapshotListReport,
  SnapshotReport,
} from '@clockwise/server/snapshots/snapshot-report';
import type { KnownNode } from '../cluster-status.ts';
import type { Call } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import type { FoundCluster } from '../find-cluster.ts';
import { bytesText, countText } from '../store/store-figures.ts';
import { type Cell, clean, type Column, tableText } from '../text-table.ts';
import {
  askNodes,
  exitCodeOf,
  faultLines,
  type NodeAnswer,
  type NodeCommand,
} from './ask-nodes.ts';

export interface SnapshotAction {
  readonly call: Call;
  readonly found: FoundCluster;
  readonly nodes: readonly KnownNode[];
  readonly name: string;
  readonly timeoutMs: number;
  readonly isJson: boolean;
}

export async function createSnapshots(action: SnapshotAction): Promise<ExitCode> {
  const answers = await ask<SnapshotReport>(action, 'snapshot-create');
  const { call, name } = action;
  const made = resultsOf(answers);
  if (action.isJson) return endJson(action, { name }, answers, (snapshot) => ({ snapshot }));
  const { terminal } = call;
  if (made.length > 0) {
    const rows = made.flatMap(({ nodeId, shards }) =>
      shards.map(({ shard, sequence, fileCount, byteCount }): Cell[] => [
        nodeId,
        String(shard),
        countText(sequence),
        countText(fileCount),
        bytesText(byteCount),
      ]),
    );
    await terminal.print(tableText(MADE_COLUMNS, rows, { paint: terminal.paint }));
    await terminal.print('');
    for (const { nodeId, path } of made) await terminal.print(`${nodeId}: ${name} is ${path}`);
  }
  return end(action, answers);
}

const MADE_COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'SHARD', align: 'right' },
  { title: 'SEQUENCE', align: 'right' },
  { title: 'FILES', align: 'right' },
  { title: 'BYTES', align: 'right' },
];

export async function listSnapshots(action: SnapshotAction): Promise<ExitCode> {
  const answers = await ask<SnapshotListReport>(action, 'snapshot-list');
  const lists = resultsOf(answers);
  const isWhole = lists.every(({ reasons }) => reasons.length === 0);
  const exitCode = action.isJson
    ? await endJson(action, {}, answers, (list) => list)
    : await showLists(action, answers, lists);
  return exitCode === EXIT.ok && !isWhole ? EXIT.negative : exitCode;
}

async function showLists(
  action: SnapshotAction,
  answers: readonly NodeAnswer<SnapshotListReport>[],
  lists: readonly SnapshotListReport[],
): Promise<ExitCode> {
  const { terminal } = action.call;
  const rows = lists.flatMap(({ snapshots }) => snapshots.map(listRow));
  if (rows.length > 0) {
    await terminal.print(tableText(LIST_COLUMNS, rows, { paint: terminal.paint }));
    await terminal.print('');
  }
  for (const { nodeId, snapshots, pinnedBytes, reasons } of lists) {
    await terminal.print(
      snapshots.length === 0
        ? `${nodeId}: no snapshots`
        : `${nodeId}: without its snapshots it would hold ${bytesText(pinnedBytes)} less`,
    );
    for (const reason of reasons) {
      terminal.printError(`${nodeId}: ${clean(reason)}. Next: ${action.found.self('status')}`);
    }
  }
  return end(action, answers);
}

const LIST_COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'CREATED' },
  { title: 'SHARDS', align: 'right' },
  { title: 'BYTES', align: 'right' },
];

function listRow({ nodeId, name, state, createdAt, shards, byteCount }: SnapshotReport): Cell[] {
  return [
    nodeId,
    name,
    state === 'made' ? state : { text: state, style: 'warning' },
    createdAt ?? '-',
    String(shards.length),
    bytesText(byteCount),
  ];
}

export async function dropSnapshots(action: SnapshotAction): Promise<ExitCode> {
  const answers = await ask<SnapshotDropReport>(action, 'snapshot-drop');
  const { call, name } = action;
  if (action.isJson) return endJson(action, { name }, answers, () => ({}));
  for (const { nodeId } of resultsOf(answers)) {
    await call.terminal.print(`${nodeId}: ${name} is dropped`);
  }
  return end(action, answers);
}

function ask<Result>(
  { nodes, name, timeoutMs }: SnapshotAction,
  command: NodeCommand['command'],
): Promise<readonly NodeAnswer<Result>[]> {
  return askNodes<Result>(nodes, { command, name, timeoutMs });
}

function resultsOf<Result>(answers: readonly NodeAnswer<Result>[]): Result[] {
  return answers.flatMap((answer) => (answer.kind === 'done' ? [answer.result] : []));
}

function end({ call, found }: SnapshotAction, answers: readonly NodeAnswer<unknown>[]): ExitCode {
  const { terminal } = call;
  for (const line of faultLines(answers, found)) {
    terminal.printError(terminal.paintError('bad', clean(line)));
  }
  return exitCodeOf(answers);
}

/** Standard output is one JSON value, whatever came of it. */
async function endJson<Result>(
  { call }: SnapshotAction,
  head: object,
  answers: readonly NodeAnswer<Result>[],
  shown: (result: Result) => object,
): Promise<ExitCode> {
  const exitCode = exitCodeOf(answers);
  const nodes = answers.map((answer) => {
    const { nodeId, kind } = answer;
    if (kind === 'done') return { nodeId, outcome: kind, ...shown(answer.result) };
    if (kind === 'refused') {
      return { nodeId, outcome: kind, code: answer.code, reasons: answer.reasons };
    }
    return { nodeId, outcome: kind, reasons: [answer.reason] };
  });
  await call.terminal.print(JSON.stringify({ ok: exitCode === 0, ...head, nodes }, null, 2));
  return exitCode;
}
