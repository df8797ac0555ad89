/**
 * A node under fire: killed, stopped and started again, one thing after the other. A node that ends by
 * itself, or does not come back, is a violation.
 *
 * Invariants:
 *   CN1 of one node's faults one is carried out at a time
 *   CN2 when `settle` has resolved the node's process runs, and is ready, or that it is not was said
 */
import { readFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Violation } from '../../checkers/history.ts';
import type { TestNode } from '../test-node.ts';
import type { Cleanup } from './cleanup.ts';

/** Of one node, since it was made. */
export interface NodeCounters {
  kills: number;
  stops: number;
  /** Starts that a full disk prevented, as they should. */
  refusedStarts: number;
}

export class ChaosNode {
  readonly node: TestNode;
  readonly logFile: string;
  readonly violations: Violation[] = [];
  readonly counters: NodeCounters = { kills: 0, stops: 0, refusedStarts: 0 };
  #busy: Promise<void> = Promise.resolve();
  #isExpectedToEnd = true;

  constructor(node: TestNode, logFile: string, cleanup: Cleanup) {
    this.node = node;
    this.logFile = logFile;
    cleanup.add(`the process of ${node.member.id}`, () => this.#end());
  }

  get id(): string {
    return this.node.member.id;
  }

  /** Resolves when all faults of this node are over. */
  settle(): Promise<void> {
    return this.#busy;
  }

  /** REQUIRES: no process of it runs. */
  async start(): Promise<void> {
    const { ready, reasons } = await this.#launch(false);
    if (!ready) this.#violate(`${this.id} came back and is not ready: ${reasons.join('; ')}`);
  }

  kill(downMs: number, againAfterMs: number | undefined): void {
    this.#next(async () => {
      await this.#killNow();
      await sleep(downMs);
      if (againAfterMs !== undefined) {
        const launching = this.#launch(false);
        await Promise.race([sleep(againAfterMs), launching]);
        await Promise.all([this.#killNow(), launching]);
      }
      await this.start();
    });
  }

  stop(forMs: number): void {
    this.#next(async () => {
      this.node.send('SIGSTOP');
      this.counters.stops += 1;
      await sleep(forMs);
      this.node.send('SIGCONT');
    });
  }

  /** Kills; starts on a disk that may be full; says whether it is ready. */
  async restart(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> {
    await this.#killNow();
    const answer = await this.#launch(true);
    if (!answer.ready) this.counters.refusedStarts += 1;
    return answer;
  }

  async end(): Promise<void> {
    this.#isExpectedToEnd = true;
    await this.node.signal('SIGKILL');
  }

  /** Threads that died of an error, by the node's own log; those that were ended for silence did not. */
  crashes(): string[] {
    if (!existsSync(this.logFile)) return [];
    const lines = readFileSync(this.logFile, 'utf8').split('\n');
    return lines.flatMap((line) => {
      // The last line of a node that was killed may be a part of one.
      if (!line.includes('"crashed"') || !line.endsWith('}')) return [];
      const { name, reason } = JSON.parse(line) as { name: string; reason: string };
      return /\n\s+at /.test(reason) ? [`${this.id} ${name}: ${reason}`] : [];
    });
  }

  /** [CN1] */
  #next(fault: () => Promise<void>): void {
    this.#busy = this.#busy.then(fault).catch((error: unknown) => {
      this.#violate(`${this.id}: ${String(error)}`);
    });
  }

  /** Not ready where it was killed before it could be, or where it may fail and did. */
  async #launch(
    mayFail: boolean,
  ): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> {
    this.#isExpectedToEnd = mayFail;
    const launching = this.node.launch({ logFile: this.logFile });
    void this.node.exited().then(({ code, signal }) => {
      if (this.#isExpectedToEnd) return;
      this.#violate(`${this.id} ended by itself with ${code ?? signal}: ${this.node.log}`);
    });
    try {
      const { ready, reasons } = await launching;
      // A start that is refused ends by itself.
      this.#isExpectedToEnd = !ready;
      return { ready, reasons: reasons ?? [] };
    } catch (error) {
      if (this.#isExpectedToEnd) return { ready: false, reasons: [String(error)] };
      throw error;
    }
  }

  async #killNow(): Promise<void> {
    this.#isExpectedToEnd = true;
    this.counters.kills += 1;
    await this.node.signal('SIGKILL');
  }

  #violate(text: string): void {
    this.violations.push({ oracle: 'process', text });
  }

  /** At once, whatever state it is in. */
  #end(): void {
    this.#isExpectedToEnd = true;
    this.node.send('SIGKILL');
  }
}
