/** How simulated clients are known to replicas, and how their keys and values become bytes. */

/** The upper half of every session of simulated clients; the lower is the client's number + 1. */
export const SESSION_HIGH = 0x51;

export function sessionOfClient(client: number): bigint {
  return (BigInt(SESSION_HIGH) << 32n) | BigInt(client + 1);
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
