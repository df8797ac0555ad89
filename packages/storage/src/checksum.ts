/**
 * CRC-32 (IEEE), handed in by whoever composes the store (node:zlib's in production): the result over
 * `bytes`, continuing from `seed`, the result over the bytes before them; 0 to begin. Both unsigned.
 */
export type Checksum = (bytes: Uint8Array, seed: number) => number;
