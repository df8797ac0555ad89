/**
 * WebSocketEndpoint: our end of one WebSocket after its handshake. It owns the socket's listeners,
 * hands messages on as the reader finds them, and writes control frames, each whole and by a write of
 * its own. Messages are written to the socket by the connection.
 *
 *     open --close sent--> closing --close or end received--> ended --socket closed--> `closed`
 *
 * Boundary: it has no clock. Who does not answer a close is terminated by the connection's tick.
 *
 * data plane
 *
 * Invariants:
 *   WE1 `closed` is called once, and nothing after it
 *   WE2 at most one close frame is written, and no frame behind it
 *   WE3 pings are answered by at most one pong for each read, and none above PONG_QUEUE_BYTES_MAX
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { readShared } from './shared-reads.ts';
import { CLOSE_CODE, CONTROL_BYTES_MAX, READ, WebSocketReader } from './websocket-reader.ts';

export interface EndpointOwner {
  /** The payload, with its mask still on where that is not 0; valid during the call. */
  binary(bytes: Uint8Array, start: number, byteCount: number, mask: number): void;
  text(): void;
  /** A ping or a pong. */
  heard(): void;
  /** The other side broke a rule; the close frame is on its way. */
  failed(reason: string): void;
  /** Nothing more is to be written: the other side closes, or its stream has ended. */
  finishing(): void;
  drained(): void;
  /** Code 1006: without a close frame of the other side. */
  closed(code: number, reason: string): void;
}

export interface EndpointOptions {
  readonly owner: EndpointOwner;
  /** We dialled: we mask, the other side does not. */
  readonly client: boolean;
  readonly messageBytesMax: number;
  /** What came behind the handshake. */
  readonly head: Uint8Array;
}

const FINAL = 0x80;
const MASKED = 0x80;
const NONE_RECEIVED = 1006;
const CLOSE_REASON_BYTES_MAX = CONTROL_BYTES_MAX - 2;
/** With more than that unread by the other side a pong waits; a newer ping takes its place. */
const PONG_QUEUE_BYTES_MAX = 64 * 1024;
const EMPTY = Buffer.alloc(0);

export class WebSocketEndpoint {
  /** The one that it was given, or the one that took its place: see shared-reads. */
  readonly socket: Socket;
  readonly #owner: EndpointOwner;
  readonly #client: boolean;
  readonly #reader: WebSocketReader;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #code = NONE_RECEIVED;
  #reason = '';
  /** The payload of the ping that is still to be answered. */
  #ping: Buffer | undefined;

  constructor(given: Socket, options: EndpointOptions) {
    const { owner, client, messageBytesMax, head } = options;
    this.#owner = owner;
    this.#client = client;
    this.#reader = new WebSocketReader({ masked: !client, messageBytesMax });
    const received = (chunk: Buffer): void => this.#received(chunk);
    const shared = readShared(given, received);
    const socket = shared ?? given;
    this.socket = socket;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(false);
    if (shared === undefined) {
      if (head.length > 0) socket.unshift(head);
      socket.on('data', received);
    } else if (head.length > 0) {
      process.nextTick(() => this.#received(Buffer.from(head)));
    }
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#finish());
    // The socket destroys itself after an error; `close` follows.
    socket.on('error', () => this.#owner.finishing());
    socket.on('close', () => this.#owner.closed(this.#code, this.#reason));
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  ping(): void {
    if (this.#state === 'open') this.#write(READ.ping, EMPTY);
  }

  /** Goes on reading until the other side closes too. A reason that is too long is cut. */
  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#writeClose(code, reason);
    this.socket.resume();
  }

  terminate(): void {
    this.#state = 'ended';
    this.socket.destroy();
  }

  #received(chunk: Buffer): void {
    const reader = this.#reader;
    const owner = this.#owner;
    reader.feed(chunk);
    for (;;) {
      const event = reader.next();
      if (event === READ.binary) {
        owner.binary(reader.bytes, reader.start, reader.byteCount, reader.mask);
      } else if (event === READ.more) {
        if (this.#ping !== undefined) this.#pong();
        return;
      } else this.#rare(event);
    }
  }

  #rare(event: number): void {
    const reader = this.#reader;
    if (event === READ.text) this.#owner.text();
    else if (event === READ.close) this.#closeReceived();
    else if (event === READ.failed) this.#refuse(reader.closeCode, reader.reason);
    else {
      if (event === READ.ping) this.#ping = Buffer.from(reader.bytes.subarray(0, reader.byteCount));
      this.#owner.heard();
    }
  }

  #closeReceived(): void {
    const { closeCode, reason } = this.#reader;
    this.#code = closeCode;
    this.#reason = reason;
    if (this.#state === 'open') {
      if (closeCode === CLOSE_CODE.noneGiven) this.#write(READ.close, EMPTY);
      else this.#writeClose(closeCode, reason);
    }
    this.#finish();
  }

  /** The rest of what comes is read and dropped, so that the close frame is not lost by a reset. */
  #refuse(code: number, reason: string): void {
    if (this.#state === 'open') this.#writeClose(code, '');
    this.#owner.failed(reason);
    this.#finish();
  }

  #finish(): void {
    this.#owner.finishing();
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.socket.resume();
    this.socket.end();
  }

  #drained(): void {
    if (this.#ping !== undefined) this.#pong();
    this.#owner.drained();
  }

  #pong(): void {
    if (this.#state === 'open') {
      if (this.socket.writableLength > PONG_QUEUE_BYTES_MAX) return;
      this.#write(READ.pong, this.#ping!);
    }
    this.#ping = undefined;
  }

  #writeClose(code: number, reason: string): void {
    const payload = Buffer.alloc(CONTROL_BYTES_MAX);
    payload.writeUInt16BE(code, 0);
    // Whole characters only: `write` puts no part of one.
    const reasonBytes = payload.write(reason, 2, CLOSE_REASON_BYTES_MAX);
    this.#write(READ.close, payload.subarray(0, 2 + reasonBytes));
  }

  #write(opcode: number, payload: Buffer): void {
    const headerBytes = this.#client ? 6 : 2;
    // The mask of a client is zero, as that of its messages.
    const frame = Buffer.alloc(headerBytes + payload.length);
    frame[0] = FINAL | opcode;
    frame[1] = payload.length | (this.#client ? MASKED : 0);
    payload.copy(frame, headerBytes);
    this.socket.write(frame);
  }
}
