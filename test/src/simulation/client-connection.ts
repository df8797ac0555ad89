/**
 * The connection of a simulated client: to one node at a time, greeted before it is used; to another
 * one, by seed, where that fails. What goes over it is the client's.
 *
 *     (none) -> dialling -> greeting -> open -> (none)
 */
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import { FRAME, FRAME_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { readControlFrame } from '@clockwise/protocol/message-codec';
import type { RequestFields } from '@clockwise/protocol/request-writer';
import { responseWordCount } from '@clockwise/protocol/response-reader';
import { frameTag } from '@clockwise/protocol/validate-frame';
import type { Network, NetworkEndpoint } from '@clockwise/simulator/network';
import type { Simulation } from '@clockwise/simulator/simulation';
import { RouteBacking } from '@clockwise/simulator/step-output';
import { WordArena } from '@clockwise/simulator/word-arena';
import { helloFrames } from './client-requests.ts';

export interface ClientConnectionOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly prng: Prng;
  readonly client: number;
  readonly clusterId: string;
  readonly addresses: readonly string[];
  readonly limits: Limits;
  readonly pace: ConnectionPace;
}

export interface ConnectionPace {
  /** Milliseconds until an attempt is given up. */
  readonly attemptMs: number;
  /** Mean milliseconds before another attempt. */
  readonly backoffMeanMs: number;
}

/** What a client is about; nobody waits for it any more once it is over. */
export interface Waiting {
  readonly isOver: boolean;
}

export interface ConnectionOwner {
  /** What waits for an answer, if anything does. */
  waiting(): Waiting | undefined;
  opened(): void;
  lost(): void;
  takeResponse(frame: Int32Array, offset: number): void;
}

export class ClientConnection implements NetworkEndpoint {
  readonly site: string;
  readonly connectionsMax: number = 64;
  /** Requests go out on the greeted connection. */
  readonly writer: FrameWriter;
  readonly #options: ClientConnectionOptions;
  readonly #session: RequestFields;
  readonly #owner: ConnectionOwner;
  #node: number;
  /** The greeted connection, or -1. */
  #connection = -1;
  #greeting = -1;
  #isDialling = false;
  /** Undefined: any node will do. */
  #pinnedNode: number | undefined;

  constructor(options: ClientConnectionOptions, session: RequestFields, owner: ConnectionOwner) {
    this.#options = options;
    this.#session = session;
    this.#owner = owner;
    this.site = `client-${options.client}`;
    this.#node = options.prng.below(options.addresses.length);
    const take = (frame: Int32Array): void => options.network.send(this, this.#connection, frame);
    const route = { hasRoom: () => true, take };
    this.writer = new FrameWriter(new RouteBacking(route, new WordArena()), 64);
    options.network.join(this);
  }

  get isOpen(): boolean {
    return this.#connection >= 0;
  }

  /** To this node only, from now on. */
  pin(node: number): void {
    this.#pinnedNode = node;
    if (this.#node === node) return;
    this.#node = node;
    this.drop();
  }

  onConnected(connection: number): void {
    this.#isDialling = false;
    this.#greeting = connection;
    const { network, clusterId } = this.#options;
    for (const frame of helloFrames(clusterId, this.#session)) {
      network.send(this, connection, frame);
    }
  }

  onDialFailed(): void {
    this.#isDialling = false;
    this.moveOn();
  }

  onDisconnected(connection: number, _reason: string, settled: () => void): void {
    settled();
    if (connection === this.#greeting) this.#greeting = -1;
    if (connection !== this.#connection) return;
    this.#connection = -1;
    this.moveOn();
    this.#owner.lost();
  }

  onFrame(connection: number, frame: Int32Array): void {
    if (connection === this.#greeting) {
      this.#takeWelcome(connection, frame);
    } else if (connection === this.#connection && frameTag(frame, 0) === TAG.response) {
      let offset = FRAME_HEADER_WORDS;
      for (let left = frame[FRAME.operationCount]!; left > 0; left -= 1) {
        this.#owner.takeResponse(frame, offset);
        offset += responseWordCount(frame, offset);
      }
    }
  }

  dial(): void {
    if (this.#isDialling || this.#greeting >= 0) return;
    this.#isDialling = true;
    const { simulation, prng, pace, network, addresses } = this.#options;
    const node = this.#node;
    simulation.after(prng.exponential(1), () => network.dial(this, node, addresses[node]!));
    // A greeting that nobody answers must not hold the client for ever.
    simulation.after(pace.attemptMs * 2, () => {
      if (this.#greeting < 0 || this.#node !== node) return;
      network.hangUp(this, this.#greeting, 'no welcome in time');
      this.#greeting = -1;
      this.moveOn();
    });
  }

  /** Another node, by seed; and if something waits, a connection to it. */
  moveOn(): void {
    const { prng, addresses, simulation, pace } = this.#options;
    this.drop();
    this.#node = this.#pinnedNode ?? prng.below(addresses.length);
    const waiting = this.#owner.waiting();
    if (waiting === undefined) return;
    simulation.after(prng.exponential(pace.backoffMeanMs), () => {
      if (!waiting.isOver && !this.isOpen) this.dial();
    });
  }

  drop(): void {
    if (this.#connection < 0) return;
    this.#options.network.hangUp(this, this.#connection, 'given up');
    this.#connection = -1;
  }

  #takeWelcome(connection: number, frame: Int32Array): void {
    const read = readControlFrame(frame, 0, frame.length, this.#options.limits);
    this.#greeting = -1;
    if (!read.ok || read.message.kind !== 'welcome') {
      this.#options.network.hangUp(this, connection, 'no welcome');
      return;
    }
    this.#connection = connection;
    this.#owner.opened();
  }
}
