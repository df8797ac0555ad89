/** How simulated clients are known to replicas, and how their keys and values become bytes. */
import { Buffer } from 'node:buffer';

/** The upper half of every session of simulated clients; the lower is the client's number + 1. */
export const SESSION_HIGH = 0x51;

export function sessionOfClient(client: number): bigint {
  return (BigInt(SESSION_HIGH) << 32n) | BigInt(client + 1);
}

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
