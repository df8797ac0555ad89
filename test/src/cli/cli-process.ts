/**
 * The command line as its users have it: processes. A dev cluster is `npm start` without npm; commands
 * run against it by its data folder.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(import.meta.resolve('@clockwise/cli/clockwise'));
const START = fileURLToPath(import.meta.resolve('@clockwise/cli/dev-cluster'));

/** Small memory, and a brisk pace, so that tests wait for less. */
const SETTINGS = {
  limits: {
    memtableChunkBytes: 1024 * 1024,
    siblingBytesMax: 64 * 1024,
    memtableChunksMax: 8,
    logSegmentBytes: 2 * 1024 * 1024,
  },
  heartbeatMs: 300,
  compareMs: 500,
};

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** A process whose words are kept. */
export class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<Ended>;
  out = '';
  error = '';

  constructor(script: string, args: readonly string[], folder: string) {
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^CLOCKWISE_|^INIT_CWD/.test(name),
    );
    this.#child = spawn(process.execPath, [script, ...args], {
      cwd: folder,
      env: Object.fromEntries(kept),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.error += text));
    this.#ended = once(this.#child, 'close').then(([code]) => ({
      code: code as number | null,
      out: this.out,
      error: this.error,
    }));
  }

  get input(): Writable {
    return this.#child.stdin;
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  stop(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return this.#ended;
  }
}

export class DevCluster {
  readonly folder: string;
  #starter: Running | undefined;

  constructor() {
    this.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-cli-'));
    writeFileSync(path.join(this.folder, 'settings.json'), JSON.stringify(SETTINGS));
  }

  get data(): string {
    return path.join(this.folder, 'data');
  }

  get starter(): Running {
    if (this.#starter === undefined) throw new Error('the cluster was not started');
    return this.#starter;
  }

  /** Resolves when the nodes are ready. */
  async start(args: readonly string[] = []): Promise<Running> {
    const starter = this.launch(args);
    this.#starter = starter;
    await until('the cluster is ready', 30_000, () => {
      return !starter.isRunning || starter.out.includes('Ctrl-C stops');
    });
    if (!starter.isRunning) throw new Error(`the cluster did not start: ${starter.error}`);
    return starter;
  }

  launch(args: readonly string[]): Running {
    const given = ['--data', this.data, '--settings', 'settings.json', ...args];
    return new Running(START, given, this.folder);
  }

  command(...args: readonly string[]): Running {
    return new Running(COMMAND, [...args, '--data', this.data], this.folder);
  }

  /** A command without input, to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    const running = this.command(...args);
    running.input.end();
    return running.ended();
  }

  nodeProcess(nodeId: string): number {
    const text = readFileSync(path.join(this.data, nodeId, 'lock'), 'utf8');
    return (JSON.parse(text) as { pid: number }).pid;
  }

  /** Ends whatever is left of it. */
  async dispose(): Promise<void> {
    if (this.#starter?.isRunning === true) await this.#starter.stop('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function until(
  what: string,
  timeoutMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}

export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
