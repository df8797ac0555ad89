/**
 * ThreadHandle: one worker thread as its supervisor sees it, from spawn to exit.
 *
 * Invariants:
 *   TH1 `ended` is called exactly once, whatever the end was: error, exit, terminate
 *   TH2 pending calls to a thread that ended are rejected
 */
import { Worker } from 'node:worker_threads';
import type { TransferListItem } from 'node:worker_threads';
import type { ControlPort } from '../control/control-port.ts';
import type { FromThread, ThreadCalls, ToThread } from '../thread-messages.ts';
import type { HeartbeatWatch } from './heartbeat.ts';

export interface ThreadHandleOptions {
  readonly name: string;
  readonly module: URL;
  readonly setup: unknown;
  readonly transfer: readonly TransferListItem[];
  readonly watch: HeartbeatWatch;
  readonly hungAfterMs: number;
  readonly heapMegabytesMax: number;
  readonly control: ControlPort<ThreadCalls> | undefined;
  readonly received: (message: FromThread) => void;
  readonly ended: (reason: string) => void;
}

export class ThreadHandle {
  readonly name: string;
  readonly control: ControlPort<ThreadCalls> | undefined;
  readonly exited: Promise<void>;
  readonly #options: ThreadHandleOptions;
  readonly #worker: Worker;
  #reason = '';
  #hasEnded = false;

  constructor(options: ThreadHandleOptions) {
    this.name = options.name;
    this.control = options.control;
    this.#options = options;
    this.#worker = new Worker(options.module, {
      name: options.name,
      workerData: options.setup,
      transferList: [...options.transfer],
      resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytesMax },
    });
    this.#worker.on('message', options.received);
    this.#worker.on('error', (error) => {
      this.#reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#end(this.#reason || `exit with ${code}`);
        resolve();
      });
    });
  }

  post(message: ToThread): void {
    if (!this.#hasEnded) this.#worker.postMessage(message);
  }

  /** Asks for a heartbeat. True: the thread has been silent for longer than it may. */
  isHung(nowMs: number): boolean {
    return !this.#hasEnded && this.#options.watch.beat(nowMs) > this.#options.hungAfterMs;
  }

  /** Resolves when the thread runs no more: no write of it can come later. */
  async terminate(reason: string): Promise<void> {
    if (this.#reason === '') this.#reason = reason;
    await this.#worker.terminate();
    await this.exited;
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.control?.died(reason);
    this.#options.ended(reason);
  }
}
