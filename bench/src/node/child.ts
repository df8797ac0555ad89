/** Processes that a benchmark starts: servers until they are stopped, programs until they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface Server {
  readonly child: ChildProcess;
  /** Processor time of the server so far, in seconds. */
  processorSeconds(): number;
  /** Memory that the server has now. */
  residentBytes(): number;
  stop(): Promise<void>;
}

/** Starts a server and waits until `ready` is seen in what it prints. */
export async function startServer(
  command: string,
  args: readonly string[],
  ready: (line: string) => boolean,
): Promise<Server> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
      if (said.split('\n').some(ready)) resolve();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new Error(`${command} ended with ${code} before it was ready:\n${said}`));
    });
  });
  return {
    child,
    processorSeconds: () => processorSecondsOf(child.pid ?? 0),
    residentBytes: () => residentBytesOf(child.pid ?? 0),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** Runs a program to its end and returns what it printed. */
export async function runProgram(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${complaints}${said}`);
  return said;
}

const TICKS_PER_SECOND = 100;
const FIELD_USER = 13;

function processorSecondsOf(pid: number): number {
  const text = statusFile(pid, 'stat');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const user = Number(fields[FIELD_USER - 2] ?? 0);
  const system = Number(fields[FIELD_USER - 1] ?? 0);
  return (user + system) / TICKS_PER_SECOND;
}

function residentBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(statusFile(pid, 'status'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** From /proc; empty where there is none, so that figures from it are 0. */
function statusFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
