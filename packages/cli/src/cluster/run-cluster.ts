/**
 * Runs a local cluster until it is told to stop: one operating-system process for each node. What
 * `npm start` and `clockwise start` do.
 *
 * Nodes that run already (started alone, or left by a starter that was killed) are taken over, and
 * stopped with the others. A node that dies is reported; the others go on.
 */
import path from 'node:path';
import process from 'node:process';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { selfCommand, type SelfCommand } from '../self-command.ts';
import type { Terminal } from '../terminal.ts';
import { tableText } from '../text-table.ts';
import { Refusal } from '../command.ts';
import { addressOf, type ClusterFile } from './cluster-file.ts';
import { lockCluster } from './cluster-lock.ts';
import { shownPath, type DataFolder } from './data-folder.ts';
import { alreadyRunning, openCluster, type ClusterWish } from './local-cluster.ts';
import {
  logFileOf,
  logTail,
  startNode,
  stopProcess,
  STOP_MS,
  untilReady,
  type NodeProcess,
} from './node-process.ts';
import { isRunning, processOf, runningNodes } from './running-nodes.ts';
import { stopSignals, type StopSignals } from './stop-signals.ts';

const LOG_LINES_SHOWN = 12;

export interface RunOptions extends ClusterWish {
  readonly folder: DataFolder;
  readonly readyTimeoutMs: number;
  readonly record: string | undefined;
}

interface Run {
  readonly folder: DataFolder;
  readonly cluster: ClusterFile;
  readonly terminal: Terminal;
  readonly self: SelfCommand;
  readonly stop: StopSignals;
  readonly started: NodeProcess[];
  readonly record: string | undefined;
}

export async function runCluster(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  const { folder } = options;
  const suffix = folder.argument === undefined ? '' : ` --data ${folder.argument}`;
  const cluster = await openCluster(folder, options, (args) => `npm start -- ${args}${suffix}`);
  const lock = await lockCluster(cluster);
  if (lock.kind === 'running') throw alreadyRunning(folder, lock.processId);
  if (lock.kind === 'foreign') {
    throw new Refusal(
      `port ${cluster.lockPort} of ${folder.shown} is used by another program. ` +
        'Next: end that program, or start with another folder: npm start -- --data DIR',
      EXIT.refused,
    );
  }
  const stop = stopSignals();
  const self = selfCommand(folder.argument);
  const { record } = options;
  const run: Run = { folder, cluster, terminal, self, stop, started: [], record };
  try {
    return await startAndWatch(run, options.readyTimeoutMs);
  } finally {
    stop.release();
    await lock.release();
  }
}

async function startAndWatch(run: Run, readyTimeoutMs: number): Promise<ExitCode> {
  const beganAt = performance.now();
  const failed = await startAll(run, readyTimeoutMs);
  if (failed) {
    await stopAll(run);
    return EXIT.negative;
  }
  if (run.stop.wanted === undefined) {
    const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
    await run.terminal.print(welcomeText(run, seconds));
  }
  const end = await Promise.race([run.stop.first, untilNoneIsLeft(run)]);
  if (end === 'none left') {
    run.terminal.printError(
      `No node of the cluster is left. Next: look at ${shownLogs(run)}, then: npm start`,
    );
    return EXIT.negative;
  }
  await run.terminal.print(`\n${end}: stopping ...`);
  const clean = await stopAll(run);
  if (clean) await run.terminal.print('All nodes have stopped.');
  return clean ? EXIT.ok : EXIT.negative;
}

/** Returns whether a node did not come up. */
async function startAll(run: Run, readyTimeoutMs: number): Promise<boolean> {
  const { folder, cluster, terminal, stop, record } = run;
  const running = new Set((await runningNodes(folder, cluster)).map((node) => node.id));
  for (const id of running) terminal.printError(`${id} runs already: taken over.`);
  for (const node of cluster.nodes) {
    if (running.has(node.id)) continue;
    const started = await startNode({ folder, cluster, node, background: false, record });
    run.started.push(started);
  }
  const results = await Promise.race([
    Promise.all(run.started.map((started) => untilReady(started, readyTimeoutMs))),
    stop.first,
  ]);
  if (typeof results === 'string') return false;
  let failed = false;
  for (const [index, result] of results.entries()) {
    const started = run.started[index];
    if (result.ok || started === undefined) continue;
    failed = true;
    reportFailure(run, started, result.reason);
  }
  return failed;
}

function reportFailure({ terminal, folder }: Run, started: NodeProcess, reason: string): void {
  terminal.printError(`${started.node.id} did not start: ${reason}. Its last words:`);
  for (const line of logTail(started.logFile, LOG_LINES_SHOWN)) terminal.printError(`  ${line}`);
  terminal.printError(
    `Next: less ${shownPath(logFileOf(folder, started.node.id), terminal.folder)}`,
  );
}

/** Tells of each node that ends by itself; resolves when none is left, whoever started it. */
async function untilNoneIsLeft(run: Run): Promise<'none left'> {
  const { folder, cluster, terminal, self, stop } = run;
  await Promise.all(
    run.started.map(async (started) => {
      const ending = await started.ended;
      if (stop.wanted !== undefined) return;
      const { id } = started.node;
      const line = `${id} ended (${ending}). The others go on. Next: ${self(`start --node ${id}`)}`;
      terminal.printError(terminal.paintError('warning', line));
    }),
  );
  // Nodes that were started alone since then still count.
  while (stop.wanted === undefined && (await runningNodes(folder, cluster)).length > 0) {
    await stop.pause(2000);
  }
  return 'none left';
}

/** Stops what was started here and what runs besides. Returns whether all ended by SIGTERM. */
async function stopAll(run: Run): Promise<boolean> {
  const { folder, cluster, started, stop, terminal } = run;
  const own = started.filter((one) => one.ending === undefined).map((one) => one.processId);
  const others = await Promise.all(
    cluster.nodes.map(async (node) =>
      (await isRunning(cluster, node)) ? processOf(folder, node.id) : undefined,
    ),
  );
  const processIds = new Set([...own, ...others.filter((id) => id !== undefined)]);
  const timeoutMs = (): number => (stop.isUrgent ? 0 : STOP_MS);
  const clean = await Promise.all([...processIds].map((id) => stopProcess(id, timeoutMs)));
  if (clean.every(Boolean)) return true;
  const count = clean.filter((one) => !one).length;
  terminal.printError(`${count} of ${clean.length} nodes did not end by SIGTERM and were killed.`);
  return false;
}

function welcomeText({ folder, cluster, terminal, self }: Run, seconds: string): string {
  const rows = cluster.nodes.map((node) => [
    node.id,
    addressOf(node, 'coordinator'),
    `http://${addressOf(node, 'admin')}/status`,
    shownPath(logFileOf(folder, node.id), terminal.folder),
  ]);
  const titles = ['NODE', 'ADDRESS', 'STATUS', 'LOG'].map((title) => ({ title }));
  return [
    `${cluster.nodes.length} nodes are ready after ${seconds} s; their data is in ${folder.shown}`,
    '',
    tableText(titles, rows, { paint: terminal.paint }),
    '',
    'Try, in another terminal:',
    '',
    `  ${self('put hello world')}`,
    `  ${self('get hello')}`,
    '',
    `Ctrl-C stops the cluster (process ${process.pid}).`,
  ].join('\n');
}

function shownLogs({ folder, terminal }: Run): string {
  return shownPath(path.join(folder.path, 'logs'), terminal.folder);
}
