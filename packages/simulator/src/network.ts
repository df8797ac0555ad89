/**
 * The simulated network: sites, directed cuts between them, endpoints that listen and dial, and the
 * connections that have both ends. Frames are the words that the real codec wrote, copied.
 *
 * Invariants:
 *   NW1 a connection's number at an endpoint is used again only after that endpoint's core has taken
 *       its `disconnected`
 *   NW2 nothing crosses a cut: frames wait for its end, or go down with their connection
 *   NW3 each connected end hears of its end exactly once, unless the end itself is gone
 */
import { assert } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import { Connection, type ConnectionEnd } from './connection.ts';
import type { LinkFaults } from './link-faults.ts';
import type { Simulation } from './simulation.ts';

/** Whose connections these are. Callbacks come in virtual time, never from within a call. */
export interface NetworkEndpoint {
  /** The machine that it is on: cuts are between machines. */
  readonly site: string;
  readonly connectionsMax: number;
  onConnected(connection: number, peer: number): void;
  onDialFailed(peer: number, reason: string): void;
  /** `settled` gives the number back: to be called when the core's step has returned. */
  onDisconnected(connection: number, reason: string, settled: () => void): void;
  onFrame(connection: number, frame: Int32Array): void;
}

export interface NetworkCounters {
  frames: number;
  words: number;
  lost: number;
  duplicated: number;
  held: number;
  resets: number;
  connections: number;
}

export class Network {
  faults: LinkFaults;
  readonly simulation: Simulation;
  readonly prng: Prng;
  readonly counters: NetworkCounters = {
    frames: 0,
    words: 0,
    lost: 0,
    duplicated: 0,
    held: 0,
    resets: 0,
    connections: 0,
  };
  readonly #listeners: Map<string, NetworkEndpoint> = new Map();
  readonly #ends: Map<NetworkEndpoint, Map<number, ConnectionEnd>> = new Map();
  /** Where the search for a free number goes on, so that numbers are used again late. */
  readonly #nextNumber: Map<NetworkEndpoint, number> = new Map();
  readonly #cuts: Set<string> = new Set();
  readonly #connections: Set<Connection> = new Set();

  constructor(simulation: Simulation, prng: Prng, faults: LinkFaults) {
    this.simulation = simulation;
    this.prng = prng;
    this.faults = faults;
  }

  listen(address: string, endpoint: NetworkEndpoint): void {
    assert(!this.#listeners.has(address), 'one endpoint listens at an address');
    this.#listeners.set(address, endpoint);
    this.join(endpoint);
  }

  /** An endpoint that only dials. */
  join(endpoint: NetworkEndpoint): void {
    this.#ends.set(endpoint, new Map());
  }

  /**
   * The endpoint's process is gone. Its peers hear of it, at once by its kernel or, where the machine
   * lost its power, when they give up waiting.
   */
  leave(endpoint: NetworkEndpoint, how: 'killed' | 'power-loss'): void {
    for (const [address, listener] of this.#listeners) {
      if (listener === endpoint) this.#listeners.delete(address);
    }
    for (const end of [...(this.#ends.get(endpoint)?.values() ?? [])])
      end.connection.orphan(end, how);
    this.#ends.delete(endpoint);
  }

  isAttached(endpoint: NetworkEndpoint): boolean {
    return this.#ends.has(endpoint);
  }

  dial(endpoint: NetworkEndpoint, peer: number, address: string): void {
    const { simulation } = this;
    const roundTripMs = this.delayMs() + this.delayMs();
    simulation.after(roundTripMs, () => {
      const listener = this.#listeners.get(address);
      if (!this.isAttached(endpoint)) return;
      if (listener === undefined || this.#isApart(endpoint.site, listener.site)) {
        simulation.after(this.delayMs(), () => {
          if (this.isAttached(endpoint)) endpoint.onDialFailed(peer, 'no answer');
        });
        return;
      }
      this.#connect(endpoint, listener, peer);
    });
  }

  /** Whether `wordCount` more may be under way on the connection. */
  hasRoom(endpoint: NetworkEndpoint, connection: number, wordCount: number): boolean {
    const end = this.#ends.get(endpoint)?.get(connection);
    if (end === undefined) return true;
    return end.wordsUnderWay + wordCount <= this.faults.connectionWordsMax;
  }

  /** A frame to a connection that has ended, or is being closed, goes nowhere. */
  send(endpoint: NetworkEndpoint, connection: number, frame: Int32Array): void {
    const end = this.#ends.get(endpoint)?.get(connection);
    if (end === undefined || !end.isOpen) return;
    this.counters.frames += 1;
    this.counters.words += frame.length;
    end.connection.send(end, frame);
  }

  hangUp(endpoint: NetworkEndpoint, connection: number, reason: string): void {
    const end = this.#ends.get(endpoint)?.get(connection);
    if (end !== undefined && end.isOpen) end.connection.hangUp(end, reason);
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** All cuts end; what waits goes on. */
  heal(): void {
    this.#cuts.clear();
    for (const connection of this.#connections) connection.resume();
  }

  /** Resets up to `countMax` connections that a seed picks. */
  resetSome(countMax: number): void {
    const open = [...this.#connections];
    for (let count = 0; count < countMax && open.length > 0; count += 1) {
      const [picked] = open.splice(this.prng.below(open.length), 1);
      picked!.reset('reset by the network');
    }
  }

  delayMs(): number {
    const { delayMinMs, delayMeanMs } = this.faults;
    return delayMinMs + this.prng.exponential(delayMeanMs);
  }

  /** For connections: their number is free, and they are forgotten. */
  release(endpoint: NetworkEndpoint, number: number): void {
    this.#ends.get(endpoint)?.delete(number);
  }
  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #isApart(one: string, other: string): boolean {
    return this.isCut(one, other) || this.isCut(other, one);
  }

  #connect(dialler: NetworkEndpoint, listener: NetworkEndpoint, peer: number): void {
    const near = this.#freeNumber(dialler);
    const far = this.#freeNumber(listener);
    if (near < 0 || far < 0) {
      dialler.onDialFailed(peer, 'too many connections');
      return;
    }
    this.counters.connections += 1;
    const connection = new Connection(this, dialler, near, listener, far);
    this.#connections.add(connection);
    this.#ends.get(dialler)!.set(near, connection.ends[0]);
    this.#ends.get(listener)!.set(far, connection.ends[1]);
    listener.onConnected(far, -1);
    dialler.onConnected(near, peer);
  }

  #freeNumber(endpoint: NetworkEndpoint): number {
    const ends = this.#ends.get(endpoint)!;
    const start = this.#nextNumber.get(endpoint) ?? 0;
    for (let tried = 0; tried < endpoint.connectionsMax; tried += 1) {
      const number = (start + tried) % endpoint.connectionsMax;
      if (ends.has(number)) continue;
      this.#nextNumber.set(endpoint, (number + 1) % endpoint.connectionsMax);
      return number;
    }
    return -1;
  }
}
