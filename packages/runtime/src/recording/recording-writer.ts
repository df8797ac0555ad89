/**
 * RecordingWriter: one recording file as it grows, within its bound. Blocks are gathered and written
 * with ordinary writes, a few times a second; nothing is synced, for a recording promises nothing to
 * anybody. A process that is killed loses what was gathered last.
 *
 * Invariants:
 *   RW1 the file never grows beyond `bytesMax`; the block that would not fit is not begun
 *   RW2 a disk that fails ends the recording, never the actor
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { assert } from '@clockwise/kernel/assert';
import {
  BLOCK_HEAD,
  BLOCK_HEAD_WORDS,
  BLOCK_KIND,
  bytesWithoutSteps,
  checksumOf,
  END_BLOCK_BYTES,
  END_REASON,
  type EndReason,
  fileHeader,
} from './recording-format.ts';
import { WordBuffer } from './word-buffer.ts';

export interface RecordingWriterOptions {
  /** Must not exist yet. */
  readonly file: string;
  readonly bytesMax: number;
  /** What the core is built from: an encoded value. */
  readonly setup: Uint8Array;
  /** The recording has ended while its actor goes on. */
  readonly ended: (why: string) => void;
  /** As node:fs has it, unless a test has another. */
  readonly write?: Write;
}

type Write = (file: number, bytes: Uint8Array, from: number, byteCount: number) => number;

/** Gathered bytes with which a write begins, and milliseconds after which it does at the latest. */
const WRITE_BYTES = 256 * 1024;
const WRITE_DELAY_MS = 250;
/** Whoever reads a recording reads keys and values. */
const FILE_MODE = 0o600;

export class RecordingWriter {
  readonly #options: RecordingWriterOptions;
  readonly #file: number;
  readonly #write: Write;
  readonly #gathered: WordBuffer = new WordBuffer();
  #byteCount: number;
  #isOpen = true;
  #timer: NodeJS.Timeout | undefined;

  /** REQUIRES: the bound has room for a recording without a step. Throws where no file can be made. */
  constructor(options: RecordingWriterOptions) {
    const { setup, bytesMax } = options;
    assert(bytesWithoutSteps(setup) <= bytesMax, 'RW1 a recording has room for its setup');
    this.#options = options;
    this.#write = options.write ?? writeSync;
    this.#file = openSync(options.file, 'wx', FILE_MODE);
    const header = fileHeader(setup);
    this.#gathered.pushWords(header, 0, header.length);
    this.#gathered.pushBytes(setup);
    this.#byteCount = this.#gathered.end * 4;
    this.flush();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Adds the block of one step. */
  step(number: number, payload: WordBuffer): void {
    if (!this.#isOpen) return;
    const byteCount = (BLOCK_HEAD_WORDS + payload.end) * 4;
    if (this.#byteCount + byteCount + END_BLOCK_BYTES > this.#options.bytesMax) {
      // [RW1]
      this.#end(END_REASON.bound);
      return;
    }
    this.#block(BLOCK_KIND.step, number, payload.words, payload.end);
    if (this.#gathered.end * 4 >= WRITE_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WRITE_DELAY_MS).unref();
  }

  /** The actor ends, or its step threw. */
  close(reason: EndReason): void {
    if (this.#isOpen) this.#end(reason);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isOpen) return;
    const { words, end } = this.#gathered;
    const bytes = new Uint8Array(words.buffer, 0, end * 4);
    this.#gathered.clear();
    try {
      for (let from = 0; from < bytes.length;) {
        from += this.#write(this.#file, bytes, from, bytes.length - from);
      }
    } catch (error) {
      // [RW2]
      this.#isOpen = false;
      closeSync(this.#file);
      this.#options.ended(`it cannot be written: ${(error as Error).message}`);
    }
  }

  #end(reason: EndReason): void {
    this.#block(BLOCK_KIND.end, 0, Int32Array.of(reason), 1);
    this.flush();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
    if (reason === END_REASON.bound) {
      this.#options.ended(`its bound of ${this.#options.bytesMax} bytes is reached`);
    }
  }

  #block(kind: number, number: number, payload: Int32Array, payloadWords: number): void {
    const gathered = this.#gathered;
    const head = gathered.skip(BLOCK_HEAD_WORDS);
    gathered.pushWords(payload, 0, payloadWords);
    const { words } = gathered;
    words[head + BLOCK_HEAD.kind] = kind;
    words[head + BLOCK_HEAD.payloadWords] = payloadWords;
    words[head + BLOCK_HEAD.number] = number;
    words[head + BLOCK_HEAD.headChecksum] = checksumOf(words, head, BLOCK_HEAD.headChecksum);
    const first = head + BLOCK_HEAD_WORDS;
    words[head + BLOCK_HEAD.payloadChecksum] = checksumOf(words, first, payloadWords);
    this.#byteCount += (BLOCK_HEAD_WORDS + payloadWords) * 4;
  }
}
