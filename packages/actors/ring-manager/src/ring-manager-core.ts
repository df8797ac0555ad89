/**
 * The ring-manager: the one place of a node where the ring is. It is handed the ring that the node
 * has stored and serves it; at epoch 1 the ring never changes.
 *
 * Invariants:
 *   RM1 what is served is, byte for byte, what is stored
 */
import { assert } from '@clockwise/kernel/assert';
import type { Batch, Core, Out } from '@clockwise/kernel/core';
import type { Effect, WorldEvent } from '@clockwise/kernel/effects';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';

export type RingManagerEvent = WorldEvent<ActorMessage, never>;
export type RingManagerEffect = Effect<ActorMessage, never>;

export interface RingManagerOptions {
  /** The encoded ring as it is stored. */
  readonly ringBytes: Uint8Array;
  readonly epoch: number;
}

export class RingManagerCore implements Core<RingManagerEvent, RingManagerEffect> {
  readonly #options: RingManagerOptions;
  #served = 0;

  constructor(options: RingManagerOptions) {
    assert(options.ringBytes.length > 0, 'a node has a ring before its ring-manager starts');
    this.#options = options;
  }

  step(batch: Batch<RingManagerEvent>, out: Out<RingManagerEffect>): void {
    for (const event of batch.events) {
      if (event.kind === 'told') this.#takeMessage(event.from, event.message, out);
    }
  }

  hash(): number {
    return this.#served;
  }

  #takeMessage(from: string, message: ActorMessage, out: Out<RingManagerEffect>): void {
    if (message.kind === 'ring-wanted') {
      this.#served += 1;
      const { ringBytes: bytes } = this.#options;
      const reply: ActorMessage = { kind: 'ring', request: message.request, bytes };
      out.effect({ kind: 'tell', to: from, message: reply });
    } else if (message.kind === 'figures-wanted') {
      const figures = { epoch: this.#options.epoch, served: this.#served };
      const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
      out.effect({ kind: 'tell', to: from, message: reply });
    }
  }
}
