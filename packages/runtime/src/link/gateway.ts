/**
 * Gateway: all connections of one actor, those it accepted and those it dialled, by number.
 *
 * Boundary: it frames bytes and keeps the marks. Who is at the other end, and whether a message is
 * well formed inside, is the core's business.
 *
 * data plane
 *
 * Invariants:
 *   GW1 a number is used again only after a step that was told `disconnected` has returned
 *   GW2 a message is one frame, or the event `malformed`
 *   GW3 there are at most `connectionsMax` connections
 *   GW4 what may wait leaves when the first patience of all that wait ends, or with what may not; no
 *       more than WAITING_MAX connections wait
 */
import type { Socket } from 'node:net';
import { assert } from '@clockwise/kernel/assert';
import type { OperationSink } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { WorldEvent } from '@clockwise/kernel/effects';
import { BufferPool } from './buffer-pool.ts';
import { Connection } from './connection.ts';
import type { ConnectionLimits, ConnectionOwner } from './connection.ts';
import { dial } from './dial.ts';
import type { Inbox } from './inbox.ts';
import { Listener } from './listener.ts';
import type { ListenOptions } from './listener.ts';
import { VoidSink } from './void-sink.ts';

export interface GatewayLimits extends ConnectionLimits {
  readonly connectionsMax: number;
  readonly handshakeTimeoutMs: number;
  /** Frames or words that wait in the inbox with which a step is wanted at once. */
  readonly stepFramesTarget: number;
  readonly stepWordsTarget: number;
}

export interface GatewayOptions {
  readonly limits: GatewayLimits;
  readonly inbox: Inbox;
  readonly emit: (event: WorldEvent<never, never>) => void;
  /** A frame came: a step is wanted in this turn of the event loop. */
  readonly arrived: () => void;
  /** The inbox is full, or holds enough for a step: one is wanted at once. */
  readonly drain: () => void;
  readonly now: () => number;
}

/** As many as the pool keeps buffers. */
const WAITING_MAX = 256;
const CLOSE_GOING_AWAY = 1001;

export class Gateway implements ConnectionOwner {
  readonly pool: BufferPool = new BufferPool();
  readonly limits: GatewayLimits;
  readonly #options: GatewayOptions;
  readonly #connections: (Connection | undefined)[] = [];
  readonly #free: number[] = [];
  /** Numbers whose `disconnected` no step has been told yet. */
  readonly #retiring: number[] = [];
  readonly #dirty: Connection[] = [];
  /** Connections with output that may wait for more, and the timer that ends it. */
  readonly #waiting: Connection[] = [];
  #waitTimer: NodeJS.Timeout | undefined;
  #waitsUntil = Infinity;
  readonly #void = new VoidSink();
  #openCount = 0;
  #listener: Listener | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  listen(options: ListenOptions): Promise<number> {
    assert(this.#listener === undefined, 'an actor listens once');
    this.#listener = new Listener(options, {
      ...this.limits,
      hasRoom: () => this.#hasRoom(),
      accepted: (socket, head) => this.#open(socket, head, -1),
    });
    return this.#listener.listen();
  }

  dial(peer: number, address: string): void {
    const { emit } = this.#options;
    if (!this.#hasRoom()) {
      emit({ kind: 'dial-failed', peer, reason: 'too many connections' });
      return;
    }
    dial(address, this.limits.handshakeTimeoutMs, {
      opened: (socket, head) => this.#open(socket, head, peer),
      failed: (reason) => emit({ kind: 'dial-failed', peer, reason }),
    });
  }

  hangUp(connection: number, code: number, reason: string): void {
    this.#connections[connection]?.hangUp(code, reason);
  }

  sink(connection: number): OperationSink {
    const found = this.#connections[connection];
    if (found === undefined || found.closing) return this.#void;
    if (!found.dirty) {
      found.dirty = true;
      this.#dirty.push(found);
    }
    return found.backing.writer;
  }

  /** After a step: one write for each connection that it wrote to, or none where all may wait. */
  flush(): void {
    for (let index = 0; index < this.#dirty.length; index += 1) {
      const connection = this.#dirty[index]!;
      const { waitMs } = connection.backing;
      if (this.#mayWait(connection, waitMs)) this.#wait(connection, waitMs);
      else connection.flush();
    }
    this.#dirty.length = 0;
  }

  /** Infinity: nothing was written. What waits holds a buffer. */
  #mayWait(connection: Connection, waitMs: number): boolean {
    if (waitMs <= 0 || waitMs === Infinity) return false;
    return connection.waiting || this.#waiting.length < WAITING_MAX;
  }

  /** [GW4] */
  #wait(connection: Connection, waitMs: number): void {
    connection.dirty = false;
    if (!connection.waiting) {
      connection.waiting = true;
      this.#waiting.push(connection);
    }
    const at = this.#options.now() + waitMs;
    if (at >= this.#waitsUntil) return;
    clearTimeout(this.#waitTimer);
    this.#waitsUntil = at;
    this.#waitTimer = setTimeout(() => this.#flushWaiting(), waitMs);
  }

  #flushWaiting(): void {
    this.#waitsUntil = Infinity;
    for (let index = 0; index < this.#waiting.length; index += 1) {
      const connection = this.#waiting[index]!;
      connection.waiting = false;
      connection.flush();
    }
    this.#waiting.length = 0;
  }

  /** After a step that was given all events. */
  stepped(): void {
    for (let index = 0; index < this.#retiring.length; index += 1) {
      this.#free.push(this.#retiring[index]!);
    }
    this.#retiring.length = 0;
  }

  tick(now: number): void {
    for (const connection of this.#connections) connection?.tick(now);
  }

  close(): void {
    this.#listener?.close();
    clearTimeout(this.#waitTimer);
    for (const connection of this.#connections) {
      connection?.hangUp(CLOSE_GOING_AWAY, 'the node stops');
    }
  }

  get openCount(): number {
    return this.#openCount;
  }

  received(
    connection: Connection,
    bytes: Uint8Array,
    start: number,
    byteCount: number,
    mask: number,
  ): void {
    const { inbox, arrived, drain } = this.#options;
    if (!inbox.hasRoom(byteCount)) drain();
    inbox.put(bytes, start, byteCount, mask, CONNECTION_TARGET + connection.index);
    const { stepFramesTarget, stepWordsTarget } = this.limits;
    if (inbox.frameCount >= stepFramesTarget || inbox.wordCount >= stepWordsTarget) drain();
    else arrived();
  }

  malformed(connection: Connection, reason: string): void {
    this.#options.emit({ kind: 'malformed', connection: connection.index, reason });
  }

  ended(connection: Connection, reason: string): void {
    this.#connections[connection.index] = undefined;
    this.#openCount -= 1;
    this.#retiring.push(connection.index);
    this.#options.emit({ kind: 'disconnected', connection: connection.index, reason });
  }

  #hasRoom(): boolean {
    return this.#free.length > 0 || this.#connections.length < this.limits.connectionsMax;
  }

  #open(socket: Socket, head: Uint8Array, peer: number): void {
    if (!this.#hasRoom()) {
      socket.destroy();
      if (peer >= 0) {
        this.#options.emit({ kind: 'dial-failed', peer, reason: 'too many connections' });
      }
      return;
    }
    let index = this.#free.shift();
    if (index === undefined) {
      index = this.#connections.length;
      this.#connections.push(undefined);
    }
    this.#openCount += 1;
    this.#connections[index] = new Connection(index, socket, {
      owner: this,
      client: peer >= 0,
      nowMs: this.#options.now(),
      head,
    });
    this.#options.emit({ kind: 'connected', connection: index, peer });
  }
}
