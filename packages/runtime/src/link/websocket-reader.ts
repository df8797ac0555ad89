/**
 * WebSocketReader: frames of RFC 6455 out of the bytes of a socket, as they come. What is whole in a
 * chunk is shown in place, still masked, so that it is copied once and unmasked on the way; what is
 * not waits in a buffer of the connection.
 *
 *     reader.feed(chunk);
 *     for (let event = reader.next(); event !== READ.more; event = reader.next()) { ... }
 *
 * Boundary: it reads. What is answered, and when the socket ends, is the endpoint's.
 *
 * data plane
 *
 * Invariants:
 *   WR1 the events do not depend on how the bytes are cut into chunks
 *   WR2 memory follows what has arrived, never a length that was claimed (I1)
 *   WR3 no bytes make it throw; the first broken rule is the last event, and so is a close
 *   WR4 a message has at most `messageBytesMax` bytes and MESSAGE_FRAGMENTS_MAX fragments; more is
 *       known from the header
 */
import { Buffer, isUtf8 } from 'node:buffer';

/** What `next` found: the opcode of what is whole, or one of the other two. */
export const READ = {
  failed: -1,
  more: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

export const CLOSE_CODE = {
  protocolError: 1002,
  noneGiven: 1005,
  invalidText: 1007,
  policyViolation: 1008,
  tooBig: 1009,
} as const;

export interface WebSocketReaderOptions {
  /** Whether the other side must mask (a client) or must not (a server). */
  readonly masked: boolean;
  readonly messageBytesMax: number;
}

export const MESSAGE_FRAGMENTS_MAX = 64;
export const CONTROL_BYTES_MAX = 125;
/** A buffer for frames that are not whole is kept up to this size while the connection is quiet. */
const RETAINED_BYTES_MAX = 32 * 1024;
const BUFFER_BYTES_MIN = 512;
const NOTHING = new Uint8Array(0);
/** Within `next`: a fragment is put by, go on. */
const CONTINUE = -2;
const OPCODE_CONTINUATION = 0;
/** Upper half of a 64-bit length above which it is no safe integer. */
const LENGTH_HIGH_MAX = 0x1f_ffff;

export class WebSocketReader {
  /** Of the last event, until the next call: its payload, with `mask` still on it where that is not 0. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  byteCount = 0;
  /** The first byte of the mask is the lowest. */
  mask = 0;
  /** Of `close`: what the other side gave. Of `failed`: the code to close with, and the rule. */
  closeCode = 0;
  reason = '';
  readonly #masked: boolean;
  readonly #messageBytesMax: number;
  #chunk: Uint8Array = NOTHING;
  #position = 0;
  /** The beginning of a frame that is not whole. */
  #pending: Uint8Array = NOTHING;
  #pendingEnd = 0;
  /** The fragments of a message that is not whole, unmasked. */
  #message: Uint8Array = NOTHING;
  #messageEnd = 0;
  #messageOpcode = 0;
  #fragmentCount = 0;
  #control: Buffer | undefined;
  /** What `#readHeader` read. */
  #headerBytesWanted = 0;
  #final = false;
  #opcode = 0;
  #payloadBytes = 0;
  #payloadMask = 0;
  #over = false;

  constructor(options: WebSocketReaderOptions) {
    this.#masked = options.masked;
    this.#messageBytesMax = options.messageBytesMax;
  }

  /** REQUIRES: `next` has said `more`; the chunk does not change until it does so again. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#position = 0;
  }

  /** Bytes of the memory that holds what is not whole. */
  get heldBytes(): number {
    return this.#pending.length + this.#message.length;
  }

  next(): number {
    while (!this.#over) {
      const event = this.#pendingEnd === 0 ? this.#nextInChunk() : this.#nextInPending();
      if (event === READ.more) break;
      if (event !== CONTINUE) return event;
    }
    // Else a quiet connection would hold the memory of its last chunk.
    this.#chunk = NOTHING;
    this.#position = 0;
    this.bytes = NOTHING;
    return READ.more;
  }

  #nextInChunk(): number {
    const position = this.#position;
    const available = this.#chunk.length - position;
    if (available === 0) return READ.more;
    const headerBytes = this.#readHeader(this.#chunk, position, available);
    if (headerBytes < 0) return READ.failed;
    if (headerBytes === 0 || headerBytes + this.#payloadBytes > available) {
      this.#keep(available);
      return READ.more;
    }
    this.#position = position + headerBytes + this.#payloadBytes;
    return this.#frame(this.#chunk, position + headerBytes);
  }

  #nextInPending(): number {
    for (;;) {
      const headerBytes = this.#readHeader(this.#pending, 0, this.#pendingEnd);
      if (headerBytes < 0) return READ.failed;
      const wanted = headerBytes === 0 ? this.#headerBytesWanted : headerBytes + this.#payloadBytes;
      const missing = wanted - this.#pendingEnd;
      if (missing === 0) {
        const frame = this.#pending;
        this.#pendingEnd = 0;
        if (frame.length > RETAINED_BYTES_MAX) this.#pending = NOTHING;
        return this.#frame(frame, headerBytes);
      }
      const available = this.#chunk.length - this.#position;
      if (available === 0) return READ.more;
      this.#keep(missing < available ? missing : available);
    }
  }

  /** Moves bytes of the chunk behind those that wait. */
  #keep(byteCount: number): void {
    const end = this.#pendingEnd + byteCount;
    this.#pending = grown(this.#pending, this.#pendingEnd, end);
    const part = this.#chunk.subarray(this.#position, this.#position + byteCount);
    this.#pending.set(part, this.#pendingEnd);
    this.#pendingEnd = end;
    this.#position += byteCount;
  }

  /** The bytes of the header at `from`; 0: it is not whole, see #headerBytesWanted; -1: refused. */
  #readHeader(bytes: Uint8Array, from: number, available: number): number {
    this.#headerBytesWanted = 2;
    if (available < 2) return 0;
    const first = bytes[from]!;
    const second = bytes[from + 1]!;
    const masked = second >= 0x80;
    const short = second & 0x7f;
    const opcode = first & 0x0f;
    this.#opcode = opcode;
    this.#final = first >= 0x80;
    if ((first & 0x70) !== 0 || masked !== this.#masked || !this.#follows(opcode, short)) {
      return this.#refuseStart(first, masked);
    }
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const headerBytes = 2 + lengthBytes + (masked ? 4 : 0);
    this.#headerBytesWanted = 2 + lengthBytes;
    if (available < this.#headerBytesWanted) return 0;
    let payloadBytes = short;
    if (short === 126) {
      payloadBytes = (bytes[from + 2]! << 8) | bytes[from + 3]!;
      if (payloadBytes < 126) return this.#lengthNotShortest();
    } else if (short === 127) {
      const high = bigEndianWord(bytes, from + 2);
      if (high > LENGTH_HIGH_MAX) {
        return this.#fail(CLOSE_CODE.tooBig, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH');
      }
      payloadBytes = high * 0x1_0000_0000 + bigEndianWord(bytes, from + 6);
      if (payloadBytes < 65_536) return this.#lengthNotShortest();
    }
    // A control frame is short by now, and no part of the message.
    if (opcode < READ.close && this.#messageEnd + payloadBytes > this.#messageBytesMax) {
      return this.#fail(CLOSE_CODE.tooBig, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
    }
    this.#headerBytesWanted = headerBytes;
    if (available < headerBytes) return 0;
    this.#payloadBytes = payloadBytes;
    this.#payloadMask = masked ? littleEndianWord(bytes, from + headerBytes - 4) : 0;
    return headerBytes;
  }

  /** Whether a frame of that kind may stand here. */
  #follows(opcode: number, short: number): boolean {
    if (opcode === READ.binary || opcode === READ.text) return this.#fragmentCount === 0;
    if (opcode === OPCODE_CONTINUATION) {
      return this.#fragmentCount > 0 && this.#fragmentCount < MESSAGE_FRAGMENTS_MAX;
    }
    if (opcode < READ.close || opcode > READ.pong) return false;
    return this.#final && short <= CONTROL_BYTES_MAX && (opcode !== READ.close || short !== 1);
  }

  /** Says which rule the first two bytes broke. */
  #refuseStart(first: number, masked: boolean): number {
    const { protocolError } = CLOSE_CODE;
    if ((first & 0x30) !== 0) return this.#fail(protocolError, 'WS_ERR_UNEXPECTED_RSV_2_3');
    if ((first & 0x40) !== 0) return this.#fail(protocolError, 'WS_ERR_UNEXPECTED_RSV_1');
    if (masked !== this.#masked) {
      return this.#fail(protocolError, masked ? 'WS_ERR_UNEXPECTED_MASK' : 'WS_ERR_EXPECTED_MASK');
    }
    if (this.#opcode === OPCODE_CONTINUATION && this.#fragmentCount > 0) {
      return this.#fail(CLOSE_CODE.policyViolation, 'WS_ERR_TOO_MANY_BUFFERED_PARTS');
    }
    if (this.#opcode < READ.close || this.#opcode > READ.pong) {
      return this.#fail(protocolError, 'WS_ERR_INVALID_OPCODE');
    }
    if (!this.#final) return this.#fail(protocolError, 'WS_ERR_EXPECTED_FIN');
    return this.#fail(protocolError, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
  }

  #lengthNotShortest(): number {
    return this.#fail(CLOSE_CODE.protocolError, 'WS_ERR_LENGTH_NOT_SHORTEST');
  }

  /** A frame is whole; its payload is at `start`. */
  #frame(bytes: Uint8Array, start: number): number {
    const opcode = this.#opcode;
    if (opcode >= READ.close) return this.#controlFrame(bytes, start);
    if (!this.#final || this.#fragmentCount > 0) return this.#fragment(bytes, start);
    this.bytes = bytes;
    this.start = start;
    this.byteCount = this.#payloadBytes;
    this.mask = this.#payloadMask;
    return opcode;
  }

  #fragment(bytes: Uint8Array, start: number): number {
    if (this.#fragmentCount === 0) this.#messageOpcode = this.#opcode;
    this.#fragmentCount += 1;
    const end = this.#messageEnd + this.#payloadBytes;
    this.#message = grown(this.#message, this.#messageEnd, end);
    this.#unmask(bytes, start, this.#message, this.#messageEnd);
    this.#messageEnd = end;
    if (!this.#final) return CONTINUE;
    this.#show(this.#message, end);
    this.#message = NOTHING;
    this.#messageEnd = 0;
    this.#fragmentCount = 0;
    return this.#messageOpcode;
  }

  #controlFrame(bytes: Uint8Array, start: number): number {
    this.#control ??= Buffer.alloc(CONTROL_BYTES_MAX);
    this.#unmask(bytes, start, this.#control, 0);
    this.#show(this.#control, this.#payloadBytes);
    return this.#opcode === READ.close ? this.#close(this.#control) : this.#opcode;
  }

  #close(payload: Buffer): number {
    this.closeCode = CLOSE_CODE.noneGiven;
    if (this.#payloadBytes > 0) {
      const text = payload.subarray(2, this.#payloadBytes);
      this.closeCode = payload.readUInt16BE(0);
      if (!isCloseCode(this.closeCode)) {
        this.#fail(CLOSE_CODE.protocolError, 'WS_ERR_INVALID_CLOSE_CODE');
        return READ.failed;
      }
      if (!isUtf8(text)) {
        this.#fail(CLOSE_CODE.invalidText, 'WS_ERR_INVALID_UTF8');
        return READ.failed;
      }
      this.reason = text.toString();
    }
    this.#end();
    return READ.close;
  }

  #show(bytes: Uint8Array, byteCount: number): void {
    this.bytes = bytes;
    this.start = 0;
    this.byteCount = byteCount;
    this.mask = 0;
  }

  /** Byte by byte: control frames and fragments are rare. */
  #unmask(bytes: Uint8Array, start: number, target: Uint8Array, targetStart: number): void {
    const mask = this.#payloadMask;
    for (let index = 0; index < this.#payloadBytes; index += 1) {
      target[targetStart + index] = bytes[start + index]! ^ (mask >>> ((index & 3) << 3));
    }
  }

  #fail(closeCode: number, reason: string): number {
    this.closeCode = closeCode;
    this.reason = reason;
    this.#end();
    return -1;
  }

  /** What comes after the last event is dropped. */
  #end(): void {
    this.#over = true;
    this.#pending = NOTHING;
    this.#pendingEnd = 0;
    this.#message = NOTHING;
  }
}

/** Codes that may stand in a close frame (RFC 6455, section 7.4). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

function bigEndianWord(bytes: Uint8Array, at: number): number {
  const upper = (bytes[at]! << 8) | bytes[at + 1]!;
  return upper * 0x1_0000 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
}

function littleEndianWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Room for `needed` bytes, all of which have arrived: at most twice as much. */
function grown(buffer: Uint8Array, used: number, needed: number): Uint8Array {
  if (needed <= buffer.length) return buffer;
  const larger = new Uint8Array(Math.max(BUFFER_BYTES_MIN, needed, 2 * used));
  larger.set(buffer.subarray(0, used));
  return larger;
}
