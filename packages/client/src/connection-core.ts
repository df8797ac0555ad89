/**
 * The life of one connection as a state machine: values in, effects out. It dials one coordinator
 * after another until one welcomes it, notices when that one falls silent, and begins anew.
 *
 *     resting --due--> dialing --opened--> greeting --welcome--> ready
 *        ^                |                   |                    |
 *        +---- backoff ---+-------------------+---- lost ----------+          closed: for ever
 *
 * Pure: time is an argument, the Prng is handed in.
 *
 * Invariants:
 *   CC1 nothing but a welcome makes it ready, and only one that the protocol's handshake accepts
 *   CC2 after a failure in a row the rest grows, with jitter, up to a bound; success ends the row
 *   CC3 a silent node is asked for a sign of life, then left; without requests in flight it may be silent
 *   CC5 a handshake has little time at first, and more after each failure in a row, up to a bound
 *   CC4 closed is final
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { ControlMessage, Welcome } from '@clockwise/protocol/control-messages';
import { ERRORS, errorName, type ErrorName } from '@clockwise/protocol/errors';
import { judgeWelcome, type Self } from '@clockwise/protocol/handshake';
import type { AddressBook } from './address-book.ts';
import { jitteredBackoffMs } from './retry-policy.ts';

export interface ConnectionLimits {
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Milliseconds for dialling, and for the greeting: at first, doubled with each failure in a row ... */
  readonly handshakeMsMin: number;
  /** ... up to this. */
  readonly handshakeMsMax: number;
  /** Milliseconds of silence, with requests in flight, after which a node is asked ... */
  readonly silenceMsPing: number;
  /** ... and after which it is left. */
  readonly silenceMsMax: number;
}

type State =
  | { readonly kind: 'resting'; readonly until: number }
  | { readonly kind: 'dialing'; readonly address: string; readonly until: number }
  | { readonly kind: 'greeting'; readonly address: string; readonly until: number }
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'closed' };

export type ConnectionEffect =
  | { readonly kind: 'dial'; readonly address: string }
  | { readonly kind: 'greet' }
  | { readonly kind: 'ready'; readonly welcome: Welcome; readonly address: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'hang-up'; readonly reason: string }
  /** The connection is over or never came to be; what it had in flight is without an answer. */
  | { readonly kind: 'lost'; readonly code: ErrorName; readonly reason: string };

const NOTHING: readonly ConnectionEffect[] = [];

export class ConnectionCore {
  readonly #book: AddressBook;
  readonly #limits: ConnectionLimits;
  readonly #prng: Prng;
  readonly #self: () => Self;
  #state: State;
  #failureCount = 0;
  /** Since when the node owes an answer without having been heard; Infinity: it owes none. */
  #silentSince = Infinity;
  #isPinged = false;

  constructor(
    book: AddressBook,
    limits: ConnectionLimits,
    prng: Prng,
    self: () => Self,
    now: number,
  ) {
    this.#book = book;
    this.#limits = limits;
    this.#prng = prng;
    this.#self = self;
    this.#state = { kind: 'resting', until: now };
  }

  get isReady(): boolean {
    return this.#state.kind === 'ready';
  }

  /** It owes an answer, and a sign of life that it was asked for. */
  get isInDoubt(): boolean {
    return this.#isPinged;
  }

  /** The address in use, for status. */
  get address(): string {
    return 'address' in this.#state ? this.#state.address : '';
  }

  /** When `tick` has something to do. */
  get wakeAt(): number {
    const state = this.#state;
    if (state.kind === 'closed') return Infinity;
    if (state.kind !== 'ready') return state.until;
    const { silenceMsPing, silenceMsMax } = this.#limits;
    return this.#silentSince + (this.#isPinged ? silenceMsMax : silenceMsPing);
  }

