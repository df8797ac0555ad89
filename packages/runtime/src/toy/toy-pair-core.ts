/** Two of them share a thread and tell each other numbers, to show that a thread hosts several. */
import type { Core } from '@clockwise/kernel/core';
import type { ShellBatch, ShellEffect, ShellEvent, ShellOut } from '../shell/shell-types.ts';

const ROUNDS = 10;
const TIMER = 1;

export class ToyPairCore implements Core<ShellEvent, ShellEffect, ShellBatch, ShellOut> {
  readonly #other: string;
  #rounds = 0;

  constructor(other: string) {
    this.#other = other;
  }

  step(batch: ShellBatch, out: ShellOut): void {
    for (const event of batch.events) {
      if (event.kind === 'timer') {
        out.effect({ kind: 'tell', to: this.#other, message: { round: this.#rounds } });
      } else if (event.kind === 'told' && event.from === 'main') {
        out.effect({ kind: 'timer', timer: TIMER, at: batch.now + 5 });
      } else if (event.kind === 'told') {
        this.#told((event.message as { readonly round: number }).round, out);
      } else if (event.kind === 'job-done') {
        out.effect({ kind: 'tell', to: 'main', message: { squared: event.output } });
      } else if (event.kind === 'job-failed') {
        out.effect({ kind: 'tell', to: 'main', message: { failure: event.failure } });
      }
    }
  }

  hash(): number {
    return this.#rounds;
  }

  #told(round: number, out: ShellOut): void {
    this.#rounds = round + 1;
    if (round < ROUNDS) {
      out.effect({ kind: 'tell', to: this.#other, message: { round: round + 1 } });
    } else {
      out.effect({ kind: 'job', job: 1, input: { number: 12 } });
      out.effect({ kind: 'job', job: 2, input: { number: -1 } });
    }
  }
}
