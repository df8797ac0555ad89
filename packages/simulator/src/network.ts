/**
 * The simulated network: sites, directed links between them, endpoints that listen and dial, and the
 * connections that have both ends. Frames are the words that the real codec wrote, copied.
 *
 * Invariants:
 *   NW1 a connection's number at an endpoint is used again only after that endpoint's core has taken
 *       its `disconnected`
 *   NW2 nothing crosses a cut: frames wait for its end, or go down with their connection
 *   NW3 each connected end hears of its end exactly once, unless the end itself is gone
 *   NW4 whatever blocks a link ends by itself, takes away only its own effect, and ends with `heal`
 */
import { assert } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import { Connection, type ConnectionEnd } from './connection.ts';
import type { PathWorld } from './frame-path.ts';
import { Link } from './link.ts';
import type { LinkFaults } from './link-faults.ts';
import { makeNetworkCounters, type NetworkCounters } from './network-counters.ts';
import type { Simulation } from './simulation.ts';

/** Whose connections these are. Callbacks come in virtual time, never from within a call. */
export interface NetworkEndpoint {
  /** The machine that it is on: links are between machines. */
  readonly site: string;
  readonly connectionsMax: number;
  onConnected(connection: number, peer: number): void;
  onDialFailed(peer: number, reason: string): void;
  /** `settled` gives the number back: to be called when the core's step has returned. */
  onDisconnected(connection: number, reason: string, settled: () => void): void;
  onFrame(connection: number, frame: Int32Array): void;
}

export class Network implements PathWorld {
  readonly simulation: Simulation;
  readonly prng: Prng;
  readonly counters: NetworkCounters = makeNetworkCounters();
  /** A fault of several steps goes on only while this is what it was at its beginning. */
  healCount = 0;
  #faults: LinkFaults;
  readonly #listeners: Map<string, NetworkEndpoint> = new Map();
  /** By address, the site of whoever listened there last. */
  readonly #siteOfAddress: Map<string, string> = new Map();
  readonly #ends: Map<NetworkEndpoint, Map<number, ConnectionEnd>> = new Map();
  /** Where the search for a free number goes on, so that numbers are used again late. */
  readonly #nextNumber: Map<NetworkEndpoint, number> = new Map();
  readonly #links: Map<string, Map<string, Link>> = new Map();
  readonly #sites: Set<string> = new Set();
  readonly #connections: Set<Connection> = new Set();

  constructor(simulation: Simulation, prng: Prng, faults: LinkFaults) {
    this.simulation = simulation;
    this.prng = prng;
    this.#faults = faults;
  }

  get faults(): LinkFaults {
    return this.#faults;
  }

  /** From here on; what is under way stays as it was drawn. */
  set faults(faults: LinkFaults) {
    this.#faults = faults;
    for (const links of this.#links.values()) {
      for (const link of links.values()) link.apply(faults);
    }
  }

  /** All that ever had an endpoint, in the order of their coming. */
  get sites(): readonly string[] {
    return [...this.#sites];
  }

  /** The link, which there is from its first use on. */
  link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = new Link({ from, to }, this.simulation, this.prng);
      link.apply(this.#faults);
      links.set(to, link);
    }
    return link;
  }