  tick(now: number): readonly ConnectionEffect[] {
    if (now < this.wakeAt) return NOTHING;
    switch (this.#state.kind) {
      case 'resting':
        return this.#dial(now);
      case 'dialing':
      case 'greeting':
        return this.#fail(now, 'CONNECTION_LOST', 'the handshake took too long', true);
      case 'ready':
        if (this.#isPinged) {
          return this.#fail(now, 'CONNECTION_LOST', 'the node fell silent', true);
        }
        this.#isPinged = true;
        return [{ kind: 'ping' }];
      case 'closed':
        return NOTHING;
      default:
        return unreachable(this.#state);
    }
  }

  opened(now: number): readonly ConnectionEffect[] {
    if (this.#state.kind !== 'dialing') return NOTHING;
    const until = now + this.#handshakeMs;
    this.#state = { kind: 'greeting', address: this.#state.address, until };
    return [{ kind: 'greet' }];
  }

  /** A control message other than the answers to questions. */
  told(now: number, message: ControlMessage): readonly ConnectionEffect[] {
    if (message.kind === 'goodbye') {
      const code = errorName(message.reason) ?? 'CONNECTION_LOST';
      return this.#fail(now, code, message.text, true);
    }
    if (this.#state.kind !== 'greeting' || message.kind !== 'welcome') {
      return this.#fail(now, 'BAD_FRAME', `${message.kind} was not expected`, true);
    }
    const verdict = judgeWelcome(message, this.#self(), '');
    if (!verdict.accept) return this.#fail(now, verdict.error, verdict.text, true);
    const { address } = this.#state;
    this.#state = { kind: 'ready', address };
    this.#failureCount = 0;
    this.#book.succeeded(address);
    return [{ kind: 'ready', welcome: message, address }];
  }

  /** The node sent what no node may send. */
  broken(now: number, reason: string): readonly ConnectionEffect[] {
    return this.#fail(now, 'BAD_FRAME', reason, true);
  }

  /** The transport ended. */
  ended(now: number, reason: string): readonly ConnectionEffect[] {
    return this.#fail(now, 'CONNECTION_LOST', reason, false);
  }

  /** Requests went out: from now on the node owes an answer. */
  sent(now: number): void {
    if (this.#silentSince === Infinity) this.#silentSince = now;
  }

  heard(now: number, owesMore: boolean): void {
    this.#silentSince = owesMore ? now : Infinity;
    this.#isPinged = false;
  }

  close(): readonly ConnectionEffect[] {
    const { kind } = this.#state;
    if (kind === 'closed') return NOTHING;
    if ('address' in this.#state) this.#book.release(this.#state.address);
    this.#state = { kind: 'closed' };
    return kind === 'resting' ? NOTHING : [{ kind: 'hang-up', reason: 'the client was closed' }];
  }

  #dial(now: number): readonly ConnectionEffect[] {
    const address = this.#book.take(now);
    const until = now + this.#handshakeMs;
    this.#state = { kind: 'dialing', address, until };
    return [{ kind: 'dial', address }];
  }

  #fail(
    now: number,
    code: ErrorName,
    reason: string,
    hangsUp: boolean,
  ): readonly ConnectionEffect[] {
    const state = this.#state;
    if (!('address' in state)) return NOTHING;
    this.#book.release(state.address);
    this.#book.failed(state.address, now);
    // A connection that had worked is replaced at once: another node may well be there.
    const restMs = state.kind === 'ready' ? 0 : this.#restMs();
    this.#state = { kind: 'resting', until: now + restMs };
    this.#silentSince = Infinity;
    this.#isPinged = false;
    const lost: ConnectionEffect = { kind: 'lost', code, reason: `${state.address}: ${reason}` };
    return hangsUp ? [{ kind: 'hang-up', reason: ERRORS[code].text }, lost] : [lost];
  }

  /** Short at first: who accepts and says nothing must not cost what others could have answered. */
  get #handshakeMs(): number {
    const { handshakeMsMin, handshakeMsMax } = this.#limits;
    return Math.min(handshakeMsMin * 2 ** Math.min(this.#failureCount, 10), handshakeMsMax);
  }

  #restMs(): number {
    this.#failureCount += 1;
    return jitteredBackoffMs(this.#failureCount, this.#limits, this.#prng);
  }
}
