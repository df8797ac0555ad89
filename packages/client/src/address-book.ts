/**
 * The coordinators that this client may connect to: those it was given, and those it learned from
 * welcomes. Chooses the next one to try. Pure: instants are arguments, the Prng is handed in.
 *
 * Invariants:
 *   AB1 an address that has failed rests, for longer the more often it failed in a row: it comes after all
 *       that do not rest; of those the one that failed least comes first, and among equals the choice is
 *       by lot
 *   AB2 two connections do not share an address while another one is left
 *   AB3 at most `addressesMax` addresses are held; those given by the user stay
 */
import { assert } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';

interface Entry {
  readonly address: string;
  failureCount: number;
  /** Until when others come first. */
  restsUntil: number;
  userCount: number;
}

const ADDRESSES_MAX = 1024;
/** A node that was lost is not dialled again at once, and one that was lost long ago has its chance. */
const REST_MS_MIN = 2000;
const REST_MS_MAX = 30_000;

export class AddressBook {
  readonly #entries: Entry[] = [];
  readonly #prng: Prng;

  constructor(servers: readonly string[], prng: Prng) {
    this.#prng = prng;
    for (const address of servers) this.learn(address);
    assert(this.#entries.length > 0, 'there is an address to connect to');
  }

  get addresses(): readonly string[] {
    return this.#entries.map((entry) => entry.address);
  }

  learn(address: string): void {
    if (this.#entries.length >= ADDRESSES_MAX || this.#find(address) !== undefined) return;
    this.#entries.push({ address, failureCount: 0, restsUntil: -Infinity, userCount: 0 });
  }

  /** The address to dial next; it counts as used until `release`. */
  take(now: number): string {
    const usersLeast = Math.min(...this.#entries.map((entry) => entry.userCount));
    const free = this.#entries.filter((entry) => entry.userCount === usersLeast);
    const rested = free.filter((entry) => entry.restsUntil <= now);
    const among = rested.length > 0 ? rested : free;
    const failuresLeast = Math.min(...among.map((entry) => entry.failureCount));
    const best = among.filter((entry) => entry.failureCount === failuresLeast);
    const chosen = this.#prng.pick(best);
    chosen.userCount += 1;
    return chosen.address;
  }

  /** The connection to this address is over. */
  release(address: string): void {
    const entry = this.#find(address);
    assert(entry !== undefined && entry.userCount > 0, 'the address was taken');
    entry.userCount -= 1;
  }

  failed(address: string, now: number): void {
    const entry = this.#find(address);
    if (entry === undefined) return;
    entry.failureCount += 1;
    const restMs = REST_MS_MIN * 2 ** Math.min(entry.failureCount - 1, 10);
    entry.restsUntil = now + Math.min(restMs, REST_MS_MAX);
  }

  succeeded(address: string): void {
    const entry = this.#find(address);
    if (entry === undefined) return;
    entry.failureCount = 0;
    entry.restsUntil = -Infinity;
  }

  #find(address: string): Entry | undefined {
    return this.#entries.find((entry) => entry.address === address);
  }
}
