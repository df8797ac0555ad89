/**
 * What a loss of power leaves of a write that was under way.
 *
 * Invariants:
 *   TW1 nothing outside of the write's own bytes changes: a sector that was durable is not torn by what
 *       is written behind it
 */
import type { Prng } from '@clockwise/kernel/prng';

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

/** A run of bytes that reached the medium, and where in the write it lies. */
export interface WrittenPart {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** The first bytes, up to any. */
export function tearPrefix(bytes: Uint8Array, prng: Prng): WrittenPart[] {
  return [{ from: 0, bytes: bytes.subarray(0, prng.below(bytes.length + 1)) }];
}

/**
 * Page by page right, missing or damaged; of a damaged page a quarter of the sectors are right, others
 * missing, right up to their middle, or rubbish.
 */
export function tearPages(bytes: Uint8Array, prng: Prng): WrittenPart[] {
  const parts: WrittenPart[] = [];
  for (let from = 0; from < bytes.length; from += PAGE_BYTES) {
    const page = bytes.subarray(from, from + PAGE_BYTES);
    const fate = prng.below(3);
    if (fate === 0) continue;
    if (fate === 1) parts.push({ from, bytes: page });
    else parts.push(...tearPage(page, from, prng));
  }
  return parts;
}

function tearPage(page: Uint8Array, pageFrom: number, prng: Prng): WrittenPart[] {
  const parts: WrittenPart[] = [];
  for (let from = 0; from < page.length; from += SECTOR_BYTES) {
    const sector = page.slice(from, from + SECTOR_BYTES);
    const fate = prng.below(4);
    if (fate === 0) continue;
    const rubbishFrom = fate === 1 ? sector.length : fate === 2 ? sector.length >> 1 : 0;
    for (let at = rubbishFrom; at < sector.length; at += 1) sector[at] = prng.below(256);
    parts.push({ from: pageFrom + from, bytes: sector });
  }
  return parts;
}
