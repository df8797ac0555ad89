/**
 * What blocks of tables need from outside of the store: deflate, by node:zlib, synchronous; tokens.
 *
 * Invariants:
 *   NC1 a stream that is damaged, or gives more than wanted, is undefined; nothing throws
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { computeToken } from '@clockwise/placement/token';
import type { BlockCodecs } from '@clockwise/storage/block-codec';

/** Speed first: level 1 gives most of what deflate has to give on blocks of a few KiB. */
const LEVEL = 1;

export const NODE_BLOCK_CODECS: BlockCodecs = {
  deflate: (raw) => deflateRawSync(raw, { level: LEVEL }),
  inflate: (stored, rawBytes) => {
    try {
      return inflateRawSync(stored, { maxOutputLength: rawBytes });
    } catch {
      // [NC1] zlib says by throwing that the stream is not what deflate wrote.
      return undefined;
    }
  },
  tokenOf: computeToken,
};
