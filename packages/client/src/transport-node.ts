/**
 * The transport for Node: ws does the handshake and parses what comes in; what goes out is framed
 * here, in place, into large buffers that leave in one write per tick. The mask is zero, which spares
 * both ends the masking: it protects proxies from scripts in browsers, and this is neither.
 *
 * data plane, Node only: this module is loaded dynamically
 *
 *     slab:  | header | frame | header | frame | ... free ...      one write: from the first header on
 *
 * Invariants:
 *   TN1 the bytes of a flush are whole WebSocket messages, in the order of completion
 *   TN2 a slab is written to again only when the socket holds nothing of it any more
 */
import type { Socket } from 'node:net';
import { assert } from '@clockwise/kernel/assert';
import { WebSocket } from 'ws';
import type { Transport, TransportListener } from './transport.ts';

const SLAB_WORDS = 32 * 1024;
const SLABS_KEPT_MAX = 16;
/** Words reserved before a frame: 8 bytes hold the header of a message up to 65,535 bytes. */
const HEADER_WORDS = 2;
const HEADER_WORDS_LONG = 4;
const SHORT_BYTES_MAX = 125;
const MEDIUM_BYTES_MAX = 0xffff;
const MEDIUM_WORDS_MAX = MEDIUM_BYTES_MAX >>> 2;
const FINAL_BINARY = 0x82;
const MASKED = 0x80;
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const LINGER_MS = 500;

interface Slab {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

export function dialNode(address: string, listener: TransportListener): Transport {
  return new NodeTransport(address, listener);
}

class NodeTransport implements Transport {
  words: Int32Array;
  offset = 0;
  wordCountMax = 0;
  readonly #webSocket: WebSocket;
  #socket: Socket | undefined;
  #slab: Slab = makeSlab(SLAB_WORDS);
  /** Words of the slab that are taken. */
  #position = 0;
  /** Bytes of the slab that are complete and not yet written: [from, to). */
  #from = 0;
  #to = 0;
  readonly #free: Slab[] = [];
  /** Slabs of which the socket may still hold bytes. */
  #busy: Slab[] = [];
  #received: Slab = makeSlab(SLAB_WORDS);

  constructor(address: string, listener: TransportListener) {
    this.words = this.#slab.words;
    const webSocket = new WebSocket(address, {
      perMessageDeflate: false,
      maxPayload: PAYLOAD_BYTES_MAX,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      generateMask: (mask) => mask.fill(0),
    });
    this.#webSocket = webSocket;
    let reason = 'the connection ended';
    webSocket.on('upgrade', (response) => {
      this.#socket = response.socket;
    });
    webSocket.on('open', () => listener.opened());
    webSocket.on('pong', () => listener.heard());
    webSocket.on('error', (error) => {
      reason = error.message === '' ? String((error as NodeJS.ErrnoException).code) : error.message;
    });
    webSocket.on('close', () => listener.closed(reason));
    webSocket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary, listener));
  }

  get bufferedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  acquire(wordCountMin: number): boolean {
    const headerWords = wordCountMin > MEDIUM_WORDS_MAX ? HEADER_WORDS_LONG : HEADER_WORDS;
    const needed = headerWords + wordCountMin;
    if (this.#position + needed > this.#slab.words.length) this.#turnSlab(needed);
    this.words = this.#slab.words;
    this.offset = this.#position + headerWords;
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    const { bytes } = this.#slab;
    const payload = this.offset * 4;
    const byteCount = wordCount * 4;
    const start = payload - headerBytes(byteCount);
    writeHeader(bytes, start, byteCount);
    if (this.#from !== this.#to && this.#to !== start) this.#write();
    if (this.#from === this.#to) this.#from = start;
    this.#to = payload + byteCount;
    this.#position = this.offset + wordCount;
  }

  flush(): void {
    this.#write();
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.writableLength > 0) {
      this.#retire();
      return;
    }
    this.#position = 0;
    this.#from = 0;
    this.#to = 0;
    this.#recycle();
  }

  ping(): boolean {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.ping();
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.close(code, reason);
    const socket = this.#socket;
    if (socket === undefined) {
      this.#webSocket.terminate();
      return;
    }
    socket.destroySoon();
    // A node that has fallen silent takes nothing any more, and is not waited for.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  #receive(data: Buffer, isBinary: boolean, listener: TransportListener): void {
    const byteCount = data.length;
    if (!isBinary || byteCount === 0 || byteCount % 8 !== 0) {
      // Too short for a frame: refused by name where frames are checked.
      listener.frame(this.#received.words, 0);
      return;
    }
    const wordCount = byteCount >>> 2;
    if (wordCount > this.#received.words.length) this.#received = makeSlab(wordCount * 2);
    this.#received.bytes.set(data, 0);
    listener.frame(this.#received.words, wordCount);
  }

  #write(): void {
    if (this.#from === this.#to) return;
    this.#socket?.write(this.#slab.bytes.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  /** The slab has no room for what comes: it is written, and another one is taken. */
  #turnSlab(wordCount: number): void {
    this.#write();
    this.#retire();
    if (wordCount <= this.#slab.words.length) return;
    this.#slab = makeSlab(wordCount);
  }

  #retire(): void {
    this.#busy.push(this.#slab);
    this.#recycle();
    this.#slab = this.#free.pop() ?? makeSlab(SLAB_WORDS);
    this.#position = 0;
    this.#from = 0;
    this.#to = 0;
  }

  /** [TN2] An empty socket holds nothing of any slab. */
  #recycle(): void {
    if (this.#socket === undefined || this.#socket.writableLength > 0) return;
    for (const slab of this.#busy) {
      const isUsual = slab.words.length === SLAB_WORDS && slab !== this.#slab;
      if (isUsual && this.#free.length < SLABS_KEPT_MAX) this.#free.push(slab);
    }
    this.#busy = [];
  }
}

function makeSlab(wordCount: number): Slab {
  const buffer = new ArrayBuffer(wordCount * 4);
  return { words: new Int32Array(buffer), bytes: Buffer.from(buffer) };
}

function headerBytes(byteCount: number): number {
  if (byteCount <= SHORT_BYTES_MAX) return 6;
  return byteCount <= MEDIUM_BYTES_MAX ? 8 : 14;
}

function writeHeader(bytes: Buffer, start: number, byteCount: number): void {
  assert(start >= 0, 'there is room for the header');
  bytes[start] = FINAL_BINARY;
  let position = start + 2;
  if (byteCount <= SHORT_BYTES_MAX) {
    bytes[start + 1] = MASKED | byteCount;
  } else if (byteCount <= MEDIUM_BYTES_MAX) {
    bytes[start + 1] = MASKED | 126;
    position = bytes.writeUInt16BE(byteCount, position);
  } else {
    bytes[start + 1] = MASKED | 127;
    position = bytes.writeUInt32BE(0, position);
    position = bytes.writeUInt32BE(byteCount, position);
  }
  bytes.writeUInt32BE(0, position);
}
