/** Starts one node of a local cluster again: in front, until it is told to stop, or in the background. */
import { Refusal, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { selfCommand } from '../self-command.ts';
import type { Terminal } from '../terminal.ts';
import { addressOf, type ClusterFile, type ClusterNode } from './cluster-file.ts';
import { shownPath, type DataFolder } from './data-folder.ts';
import { storedCluster } from './local-cluster.ts';
import { logTail, startNode, stopProcess, STOP_MS, untilReady } from './node-process.ts';
import { isRunning, processOf } from './running-nodes.ts';
import { stopSignals } from './stop-signals.ts';

const LOG_LINES_SHOWN = 12;

export interface RunNodeOptions {
  readonly folder: DataFolder;
  readonly nodeId: string;
  readonly detach: boolean;
  readonly readyTimeoutMs: number;
  readonly record: string | undefined;
}

export async function runNode(options: RunNodeOptions, terminal: Terminal): Promise<ExitCode> {
  const { folder, nodeId, detach } = options;
  const { cluster, node } = nodeOf(folder, nodeId);
  const self = selfCommand(folder.argument);
  if (await isRunning(cluster, node)) {
    const processId = processOf(folder, nodeId) ?? 'unknown';
    const line = `${nodeId} runs already (process ${processId}). Next: ${self('status')}`;
    throw new Refusal(line, EXIT.refused);
  }
  const stop = stopSignals();
  const running = await startNode({
    folder,
    cluster,
    node,
    background: detach,
    record: options.record,
  });
  const ready = await Promise.race([untilReady(running, options.readyTimeoutMs), stop.first]);
  const log = shownPath(running.logFile, terminal.folder);
  if (typeof ready !== 'string' && !ready.ok) {
    terminal.printError(`${nodeId} did not start: ${ready.reason}. Its last words:`);
    for (const line of logTail(running.logFile, LOG_LINES_SHOWN)) terminal.printError(`  ${line}`);
    terminal.printError(`Next: less ${log}`);
    if (running.ending === undefined) await stopProcess(running.processId, () => STOP_MS);
    return EXIT.negative;
  }
  const where = `${addressOf(node, 'coordinator')} (process ${running.processId}, log ${log})`;
  if (detach && typeof ready !== 'string') {
    stop.release();
    running.release();
    await terminal.print(`${nodeId} is ready at ${where}. To stop it: kill ${running.processId}`);
    return EXIT.ok;
  }
  if (typeof ready !== 'string') {
    await terminal.print(`${nodeId} is ready at ${where}. Ctrl-C stops it.`);
  }
  const end = await Promise.race([stop.first, running.ended]);
  if (running.ending !== undefined && stop.wanted === undefined) {
    terminal.printError(`${nodeId} ended (${end}). Next: less ${log}`);
    return EXIT.negative;
  }
  const clean = await stopProcess(running.processId, () => (stop.isUrgent ? 0 : STOP_MS));
  await terminal.print(clean ? `${nodeId} has stopped.` : `${nodeId} had to be killed.`);
  return clean ? EXIT.ok : EXIT.negative;
}

function nodeOf(folder: DataFolder, nodeId: string): { cluster: ClusterFile; node: ClusterNode } {
  const cluster = storedCluster(folder);
  if (cluster === undefined) {
    throw new Refusal(`there is no cluster in ${folder.shown}. Next: npm start`, EXIT.refused);
  }
  const node = cluster.nodes.find((one) => one.id === nodeId);
  if (node !== undefined) return { cluster, node };
  const known = cluster.nodes.map((one) => one.id).join(', ');
  throw new UsageError(`${folder.shown} has no node ${nodeId}; it has ${known}`);
}
