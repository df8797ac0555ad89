/**
 * A client's world in memory: virtual time, and a network on which every node is a ScriptedNode.
 * Nothing happens but in `settle` and `advance`, so that tests see one tick at a time.
 *
 * Invariants:
 *   MW1 timers fire in the order of their instants, and time never goes back
 */
import { Prng } from '@clockwise/kernel/prng';
import { connectIn } from './connect.ts';
import type { Database } from './database.ts';
import { settingsOf, type ConnectOptions } from './options.ts';
import { ScriptedNode } from './scripted-node.ts';
import type { Dial, Transport, TransportListener, World } from './transport.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

const ROUNDS_MAX = 100_000;

export class MemoryWorld implements World {
  #now = 1000;
  readonly #timers = new Set<Timer>();
  #endOfTick: (() => void)[] = [];
  #deliveries: (() => void)[] = [];
  readonly nodes: Map<string, ScriptedNode> = new Map();
  readonly links: MemoryLink[] = [];
  /** Addresses that were dialled, in order. */
  readonly dialled: string[] = [];

  node(address: string): ScriptedNode {
    const node = new ScriptedNode();
    this.nodes.set(`ws://${address}`, node);
    return node;
  }

  now(): number {
    return this.#now;
  }

  atEndOfTick(run: () => void): void {
    this.#endOfTick.push(run);
  }

  setTimer(run: () => void, delayMs: number): unknown {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  deliver(run: () => void): void {
    this.#deliveries.push(run);
  }

  readonly dial: Dial = (address: string, listener: TransportListener): Transport => {
    this.dialled.push(address);
    const link = new MemoryLink(this, this.nodes.get(address), listener);
    this.links.push(link);
    return link;
  };

  /** All that happens without time passing. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = [...this.#endOfTick.splice(0), ...this.#deliveries.splice(0)];
      if (due.length === 0) return;
      for (const run of due) run();
    }
    throw new Error('the world does not come to rest');
  }

  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].reduce<Timer | undefined>(
        (least, timer) => (least === undefined || timer.at < least.at ? timer : least),
        undefined,
      );
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await this.settle();
    }
    this.#now = until;
  }

  /** A client connected to the nodes that there are. */
  async connect(options: Partial<ConnectOptions> = {}): Promise<Database> {
    const settings = settingsOf({ servers: [...this.nodes.keys()], ...options });
    const connecting = connectIn(this, settings, new Prng('test')).then(
      (database) => ({ ok: true, database }) as const,
      (error: unknown) => ({ ok: false, error }) as const,
    );
    await this.advance(2);
    const outcome = await connecting;
    if (!outcome.ok) throw outcome.error;
    return outcome.database;
  }
}

/** One end of a connection, and what tests do to it. */
export class MemoryLink implements Transport {
  words: Int32Array = new Int32Array(0);
  readonly offset = 0;
  wordCountMax = 0;
  bufferedBytes = 0;
  flushCount = 0;
  pingCount = 0;
  isClosed = false;
  /** A link that is cut swallows everything, both ways, without a word. */
  isCut = false;
  readonly #world: MemoryWorld;
  readonly #node: ScriptedNode | undefined;
  readonly #listener: TransportListener;
  #completed: Int32Array[] = [];

  constructor(world: MemoryWorld, node: ScriptedNode | undefined, listener: TransportListener) {
    this.#world = world;
    this.#node = node;
    this.#listener = listener;
    world.deliver(() => {
      if (this.#node === undefined) this.end('refused');
      else listener.opened();
    });
  }

  acquire(wordCountMin: number): boolean {
    this.words = new Int32Array(wordCountMin);
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    this.#completed.push(this.words.slice(0, wordCount));
  }

  flush(): void {
    this.flushCount += 1;
    for (const frame of this.#completed.splice(0)) {
      this.#world.deliver(() => {
        if (this.isCut || this.isClosed) return;
        this.#node?.receive(frame, frame.length, (words) => this.send(words));
      });
    }
  }

  ping(): boolean {
    this.pingCount += 1;
    return true;
  }

  close(): void {
    this.isClosed = true;
  }

  /** From the node to the client. */
  send(words: Int32Array): void {
    this.#world.deliver(() => {
      if (!this.isCut && !this.isClosed) this.#listener.frame(words, words.length);
    });
  }

  pong(): void {
    this.#listener.heard();
  }

  end(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#listener.closed(reason);
  }
}
