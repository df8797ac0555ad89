/**
 * How far an import or export is: counts, and a line that says so. On a terminal the line is replaced
 * several times a second; elsewhere a new one follows every few seconds.
 *
 * Invariants:
 *   PG1 the rate is that of the last seconds, so that a standstill shows
 */
import type { Terminal } from '../terminal.ts';

const TERMINAL_MS = 200;
const LOG_MS = 3000;
/** The rate looks back so far at least. */
const WINDOW_MS = 3000;

interface Sample {
  readonly atMs: number;
  readonly recordCount: number;
}

export class Progress {
  recordCount = 0;
  byteCount = 0;
  errorCount = 0;
  readonly #beganAt: number;
  readonly #samples: Sample[];

  constructor(nowMs: number) {
    this.#beganAt = nowMs;
    this.#samples = [{ atMs: nowMs, recordCount: 0 }];
  }

  elapsedSeconds(nowMs: number): number {
    return (nowMs - this.#beganAt) / 1000;
  }

  /** [PG1] Records a second since the newest sample that is a window old, or since the beginning. */
  rate(nowMs: number): number {
    const samples = this.#samples;
    while (samples.length > 1 && nowMs - (samples[1]?.atMs ?? nowMs) >= WINDOW_MS) samples.shift();
    const from = samples[0] ?? { atMs: this.#beganAt, recordCount: 0 };
    samples.push({ atMs: nowMs, recordCount: this.recordCount });
    return perSecond(this.recordCount - from.recordCount, nowMs - from.atMs);
  }

  line(nowMs: number): string {
    const errors = this.errorCount === 1 ? '1 error' : `${grouped(this.errorCount)} errors`;
    return [
      `${grouped(this.recordCount)} records`,
      `${(this.byteCount / 1e6).toFixed(1)} MB`,
      `${grouped(Math.round(this.rate(nowMs)))} records/s`,
      errors,
    ].join('   ');
  }

  /** Over the whole time. */
  averageRate(nowMs: number): number {
    return perSecond(this.recordCount, nowMs - this.#beganAt);
  }
}

/** Shows the progress until `stop`, and lets other lines through in between. */
export class ProgressLine {
  readonly #progress: Progress;
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;

  constructor(progress: Progress, terminal: Terminal, now: () => number) {
    this.#progress = progress;
    this.#terminal = terminal;
    this.#now = now;
    this.#timer = setInterval(() => this.#show(), terminal.errorIsTerminal ? TERMINAL_MS : LOG_MS);
  }

  /** A line of its own above the progress. */
  say(line: string): void {
    if (this.#terminal.errorIsTerminal) this.#terminal.writeError('\r\u001b[K');
    this.#terminal.printError(line);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#terminal.errorIsTerminal) this.#terminal.writeError('\r\u001b[K');
  }

  #show(): void {
    const line = this.#progress.line(this.#now());
    if (this.#terminal.errorIsTerminal) this.#terminal.writeError(`\r\u001b[K${line}`);
    else this.#terminal.printError(line);
  }
}

/** 1234567 as 1,234,567. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function perSecond(count: number, milliseconds: number): number {
  return milliseconds <= 0 ? 0 : (count * 1000) / milliseconds;
}