  listen(address: string, endpoint: NetworkEndpoint): void {
    assert(!this.#listeners.has(address), 'one endpoint listens at an address');
    this.#listeners.set(address, endpoint);
    this.#siteOfAddress.set(address, endpoint.site);
    this.join(endpoint);
  }

  /** An endpoint that only dials. */
  join(endpoint: NetworkEndpoint): void {
    this.#ends.set(endpoint, new Map());
    this.#sites.add(endpoint.site);
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
    this.#nextNumber.delete(endpoint);
  }

  isAttached(endpoint: NetworkEndpoint): boolean {
    return this.#ends.has(endpoint);
  }

  /** Whether anything runs at a site. */
  isUp(site: string): boolean {
    for (const endpoint of this.#ends.keys()) if (endpoint.site === site) return true;
    return false;
  }

  /** There and back; what a link holds up is waited for, but not for ever. */
  dial(endpoint: NetworkEndpoint, peer: number, address: string): void {
    const { simulation, prng, counters } = this;
    const site = this.#siteOfAddress.get(address) ?? address;
    let isOver = false;
    const end = (run: () => void): void => {
      if (isOver || !this.isAttached(endpoint)) return;
      isOver = true;
      run();
    };
    this.link(endpoint.site, site).pass(() => {
      this.link(site, endpoint.site).pass(() => {
        end(() => {
          const listener = this.#listeners.get(address);
          if (listener === undefined) endpoint.onDialFailed(peer, 'refused');
          else this.#connect(endpoint, listener, peer);
        });
      });
    });
    const patienceMs = DIAL_MS_MIN + prng.exponential(this.#faults.stallMeanMs);
    simulation.after(patienceMs, () => {
      end(() => {
        counters.unansweredDials += 1;
        endpoint.onDialFailed(peer, 'no answer');
      });
    });
  }

  /** Whether `wordCount` more may be under way on the connection. */
  hasRoom(endpoint: NetworkEndpoint, connection: number, wordCount: number): boolean {
    const end = this.endOf(endpoint, connection);
    if (end === undefined || !end.isOpen) return true;
    return end.connection.hasRoom(end, wordCount);
  }

  /** The endpoint's end of the connection, to be used up to the next event. */
  endOf(endpoint: NetworkEndpoint, connection: number): ConnectionEnd | undefined {
    return this.#ends.get(endpoint)?.get(connection);
  }

  /** A frame to a connection that has ended, or is being closed, goes nowhere. */
  send(endpoint: NetworkEndpoint, connection: number, frame: Int32Array): void {
    this.sendOn(this.endOf(endpoint, connection), frame);
  }

  sendOn(end: ConnectionEnd | undefined, frame: Int32Array): void {
    if (end === undefined || !end.isOpen) return;
    this.counters.frames += 1;
    this.counters.words += frame.length;
    end.connection.send(end, frame);
  }

  hangUp(endpoint: NetworkEndpoint, connection: number, reason: string): void {
    const end = this.#ends.get(endpoint)?.get(connection);
    if (end !== undefined && end.isOpen) end.connection.hangUp(end, reason);
  }

  /** Nothing crosses the link until what this returns is called; twice cut is to be ended twice. */
  cut(from: string, to: string): () => void {
    this.counters.cuts += 1;
    return this.link(from, to).cut();
  }

  /** What comes waits until what this returns is called. */
  clog(from: string, to: string): () => void {
    this.counters.clogs += 1;
    return this.link(from, to).clog();
  }

  isCut(from: string, to: string): boolean {
    return this.link(from, to).isCut;
  }

  /** [NW4] All cuts and clogs end; what waits goes on. Half-open connections end. */
  heal(): void {
    this.healCount += 1;
    for (const links of this.#links.values()) for (const link of links.values()) link.heal();
    for (const connection of this.#connections) connection.heal();
  }

  /** Resets up to `countMax` connections that a seed picks. */
  resetSome(countMax: number): void {
    for (const connection of this.#pickSome(countMax)) connection.reset('reset by the network');
  }

  /** One end of each is reset, and the other hears nothing. */
  breakHalfOfSome(countMax: number): void {
    for (const connection of this.#pickSome(countMax)) {
      connection.breakHalf(this.prng.chance(0.5) ? 0 : 1);
    }
  }

  /** For connections: their number is free, and they are forgotten. */
  release(endpoint: NetworkEndpoint, number: number): void {
    this.#ends.get(endpoint)?.delete(number);
  }
  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #pickSome(countMax: number): Connection[] {
    const open = [...this.#connections];
    const picked: Connection[] = [];
    while (picked.length < countMax && open.length > 0) {
      picked.push(...open.splice(this.prng.below(open.length), 1));
    }
    return picked;
  }

  #connect(dialler: NetworkEndpoint, listener: NetworkEndpoint, peer: number): void {
    const near = this.#freeNumber(dialler);
    const far = this.#freeNumber(listener);
    if (near < 0 || far < 0) {
      dialler.onDialFailed(peer, 'too many connections');
      return;
    }
    this.counters.connections += 1;
    const connection = new Connection(
      this,
      { endpoint: dialler, number: near },
      { endpoint: listener, number: far },
    );
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

const DIAL_MS_MIN = 50;
