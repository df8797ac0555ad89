/**
 * ThreadLoop: the one loop of a worker thread that hosts actors. It turns when something may wait
 * (a ring, a socket, a timer, a message), gives each actor a turn, and sleeps on the doorbell when
 * none has work.
 *
 * Boundary: when actors run, never what they do. An exception leaves through the event loop and ends
 * the worker: its supervisor starts another.
 *
 * data plane
 *
 * Invariants:
 *   TL1 whatever arrives in one turn of the event loop is stepped together
 *   TL2 sockets get their turn between any two steps
 *   TL3 the thread does not sleep while a ring has work
 *   TL4 whom a socket, a timer or a message woke needs no ring: nobody rings until its turn is over
 */
import { assert } from '@clockwise/kernel/assert';
import type { ActorName } from '@clockwise/kernel/effects';
import type { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import type { Pulse } from '../supervisor/heartbeat.ts';
import type { ActorShell } from './actor-shell.ts';
import type { ShellHost } from './shell-types.ts';

export interface ThreadLoopOptions {
  readonly sleeper: Sleeper;
  readonly pulse: Pulse;
  readonly tickMs: number;
  /** Tells and jobs for other threads. */
  readonly outside: Omit<ShellHost, 'wake'>;
}

export class ThreadLoop implements ShellHost {
  readonly #options: ThreadLoopOptions;
  readonly #actors: ActorShell[] = [];
  #armed: Promise<void> | undefined;
  #scheduled = false;
  #stopped = false;
  #ticking: NodeJS.Timeout | undefined;

  constructor(options: ThreadLoopOptions) {
    this.#options = options;
  }

  add(actor: ActorShell): void {
    assert(this.find(actor.name) === undefined, 'an actor is hosted once');
    this.#actors.push(actor);
  }

  find(name: ActorName): ActorShell | undefined {
    return this.#actors.find((actor) => actor.name === name);
  }

  get actors(): readonly ActorShell[] {
    return this.#actors;
  }

  start(): void {
    this.#ticking = setInterval(this.#tick, this.#options.tickMs);
    this.wake();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticking);
    for (const actor of this.#actors) actor.stop();
  }

  /** A turn in the check phase of this turn of the event loop: after all sockets that are ready. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // [TL4] The turn looks at all rings before the thread sleeps again.
    this.#options.sleeper.stayAwake();
    setImmediate(this.#turnScheduled);
  }

  tell(from: ActorName, to: ActorName, message: unknown): void {
    const neighbour = this.find(to);
    if (neighbour === undefined) this.#options.outside.tell(from, to, message);
    // A copy, as between threads: what is sent is not shared.
    else neighbour.push({ kind: 'told', from, message: structuredClone(message) });
  }

  job(actor: ActorName, job: number, input: unknown): void {
    this.#options.outside.job(actor, job, input);
  }

  readonly #turnScheduled = (): void => {
    this.#scheduled = false;
    this.#turn();
  };

  readonly #rung = (): void => {
    this.#armed = undefined;
    if (!this.#scheduled) this.#turn();
  };

  readonly #tick = (): void => {
    for (const actor of this.#actors) actor.tick();
  };

  #turn(): void {
    if (this.#stopped) return;
    this.#options.pulse.answer();
    let more = false;
    for (let index = 0; index < this.#actors.length; index += 1) {
      if (this.#actors[index]!.turn()) more = true;
    }
    if (more) this.wake();
    else if (!this.#scheduled) this.#sleep();
  }

  #sleep(): void {
    const woken = this.#options.sleeper.waitAsync();
    if (woken === undefined) {
      this.wake();
    } else if (woken !== this.#armed) {
      this.#armed = woken;
      // An exception in the turn rejects this promise, and an unhandled rejection ends the worker.
      void woken.then(this.#rung);
    }
  }
}
