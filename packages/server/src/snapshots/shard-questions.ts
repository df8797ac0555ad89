/**
 * Questions of this node to its shards, and their answers: by number, over control messages. A shard that
 * dies or is fenced answers nothing any more, which is an answer too.
 *
 * Invariants:
 *   SQ1 a question is settled once: by its answer, by the end of its shard, or by `close`
 *   SQ2 a shard that does not serve is not asked
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { UnitState } from '@clockwise/runtime/supervisor/unit';

/** What shards answer. */
type Answer = Extract<
  ActorMessage,
  { readonly kind: 'snapshot-done' | 'snapshots' | 'snapshot-dropped' }
>;

export type Answered<Kind extends Answer['kind']> =
  | { readonly ok: true; readonly message: Extract<Answer, { readonly kind: Kind }> }
  /** Why there is none; what was asked for may have been done. */
  | { readonly ok: false; readonly reason: string };

interface Pending {
  readonly shard: number;
  readonly kind: Answer['kind'];
  readonly settle: (answer: Answered<never>) => void;
}

export class ShardQuestions {
  readonly #tell: (to: string, message: ActorMessage) => void;
  readonly #pending: Map<number, Pending> = new Map();
  /** By shard: why it is not asked; undefined: it serves. */
  readonly #down: (string | undefined)[];
  #count = 0;

  constructor(shardCount: number, tell: (to: string, message: ActorMessage) => void) {
    this.#tell = tell;
    this.#down = Array.from({ length: shardCount }, () => 'it is being opened');
  }

  get allServe(): boolean {
    return this.#down.every((reason) => reason === undefined);
  }

  /** The answers, by shard. */
  askAll<Kind extends Answer['kind']>(
    kind: Kind,
    messageFor: (request: number) => ActorMessage,
  ): Promise<readonly Answered<Kind>[]> {
    return Promise.all([...this.#down.keys()].map((shard) => this.#ask(shard, kind, messageFor)));
  }

  #ask<Kind extends Answer['kind']>(
    shard: number,
    kind: Kind,
    messageFor: (request: number) => ActorMessage,
  ): Promise<Answered<Kind>> {
    const reason = this.#down[shard];
    // [SQ2]
    if (reason !== undefined) return Promise.resolve({ ok: false, reason });
    this.#count += 1;
    const request = this.#count;
    return new Promise((resolve) => {
      this.#pending.set(request, { shard, kind, settle: resolve });
      this.#tell(`replica-${shard}`, messageFor(request));
    });
  }

  told(message: ActorMessage): void {
    if (message.kind === 'shard-state') {
      if (message.state === 'fenced') {
        this.#shardDown(message.shard, `it serves no longer: ${message.reason}`);
      }
    } else if (
      message.kind === 'snapshot-done' ||
      message.kind === 'snapshots' ||
      message.kind === 'snapshot-dropped'
    ) {
      const pending = this.#pending.get(message.request);
      if (pending?.kind !== message.kind) return;
      this.#pending.delete(message.request);
      pending.settle({ ok: true, message: message as never });
    }
  }

  /** The supervisor saw a unit change. */
  unitChanged(name: string, state: UnitState): void {
    const shard = Number(/^replica-(\d+)$/.exec(name)?.[1] ?? -1);
    if (shard < 0 || shard >= this.#down.length) return;
    if (state.kind === 'ready') this.#down[shard] = undefined;
    else this.#shardDown(shard, reasonOf(state));
  }

  /** Nobody answers any more. */
  close(): void {
    for (const shard of this.#down.keys()) this.#shardDown(shard, 'the node stops');
  }

  /** [SQ1] */
  #shardDown(shard: number, reason: string): void {
    this.#down[shard] = reason;
    for (const [request, pending] of this.#pending) {
      if (pending.shard !== shard) continue;
      this.#pending.delete(request);
      pending.settle({ ok: false, reason });
    }
  }
}

function reasonOf(state: Exclude<UnitState, { readonly kind: 'ready' }>): string {
  switch (state.kind) {
    case 'crashed':
      return `it crashed: ${state.reason.split('\n', 1)[0]}`;
    case 'given-up':
      return `it was given up: ${state.reason.split('\n', 1)[0]}`;
    case 'starting':
      return 'it is being opened';
    case 'stopped':
      return 'it is stopped';
    default:
      return unreachable(state);
  }
}
