/**
 * Connection: one WebSocket, whoever opened it. Messages in go to the gateway one by one; frames out
 * are written to the raw socket, one write a tick. Control frames (ping, pong, close) stay with `ws`,
 * which writes each whole and at once, so that the two never mix within a message.
 *
 * How messages are read is here alone (`#read`): another parser would replace it.
 *
 * data plane
 *
 * Invariants:
 *   CN1 after the close frame nothing more is written
 *   CN2 above the high mark nothing is read either; both go on at the low mark
 */
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { BufferPool } from './buffer-pool.ts';
import { SocketBacking } from './socket-backing.ts';

export interface ConnectionLimits {
  readonly frameWordsTarget: number;
  readonly socketHighWaterBytes: number;
  readonly socketLowWaterBytes: number;
  readonly pingMs: number;
  readonly slowConsumerMs: number;
}

export interface ConnectionOwner {
  readonly pool: BufferPool;
  readonly limits: ConnectionLimits;
  received(connection: Connection, bytes: Uint8Array): void;
  malformed(connection: Connection, reason: string): void;
  ended(connection: Connection, reason: string): void;
}

const CLOSE_TRY_AGAIN_LATER = 1013;

export class Connection {
  readonly index: number;
  readonly backing: SocketBacking;
  closing = false;
  /** In the gateway's list of connections to flush. */
  dirty = false;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #reason = '';
  #heard = true;
  #pingedAtMs: number;
  #aboveLowSinceMs = -1;
  #closingSinceMs = -1;

  constructor(
    index: number,
    webSocket: WebSocket,
    socket: Socket,
    options: { readonly owner: ConnectionOwner; readonly masked: boolean; readonly nowMs: number },
  ) {
    const { owner } = options;
    this.index = index;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#owner = owner;
    this.#pingedAtMs = options.nowMs;
    this.backing = new SocketBacking(owner.pool, options.masked, owner.limits.frameWordsTarget);
    webSocket.on('message', (data, isBinary) => this.#read(data, isBinary));
    webSocket.on('ping', () => (this.#heard = true));
    webSocket.on('pong', () => (this.#heard = true));
    webSocket.on('error', (error) => this.#failed(error));
    webSocket.on('close', (code, reason) => this.#ended(code, reason.toString()));
    socket.on('drain', () => this.#drained());
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
    this.closing = true;
    this.#reason = reason;
    this.backing.blocked = true;
    this.#webSocket.resume();
    this.#webSocket.close(code, reason);
  }

  terminate(reason: string): void {
    this.closing = true;
    this.#reason = reason;
    this.#webSocket.terminate();
  }

  /** Once a second: buffers, marks, silence. */
  tick(nowMs: number): void {
    const { limits } = this.#owner;
    this.#drained();
    if (this.closing) {
      if (this.#closingSinceMs < 0) this.#closingSinceMs = nowMs;
      else if (nowMs - this.#closingSinceMs > limits.slowConsumerMs) this.#webSocket.terminate();
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
    this.#webSocket.ping();
  }

  #read(data: RawData, isBinary: boolean): void {
    this.#heard = true;
    if (this.closing) return;
    const bytes = data as Buffer;
    if (!isBinary) this.#owner.malformed(this, 'a text message');
    else if (bytes.length === 0 || (bytes.length & 7) !== 0) {
      this.#owner.malformed(this, 'a message that is not whole 8-byte units');
    } else this.#owner.received(this, bytes);
  }

  #block(): void {
    if (this.backing.blocked) return;
    this.backing.blocked = true;
    this.#webSocket.pause();
  }

  #drained(): void {
    this.backing.recycle(this.#socket);
    if (this.closing || !this.backing.blocked) return;
    if (this.#socket.writableLength > this.#owner.limits.socketLowWaterBytes) return;
    this.backing.blocked = false;
    this.#webSocket.resume();
  }

  /** `ws` closes the connection by itself after an error; `close` follows. */
  #failed(error: Error): void {
    const { code } = error as Error & { code?: string };
    if (this.#reason === '') this.#reason = code ?? error.message;
    if (code?.startsWith('WS_ERR') === true) this.#owner.malformed(this, code);
    this.closing = true;
  }

  #ended(code: number, reason: string): void {
    this.closing = true;
    this.backing.dispose();
    this.#owner.ended(this, this.#reason || reason || `closed with ${code}`);
  }
}
