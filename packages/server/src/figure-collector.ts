/**
 * FigureCollector: asks actors for their figures and gathers what comes within the time for it. Who
 * does not answer is left out.
 *
 * Invariants:
 *   FC1 a collection ends at its timeout at the latest, and holds only answers to itself
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { Figures } from './status-report.ts';

export interface FigureCollectorOptions {
  readonly actors: readonly string[];
  readonly timeoutMs: number;
  readonly tell: (to: string, message: ActorMessage) => void;
}

interface Collection {
  readonly gathered: Map<string, Readonly<Record<string, number | string>>>;
  readonly done: () => void;
}

export class FigureCollector {
  readonly #options: FigureCollectorOptions;
  readonly #collections: Map<number, Collection> = new Map();
  #count = 0;
  /** One that has just begun serves all who ask meanwhile. */
  #current: Promise<Figures> | undefined;

  constructor(options: FigureCollectorOptions) {
    this.#options = options;
  }

  collect(): Promise<Figures> {
    this.#current ??= this.#collect().finally(() => (this.#current = undefined));
    return this.#current;
  }

  told(from: string, message: ActorMessage): void {
    if (message.kind !== 'figures') return;
    const collection = this.#collections.get(message.request);
    if (collection === undefined) return;
    collection.gathered.set(from, message.figures);
    if (collection.gathered.size === this.#options.actors.length) collection.done();
  }

  async #collect(): Promise<Figures> {
    this.#count += 1;
    const request = this.#count;
    const { actors, timeoutMs, tell } = this.#options;
    const gathered: Collection['gathered'] = new Map();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#collections.set(request, { gathered, done });
      for (const actor of actors) tell(actor, { kind: 'figures-wanted', request });
    });
    this.#collections.delete(request);
    const known = actors.filter((actor) => gathered.has(actor));
    return Object.fromEntries(known.map((actor) => [actor, gathered.get(actor)!]));
  }
}
