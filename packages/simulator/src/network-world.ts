/**
 * A network with endpoints that write down what they hear, for its tests. Nothing in a simulated
 * cluster imports it.
 */
import { CALM_LINKS, type LinkFaults } from './link-faults.ts';
import { Network, type NetworkEndpoint } from './network.ts';
import { Simulation } from './simulation.ts';

/** What an endpoint heard of one connection. */
export interface HeardConnection {
  readonly number: number;
  readonly peer: number;
  readonly frames: Int32Array[];
  endCount: number;
  /** Frames that came after the end: there must be none. */
  lateCount: number;
}

export class Listener implements NetworkEndpoint {
  readonly site: string;
  readonly connectionsMax: number;
  readonly heard: string[] = [];
  readonly frames: number[] = [];
  /** In the order of their coming; a number may come again. */
  readonly connections: HeardConnection[] = [];
  connection = -1;
  /** Called with each frame, before it is written down. */
  watch: (frame: Int32Array) => void = () => undefined;
  settle: () => void = () => undefined;
  readonly #isSlow: boolean;

  constructor(site: string, connectionsMax: number = 4, isSlow: boolean = false) {
    this.site = site;
    this.connectionsMax = connectionsMax;
    this.#isSlow = isSlow;
  }

  /** What was heard last of the connection with a number. */
  latest(number: number): HeardConnection | undefined {
    return this.connections.findLast((one) => one.number === number);
  }

  onConnected(number: number, peer: number): void {
    this.connection = number;
    this.connections.push({ number, peer, frames: [], endCount: 0, lateCount: 0 });
    this.heard.push(`connected ${number} ${peer}`);
  }

  onDialFailed(peer: number): void {
    this.heard.push(`dial-failed ${peer}`);
  }

  onDisconnected(number: number, _reason: string, settled: () => void): void {
    this.latest(number)!.endCount += 1;
    this.heard.push(`disconnected ${number}`);
    if (this.#isSlow) this.settle = settled;
    else settled();
  }

  onFrame(number: number, frame: Int32Array): void {
    this.watch(frame);
    const connection = this.latest(number)!;
    if (connection.endCount > 0) connection.lateCount += 1;
    connection.frames.push(frame);
    this.frames.push(frame[0]!);
  }
}

export interface Pair {
  readonly simulation: Simulation;
  readonly network: Network;
  /** Dialled. */
  readonly near: Listener;
  /** Was dialled. */
  readonly far: Listener;
}

/** Two endpoints, connected; the time is 2000. */
export function makePair(seed: string, faults: Partial<LinkFaults>): Pair {
  const simulation = new Simulation(seed);
  const network = new Network(simulation, simulation.prng.stream('network'), {
    ...CALM_LINKS,
    ...faults,
  });
  const near = new Listener('near');
  const far = new Listener('far');
  network.listen('far:1', far);
  network.join(near);
  network.dial(near, 7, 'far:1');
  simulation.run(2000);
  return { simulation, network, near, far };
}

/** Frames of two words, the first of which counts on from `first`. */
export function send(network: Network, from: Listener, first: number, count: number): void {
  for (let index = 0; index < count; index += 1) {
    network.send(from, from.connection, new Int32Array([first + index, 0]));
  }
}

export function ascending(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
