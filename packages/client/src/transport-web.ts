/**
 * The transport for browsers, Deno, Bun and newer Node: the platform's own WebSocket. One message per
 * frame; the platform masks and buffers. Needs nothing of Node.
 *
 * Invariants:
 *   TW1 a message that has not the shape of a frame is told as a frame of no words
 */
import type { Transport, TransportListener } from './transport.ts';

/** The part of the platform's WebSocket that is used here. */
interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
}

type WebSocketClass = new (address: string) => WebSocketLike;

const OPEN = 1;
const WORDS_AT_START = 16 * 1024;

/** The platform's WebSocket, if it has one. */
export function globalWebSocket(): WebSocketClass | undefined {
  return (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
}

export function makeWebDial(
  webSocketClass: WebSocketClass,
): (address: string, listener: TransportListener) => Transport {
  return (address, listener) => new WebTransport(new webSocketClass(address), listener);
}

class WebTransport implements Transport {
  words: Int32Array = new Int32Array(WORDS_AT_START);
  readonly offset = 0;
  wordCountMax = 0;
  readonly #webSocket: WebSocketLike;
  #received: Int32Array = new Int32Array(WORDS_AT_START);

  constructor(webSocket: WebSocketLike, listener: TransportListener) {
    this.#webSocket = webSocket;
    webSocket.binaryType = 'arraybuffer';
    webSocket.addEventListener('open', () => listener.opened());
    webSocket.addEventListener('message', ({ data }) => this.#receive(data, listener));
    // The platform follows every error with a close, and says no more than that.
    webSocket.addEventListener('close', () => listener.closed('the connection ended'));
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  acquire(wordCountMin: number): boolean {
    if (wordCountMin > this.words.length) this.words = new Int32Array(wordCountMin * 2);
    this.wordCountMax = wordCountMin;
    return true;
  }

  /** The platform copies what it is given before it returns. */
  complete(wordCount: number): void {
    if (this.#webSocket.readyState !== OPEN) return;
    this.#webSocket.send(new Uint8Array(this.words.buffer, 0, wordCount * 4));
  }

  flush(): void {
    // Frames have left one by one.
  }

  ping(): boolean {
    return false;
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  #receive(data: unknown, listener: TransportListener): void {
    if (!(data instanceof ArrayBuffer) || data.byteLength % 8 !== 0) {
      listener.frame(this.#received, 0);
      return;
    }
    const wordCount = data.byteLength / 4;
    if (wordCount > this.#received.length) this.#received = new Int32Array(wordCount * 2);
    this.#received.set(new Int32Array(data));
    listener.frame(this.#received, wordCount);
  }
}
