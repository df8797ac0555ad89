import { setTimeout as sleep } from 'node:timers/promises';
import { clusterStatus, type NodeStatus } from '../cluster-status.ts';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  integerOption,
  OUTPUT_OPTION,
  Refusal,
  textOption,
  type Call,
  type Command,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { findCluster, type FoundCluster } from '../find-cluster.ts';
import { missingOf, owedOf, type OwedLine } from '../owed.ts';
import { clean, tableText, type Column } from '../text-table.ts';
import { durationText } from './status.ts';

const ANSWER_TIMEOUT_MS = 3000;
const POLL_MS = 200;
const WAIT_SECONDS = 60;
const WAIT_SECONDS_MAX = 86_400;

export const hintsCommand: Command = {
  name: 'hints',
  usage: '',
  summary: 'what nodes keep for others that missed it; --wait for one',
  positionalsMin: 0,
  positionalsMax: 0,
  options: {
    wait: { type: 'string', value: 'NODE', help: 'until every node owes NODE nothing' },
    ...OUTPUT_OPTION,
    ...CONNECTION_OPTIONS,
    timeout: { type: 'string', value: 'S', help: `with --wait: seconds (${WAIT_SECONDS})` },
  },
  notes: [
    'Copies are objects that a node stored in place of the target, marks those of its own that the',
    'target did not acknowledge in time, dirty ranges partitions that are handed over as a whole. A',
    'node that was just started counts first. --wait ends with exit code 0 when NODE has everything,',
    'and with 1, naming what is missing, when the time is over.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', ['table', 'json']);
  const seconds = integerOption(call, 'timeout', { min: 1, max: WAIT_SECONDS_MAX });
  const target = textOption(call, 'wait');
  const found = findCluster(call);
  if (target === undefined) {
    const nodes = await askAll(found);
    await call.terminal.print(format === 'json' ? jsonText(nodes) : tableOf(call, nodes));
    return EXIT.ok;
  }
  const missing = await waitFor(found, target, seconds ?? WAIT_SECONDS);
  if (format === 'json') {
    await call.terminal.print(JSON.stringify({ node: target, missing }, null, 2));
  } else if (missing.length === 0) {
    await call.terminal.print(call.terminal.paint('good', `${target} has everything`));
  } else {
    for (const line of missing) await call.terminal.print(clean(line));
  }
  return missing.length === 0 ? EXIT.ok : EXIT.negative;
}

/** What is missing when all is there or the time is over. */
async function waitFor(
  found: FoundCluster,
  target: string,
  seconds: number,
): Promise<readonly string[]> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const nodes = await askAll(found);
    if (!nodes.some(({ node }) => node.nodeId === target)) {
      const names = nodes.map(({ node }) => node.nodeId).join(', ');
      const line = `there is no node ${target}, only ${names}. Next: ${found.self('ring')}`;
      throw new Refusal(line, EXIT.refused);
    }
    const missing = missingOf(nodes, target);
    if (missing.length === 0 || performance.now() >= until) return missing;
    await sleep(POLL_MS);
  }
}

async function askAll(found: FoundCluster): Promise<readonly NodeStatus[]> {
  const nodes = await clusterStatus(found, ANSWER_TIMEOUT_MS);
  if (nodes !== undefined) return nodes;
  throw new Refusal(
    `none of ${found.servers.join(', ')} answers. Next: ${found.self('status')}`,
    EXIT.unreachable,
  );
}

function jsonText(nodes: readonly NodeStatus[]): string {
  const { lines, unsure } = owedOf(nodes);
  return JSON.stringify({ isCounted: unsure.length === 0, owed: lines, unsure }, null, 2);
}

const COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'TARGET' },
  { title: 'COPIES', align: 'right' },
  { title: 'MARKS', align: 'right' },
  { title: 'DIRTY RANGES', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'OLDEST', align: 'right' },
];

function tableOf({ terminal }: Call, nodes: readonly NodeStatus[]): string {
  const { lines, unsure } = owedOf(nodes);
  const { paint } = terminal;
  const table =
    lines.length > 0
      ? tableText(COLUMNS, lines.map(row), { paint })
      : paint('good', 'no node owes another one anything');
  const notes = unsure.map((line) => paint('warning', clean(`${line}: more may be owed`)));
  // Where some cannot say, nothing is known of the whole.
  const isKnown = lines.length > 0 || unsure.length === 0;
  return [...(isKnown ? [table] : []), ...notes].join('\n');
}

function row({ from, nodeId, copies, marks, dirty, bytes, oldestSeconds }: OwedLine): string[] {
  const counts = [copies, marks, dirty, bytes].map((count) => count.toLocaleString('en-US'));
  return [from, nodeId, ...counts, durationText(oldestSeconds)];
}
