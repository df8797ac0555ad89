/**
 * Questions of clients that another actor of this node answers: passed on under a number of our own,
 * and the answer brought back to the connection that asked.
 *
 * Invariants:
 *   PQ1 an answer goes to the connection that asked, under its own number, or nowhere
 *   PQ2 at most `QUESTIONS_MAX` wait; the oldest, whose answer never came, makes room
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { ControlMessage } from '@clockwise/protocol/control-messages';
import { writeControl } from '@clockwise/protocol/message-codec';
import type { CoordinatorContext } from '../coordinator-context.ts';

export const QUESTIONS_MAX = 256;

/** A connection that waits, and its own number for the question. */
interface Asker {
  readonly connection: number;
  readonly generation: number;
  readonly requestId: number;
}

export class PassedQuestions {
  readonly #context: CoordinatorContext;
  readonly #askers: Map<number, Asker> = new Map();
  #count = 0;

  constructor(context: CoordinatorContext) {
    this.#context = context;
  }

  pass(
    connection: number,
    requestId: number,
    to: 'main' | 'ring-manager',
    messageFor: (request: number) => ActorMessage,
  ): void {
    if (this.#askers.size >= QUESTIONS_MAX) this.#dropOldest();
    const generation = this.#context.connections.generation[connection]!;
    this.#count += 1;
    this.#askers.set(this.#count, { connection, generation, requestId });
    this.#context.out.effect({ kind: 'tell', to, message: messageFor(this.#count) });
  }

  answer(request: number, messageFor: (requestId: number) => ControlMessage): void {
    const asker = this.#askers.get(request);
    if (asker === undefined) return;
    this.#askers.delete(request);
    if (!this.#context.connections.isOpen(asker.connection, asker.generation)) return;
    const sink = this.#context.toConnection(asker.connection);
    writeControl(sink, messageFor(asker.requestId));
  }

  #dropOldest(): void {
    for (const oldest of this.#askers.keys()) {
      this.#askers.delete(oldest);
      return;
    }
  }
}
