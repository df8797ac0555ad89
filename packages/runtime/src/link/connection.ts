/**
 * Connection: one WebSocket, whoever opened it. Messages in go to the gateway one by one; frames out
 * are written to the raw socket, one write a tick. Control frames (ping, pong, close) stay with the
 * endpoint, which writes each whole and at once, so that the two never mix within a message.
 *
 * data plane
 *
 * Invariants:
 *   CN1 after the close frame nothing more is written
 *   CN2 above the high mark the side that accepted reads nothing either; both go on at the low mark.
 *       The side that dialled always reads: else two that are both above it would wait for each other
 */
import type { Socket } from 'node:net';
import type { BufferPool } from './buffer-pool.ts';
import { SocketBacking } from './socket-backing.ts';
import { WebSocketEndpoint } from './websocket-endpoint.ts';
import type { EndpointOwner } from './websocket-endpoint.ts';

export interface ConnectionLimits {
  readonly frameBytesMax: number;
  readonly frameWordsTarget: number;
  readonly socketHighWaterBytes: number;
  readonly socketLowWaterBytes: number;
  readonly pingMs: number;
  readonly slowConsumerMs: number;
}

export interface ConnectionOwner {
  readonly pool: BufferPool;
  readonly limits: ConnectionLimits;
  /** Whole 8-byte units, with the mask still on where it is not 0; valid during the call. */
  received(
    connection: Connection,
    bytes: Uint8Array,
    start: number,
    byteCount: number,
    mask: number,
  ): void;
  malformed(connection: Connection, reason: string): void;
  ended(connection: Connection, reason: string): void;
}

export interface ConnectionOptions {
  readonly owner: ConnectionOwner;
  /** We dialled. */
  readonly client: boolean;
  readonly nowMs: number;
  /** What came behind the handshake. */
  readonly head: Uint8Array;
}

const CLOSE_TRY_AGAIN_LATER = 1013;

export class Connection implements EndpointOwner {
  readonly index: number;
  readonly backing: SocketBacking;
  closing = false;
  /** In the gateway's list of connections to flush. */
  dirty = false;
  /** In the gateway's list of connections whose output waits for more. */
  waiting = false;
  readonly #endpoint: WebSocketEndpoint;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #dialled: boolean;
  #reason = '';
  #heard = true;
  #pingedAtMs: number;
  #aboveLowSinceMs = -1;
  #closingSinceMs = -1;

  constructor(index: number, socket: Socket, options: ConnectionOptions) {
    const { owner, client } = options;
    const { frameBytesMax, frameWordsTarget } = owner.limits;
    this.index = index;
    this.#owner = owner;
    this.#dialled = client;
    this.#pingedAtMs = options.nowMs;
    this.backing = new SocketBacking(owner.pool, client, frameWordsTarget, frameBytesMax);
    this.#endpoint = new WebSocketEndpoint(socket, {
      owner: this,
      client,
      messageBytesMax: frameBytesMax,
      head: options.head,
    });
    this.#socket = this.#endpoint.socket;
  }

  /** Writes what the step left; then looks at the marks. */
  flush(): void {
    this.dirty = false;
    if (this.closing) return;
    this.backing.flush(this.#socket);
    if (this.#socket.writableLength > this.#owner.limits.socketHighWaterBytes) this.#block();
  }

  hangUp(code: number, reason: string): void {
    if (this.closing) return;
    if (this.waiting) this.flush();
    this.closing = true;
    this.#reason = reason;
    this.backing.blocked = true;
    this.#endpoint.close(code, reason);
  }

  terminate(reason: string): void {
    this.closing = true;
    this.#reason = reason;
    this.#endpoint.terminate();
  }

  /** Once a second: buffers, marks, silence. */
  tick(nowMs: number): void {
    const { limits } = this.#owner;
    this.drained();
    if (this.closing) {
      if (this.#closingSinceMs < 0) this.#closingSinceMs = nowMs;
      else if (nowMs - this.#closingSinceMs > limits.slowConsumerMs) this.#endpoint.terminate();
      return;
    }
    if (this.#socket.writableLength <= limits.socketLowWaterBytes) this.#aboveLowSinceMs = -1;
    else if (this.#aboveLowSinceMs < 0) this.#aboveLowSinceMs = nowMs;
    else if (nowMs - this.#aboveLowSinceMs >= limits.slowConsumerMs) {
      this.hangUp(CLOSE_TRY_AGAIN_LATER, 'slow consumer');
      return;
    }
    if (nowMs - this.#pingedAtMs < limits.pingMs) return;
    if (!this.#heard) {
      this.terminate('no answer to a ping');
      return;
    }
    this.#heard = false;
    this.#pingedAtMs = nowMs;
    this.#endpoint.ping();
  }

  binary(bytes: Uint8Array, start: number, byteCount: number, mask: number): void {
    this.#heard = true;
    if (this.closing) return;
    if (byteCount === 0 || (byteCount & 7) !== 0) {
      this.#owner.malformed(this, 'a message that is not whole 8-byte units');
    } else this.#owner.received(this, bytes, start, byteCount, mask);
  }

  text(): void {
    this.#heard = true;
    if (!this.closing) this.#owner.malformed(this, 'a text message');
  }

  heard(): void {
    this.#heard = true;
  }

  failed(reason: string): void {
    if (this.closing) return;
    this.#reason = reason;
    this.#owner.malformed(this, reason);
  }

  finishing(): void {
    this.closing = true;
    this.backing.blocked = true;
  }

  drained(): void {
    this.backing.recycle(this.#socket);
    if (this.closing || !this.backing.blocked) return;
    if (this.#socket.writableLength > this.#owner.limits.socketLowWaterBytes) return;
    this.backing.blocked = false;
    this.#endpoint.resume();
  }

  closed(code: number, reason: string): void {
    this.closing = true;
    this.backing.dispose();
    this.#owner.ended(this, this.#reason || reason || `closed with ${code}`);
  }

  #block(): void {
    if (this.backing.blocked) return;
    this.backing.blocked = true;
    if (!this.#dialled) this.#endpoint.pause();
  }
}
