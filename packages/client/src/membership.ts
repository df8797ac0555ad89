/**
 * What the client knows of its cluster from the welcomes it got, and who waits for the first of them.
 *
 * Invariants:
 *   MB1 the first welcome fixes the cluster: coordinators of another one are refused from then on
 *   MB2 who waits for readiness is told once: ready, or why not
 *   MB3 of a client that is in a data centre, no coordinator elsewhere is learned
 */
import type { Hello, Welcome, Word64 } from '@clockwise/protocol/control-messages';
import type { ErrorName } from '@clockwise/protocol/errors';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import type { Self } from '@clockwise/protocol/handshake';
import type { AddressBook } from './address-book.ts';
import { ClockwiseError } from './errors.ts';
import { normalizedAddress } from './options.ts';

/** Refusals that another address of the same cluster would repeat. */
const FINAL: ReadonlySet<ErrorName> = new Set(['WRONG_VERSION', 'WRONG_CLUSTER', 'BAD_REQUEST']);

interface Waiter {
  readonly resolve: (welcome: Welcome) => void;
  readonly reject: (error: ClockwiseError) => void;
}

export class Membership {
  readonly #book: AddressBook;
  readonly #session: () => Word64;
  readonly #dataCentre: string | undefined;
  #welcome: Welcome | undefined;
  #waiters: Waiter[] = [];
  #lastReason = '';

  constructor(book: AddressBook, session: () => Word64, dataCentre: string | undefined) {
    this.#book = book;
    this.#session = session;
    this.#dataCentre = dataCentre;
  }

  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get addresses(): readonly string[] {
    return this.#book.addresses;
  }

  /** Settles at the first welcome, or at a refusal that no other try would change. */
  ready(): Promise<Welcome> {
    if (this.#welcome !== undefined) return Promise.resolve(this.#welcome);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Nobody waits any longer. */
  giveUp(timeoutMs: number): void {
    const why = this.#lastReason === '' ? '' : ` (${this.#lastReason})`;
    const message = `no coordinator answered within ${timeoutMs} ms${why}`;
    this.#refuse(new ClockwiseError('UNAVAILABLE', { message }));
  }

  welcomed(welcome: Welcome): void {
    this.#welcome = welcome;
    for (const { address, dataCentre } of welcome.addresses) {
      // [MB3]
      if (this.#dataCentre === undefined || dataCentre === this.#dataCentre) this.#learn(address);
    }
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(welcome);
  }

  /** Nodes name host and port; how to speak to them is as the user's own addresses say. */
  #learn(address: string): void {
    const [scheme = 'ws:'] = this.#book.addresses[0]?.split('//') ?? [];
    const learned = normalizedAddress(`${scheme}//${address.replace(/^wss?:\/\//, '')}`);
    if (learned !== undefined) this.#book.learn(learned);
  }

  lost(code: ErrorName, reason: string): void {
    this.#lastReason = reason;
    if (FINAL.has(code)) this.#refuse(new ClockwiseError(code, { message: reason }));
  }

  self(): Self {
    return {
      endpoint: 'client',
      protocolVersionMin: PROTOCOL_VERSION,
      protocolVersionMax: PROTOCOL_VERSION,
      clusterId: this.#welcome?.clusterId ?? '',
      nodeId: '',
      session: this.#session(),
      epoch: 0,
      ringHash: '',
      members: [],
    };
  }

  hello(): Hello {
    const { protocolVersionMin, protocolVersionMax, clusterId, session } = this.self();
    return {
      kind: 'hello',
      protocolVersionMin,
      protocolVersionMax,
      role: 'client',
      clusterId,
      session,
      nodeId: '',
      epoch: 0,
      ringHash: '',
      featureBits: 0,
    };
  }

  #refuse(error: ClockwiseError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
