// Runs one test file in a process of its own and keeps its time: the runner's clock, not the test
// process's, so that a test that spins is stopped and named too.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EVENT_DESCRIPTOR, type ChildEvent } from './child-event.ts';
import type { TestFile } from './discover.ts';
import { endSurvivors, killGroup } from './process-group.ts';
import { FileRecord, type Verdict } from './verdict.ts';

export interface FileResult extends Verdict {
  readonly name: string;
  readonly seconds: number;
  /** What the file wrote to its standard output and error: the end of it, if it is long. */
  readonly output: string;
}

export const OPEN_HANDLE_MS = 2000;
const OUTPUT_CHARACTERS_MAX = 100_000;
const EXIT_GRACE_MS = 3000;
const DRAIN_MS = 1000;
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
const leaders = new Set<number>();

/** For the runner's own end by a signal: no test process may outlive it. */
export function killEverything(): void {
  for (const leader of leaders) killGroup(leader);
}

export async function runFile(
  file: TestFile,
  openHandleMs: number = OPEN_HANDLE_MS,
): Promise<FileResult> {
  const beganAt = process.hrtime.bigint();
  const child = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      CHILD,
      file.compiled,
      String(openHandleMs),
      String(file.propertySeed ?? ''),
    ],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true },
  );
  const record = new FileRecord();
  const output = collectOutput(child);
  const exit = await watchUntilExit(child, file, record, openHandleMs);
  const seconds = Number(process.hrtime.bigint() - beganAt) / 1e9;
  return { name: file.name, seconds, ...record.close(exit), output: output() };
}

async function watchUntilExit(
  child: ChildProcess,
  file: TestFile,
  record: FileRecord,
  openHandleMs: number,
): Promise<string> {
  const leader = child.pid;
  if (leader === undefined) throw new Error('the test process did not start');
  leaders.add(leader);
  const clock = new Clock((reason) => {
    record.fail(reason);
    killGroup(leader);
  });
  clock.limitFile(file.fileMs, () => record.running);
  createInterface({ input: child.stdio[EVENT_DESCRIPTOR] as Readable }).on('line', (line) => {
    const event = JSON.parse(line) as ChildEvent;
    record.apply(event);
    clock.hear(event, file.testMs, openHandleMs + EXIT_GRACE_MS);
  });
  const closed = once(child, 'close');
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clock.stop();
  const left = await endSurvivors(leader);
  if (left.length > 0) record.fail(`processes left behind: ${left.join('; ')}`);
  leaders.delete(leader);
  await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })]);
  return signal === null ? `code ${code}` : `signal ${signal}`;
}

class Clock {
  readonly #expire: (reason: string) => void;
  #fileTimer: NodeJS.Timeout | undefined;
  #testTimer: NodeJS.Timeout | undefined;

  constructor(expire: (reason: string) => void) {
    this.#expire = expire;
  }

  limitFile(fileMs: number, running: () => string): void {
    this.#fileTimer = setTimeout(() => {
      const where = running() === '' ? '' : `, inside "${running()}"`;
      this.#expire(`the file took longer than its limit of ${fileMs / 1000} s${where}`);
    }, fileMs);
  }

  hear(event: ChildEvent, testMs: number, exitMs: number): void {
    if (event.kind !== 'test-began' && event.kind !== 'test-ended' && event.kind !== 'finished') {
      return;
    }
    clearTimeout(this.#testTimer);
    if (event.kind === 'test-began') {
      const reason = `the test "${event.name}" took longer than its limit of ${testMs / 1000} s`;
      this.#testTimer = setTimeout(() => this.#expire(reason), testMs);
    } else if (event.kind === 'finished') {
      const reason = 'the process did not end after its tests: it blocks its event loop';
      this.#testTimer = setTimeout(() => this.#expire(reason), exitMs);
    }
  }

  stop(): void {
    clearTimeout(this.#fileTimer);
    clearTimeout(this.#testTimer);
  }
}

function collectOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      text = (text + chunk).slice(-OUTPUT_CHARACTERS_MAX);
    });
  }
  return () => text;
}
