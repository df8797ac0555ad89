/**
 * The header of a binary WebSocket message of one frame (RFC 6455, section 5.2), written in front of
 * bytes that are there already. Clients must mask; a zero mask leaves the bytes as they are.
 *
 * data plane
 */

const FINAL_BINARY = 0x82;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** 2 bytes, 8 of length, 4 of mask. */
export const HEADER_BYTES_MAX = 14;

export function headerByteCount(payloadBytes: number, masked: boolean): number {
  const base = payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10;
  return masked ? base + MASK_BYTES : base;
}

/** Writes the header to `bytes` from `start` on. REQUIRES: the room that headerByteCount says. */
export function writeHeader(
  bytes: Uint8Array,
  start: number,
  payloadBytes: number,
  masked: boolean,
): void {
  const maskBit = masked ? MASKED : 0;
  let position = start + 2;
  bytes[start] = FINAL_BINARY;
  if (payloadBytes < 126) {
    bytes[start + 1] = payloadBytes | maskBit;
  } else if (payloadBytes < 65_536) {
    bytes[start + 1] = 126 | maskBit;
    bytes[start + 2] = payloadBytes >>> 8;
    bytes[start + 3] = payloadBytes;
    position += 2;
  } else {
    bytes[start + 1] = 127 | maskBit;
    // A payload has less than 2^32 bytes: the upper half of its length is zero.
    bytes.fill(0, start + 2, start + 6);
    bytes[start + 6] = payloadBytes >>> 24;
    bytes[start + 7] = payloadBytes >>> 16;
    bytes[start + 8] = payloadBytes >>> 8;
    bytes[start + 9] = payloadBytes;
    position += 8;
  }
  if (masked) bytes.fill(0, position, position + MASK_BYTES);
}
