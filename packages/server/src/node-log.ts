/**
 * The node's log: one JSON object a line, with the field names of pino, to a file or to standard
 * error. For people and collectors; nothing reads it back. No keys, values or secrets.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LogLevel } from './configuration.ts';

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface NodeLogOptions {
  readonly level: LogLevel;
  readonly file: string | null;
  readonly nodeId: string;
}

export class NodeLog {
  readonly #stream: Writable;
  readonly #owned: boolean;
  readonly #level: number;
  readonly #nodeId: string;

  constructor({ level, file, nodeId }: NodeLogOptions) {
    this.#level = LEVELS[level];
    this.#nodeId = nodeId;
    this.#owned = file !== null;
    this.#stream = file === null ? process.stderr : createWriteStream(file, { flags: 'a' });
  }

  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] < this.#level) return;
    const { pid } = process;
    const line = { level: LEVELS[level], time: Date.now(), pid, node: this.#nodeId, ...fields };
    this.#stream.write(`${JSON.stringify({ ...line, msg: message })}\n`);
  }

  /** Resolves when all is written. */
  close(): Promise<void> {
    if (!this.#owned) return Promise.resolve();
    return new Promise((resolve) => this.#stream.end(resolve));
  }
}
