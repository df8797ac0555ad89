/**
 * Questions to the cluster itself: status, ring, administration. Rare, so each is an object with a
 * timer of its own.
 *
 * Invariants:
 *   CQ1 a question is settled once: by its answer, an error, its time, or the end of its connection
 */
import type { ControlMessage } from '@clockwise/protocol/control-messages';
import { errorName } from '@clockwise/protocol/errors';
import type { Connection } from './connection.ts';
import { ClockwiseError } from './errors.ts';
import type { World } from './transport.ts';

export type Answer = Extract<ControlMessage, { readonly kind: 'status' | 'ring' | 'adminReply' }>;

type Question =
  | { readonly kind: 'statusRequest' }
  | { readonly kind: 'ringRequest' }
  | { readonly kind: 'adminRequest'; readonly command: string; readonly argument: string };

interface Pending {
  readonly connection: Connection;
  readonly timer: unknown;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ClockwiseError) => void;
}

const PENDING_MAX = 256;

export class ControlRequests {
  readonly #world: World;
  readonly #pending = new Map<number, Pending>();
  readonly #connections = new Set<Connection>();
  #requestId = 0;

  constructor(world: World) {
    this.#world = world;
  }

  connected(connection: Connection): void {
    this.#connections.add(connection);
  }

  disconnected(connection: Connection): void {
    this.#connections.delete(connection);
    for (const [requestId, pending] of this.#pending) {
      if (pending.connection === connection) this.#fail(requestId, 'CONNECTION_LOST');
    }
  }

  ask(question: Question, timeoutMs: number): Promise<Answer> {
    const [connection] = this.#connections;
    if (connection === undefined) {
      const message = 'there is no connection at the moment';
      return Promise.reject(new ClockwiseError('UNAVAILABLE', { message }));
    }
    if (this.#pending.size >= PENDING_MAX) return Promise.reject(new ClockwiseError('OVERLOADED'));
    this.#requestId = (this.#requestId + 1) >>> 0;
    const requestId = this.#requestId;
    if (!connection.tell({ ...question, requestId })) {
      return Promise.reject(new ClockwiseError('OVERLOADED'));
    }
    return new Promise((resolve, reject) => {
      const timer = this.#world.setTimer(() => this.#fail(requestId, 'TIMEOUT'), timeoutMs);
      this.#pending.set(requestId, { connection, timer, resolve, reject });
    });
  }

  answered(message: ControlMessage): void {
    switch (message.kind) {
      case 'status':
      case 'ring':
      case 'adminReply':
        this.#take(message.requestId)?.resolve(message);
        return;
      case 'error': {
        const code = errorName(message.code) ?? 'UNKNOWN_OUTCOME';
        const error = new ClockwiseError(code, { message: message.text });
        this.#take(message.requestId)?.reject(error);
        return;
      }
      default:
        // The handshake's rules let nothing else through to a client.
        return;
    }
  }

  close(): void {
    for (const requestId of this.#pending.keys()) this.#fail(requestId, 'CLOSED');
    this.#connections.clear();
  }

  #fail(requestId: number, code: 'CONNECTION_LOST' | 'TIMEOUT' | 'CLOSED'): void {
    this.#take(requestId)?.reject(new ClockwiseError(code));
  }

  #take(requestId: number): Pending | undefined {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return undefined;
    this.#pending.delete(requestId);
    this.#world.clearTimer(pending.timer);
    return pending;
  }
}
