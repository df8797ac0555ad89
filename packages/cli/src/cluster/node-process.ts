/**
 * One node of a local cluster as an operating-system process: started, watched, stopped. What it says
 * goes to its log file, so that it survives whoever started it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { addressOf, type ClusterFile, type ClusterNode } from './cluster-file.ts';
import type { DataFolder } from './data-folder.ts';
import { probe } from './probe.ts';
import { isAlive } from './running-nodes.ts';

const NODE_SCRIPT = fileURLToPath(
  import.meta.resolve('@clockwise/server/node').replace(/\.js$/, '.cjs'),
);
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const POLL_MS = 50;
const PROBE_MS = 2000;
export const STOP_MS = 10_000;

export interface NodeProcess {
  readonly node: ClusterNode;
  readonly processId: number;
  readonly logFile: string;
  /** How it ended, in words; undefined while it runs. */
  ending: string | undefined;
  /** Resolves with that when it ends. */
  readonly ended: Promise<string>;
  /** From now on it keeps no other process alive. */
  release(): void;
}

export type ReadyResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export function logFileOf(folder: DataFolder, nodeId: string): string {
  return path.join(folder.path, 'logs', `${nodeId}.log`);
}

export interface NodeStart {
  readonly folder: DataFolder;
  readonly cluster: ClusterFile;
  readonly node: ClusterNode;
  /** A process group of its own: it outlives the terminal it was started from. */
  readonly background: boolean;
  /** Absolute: where the node records what its actors do; undefined: nowhere. */
  readonly record: string | undefined;
}

/** In the foreground a terminal's Ctrl-C reaches the node too; it stops in order, as by SIGTERM. */
export function startNode(start: NodeStart): Promise<NodeProcess> {
  const { folder, cluster, node, background, record } = start;
  const config = writeConfiguration(folder, cluster, node);
  const logFile = logFileOf(folder, node.id);
  const log = openLog(logFile);
  const recording = record === undefined ? [] : ['--record', record];
  const child = spawn(process.execPath, [NODE_SCRIPT, '--config', config, ...recording], {
    cwd: folder.path,
    detached: background,
    stdio: ['ignore', log, log],
    env: nodeEnvironment(process.env),
  });
  fs.closeSync(log);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(watch(child, node, logFile)));
  });
}

function watch(child: ChildProcess, node: ClusterNode, logFile: string): NodeProcess {
  const { promise, settle } = settlement();
  const running: NodeProcess = {
    node,
    processId: child.pid ?? 0,
    logFile,
    ending: undefined,
    ended: promise,
    release: () => child.unref(),
  };
  child.once('exit', (code, signal) => {
    const ending = signal === null ? `exit code ${code}` : `killed by ${signal}`;
    running.ending = ending;
    settle(ending);
  });
  return running;
}

/** Waits until the node says that it is ready, or has ended, or the time is over. */
export async function untilReady(running: NodeProcess, timeoutMs: number): Promise<ReadyResult> {
  const deadline = performance.now() + timeoutMs;
  let reason = 'nothing was heard of it';
  while (performance.now() < deadline) {
    if (running.ending !== undefined) return { ok: false, reason: `it ended (${running.ending})` };
    const result = await probe(addressOf(running.node, 'admin'), PROBE_MS);
    if (!result.ok) reason = result.reason;
    else if (result.report.nodeId !== running.node.id) {
      return {
        ok: false,
        reason: `${addressOf(running.node, 'admin')} is used by another program`,
      };
    } else if (result.report.ready) return { ok: true };
    else reason = result.report.reasons.join('; ') || 'it is starting';
    await sleep(POLL_MS);
  }
  return { ok: false, reason: `not ready within ${Math.round(timeoutMs / 1000)} s: ${reason}` };
}

/**
 * SIGTERM, and SIGKILL when that is not enough. Resolves, when the process is gone, to whether SIGTERM
 * was. `timeoutMs` is asked again and again: whoever waits may lose patience.
 */
export async function stopProcess(processId: number, timeoutMs: () => number): Promise<boolean> {
  const beganAt = performance.now();
  let isKilled = false;
  sendSignal(processId, 'SIGTERM');
  while (isAlive(processId)) {
    if (!isKilled && performance.now() - beganAt > timeoutMs()) {
      sendSignal(processId, 'SIGKILL');
      isKilled = true;
    }
    await sleep(POLL_MS / 2);
  }
  return !isKilled;
}

function sendSignal(processId: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The last lines of a log, for a person who wonders why a node did not start. */
export function logTail(logFile: string, lineCount: number): readonly string[] {
  const lines = fs.readFileSync(logFile, 'utf8').trimEnd().split('\n');
  return lines.slice(-lineCount).filter((line) => line !== '');
}

/** What the node is told: derived from cluster.json at each start, so a moved folder still works. */
function writeConfiguration(folder: DataFolder, cluster: ClusterFile, node: ClusterNode): string {
  const file = path.join(folder.path, 'config', `${node.id}.json`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const configuration = {
    ...cluster.settings,
    nodeId: node.id,
    dataFolder: path.join(folder.path, node.id),
    clusterId: cluster.clusterId,
    members: cluster.nodes.map(({ id, host, ports, rack }) => ({ id, host, ports, rack })),
  };
  fs.writeFileSync(file, `${JSON.stringify(configuration, null, 2)}\n`);
  return file;
}

function openLog(logFile: string): number {
  fs.mkdirSync(path.dirname(logFile), { recursive: true });
  const size = fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) fs.renameSync(logFile, `${logFile}.1`);
  return fs.openSync(logFile, 'a');
}

/** The environment without settings that are meant for one node alone. */
function nodeEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('CLOCKWISE_'));
  return Object.fromEntries(kept);
}

function settlement(): { promise: Promise<string>; settle: (ending: string) => void } {
  let settle: (ending: string) => void = () => undefined;
  const promise = new Promise<string>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}
