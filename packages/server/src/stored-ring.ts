/**
 * The ring of epoch 1 on this node's disk: planned from the configuration at the first start, and
 * ruling ever after. All nodes plan the same one from the same configuration; the handshake compares.
 *
 * Invariants:
 *   SR1 a ring is used only after it is durable
 *   SR2 a configuration that differs from the stored ring is refused, with the differences
 *   SR3 a damaged ring is refused, never replaced
 */
import * as fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { compareConfigured, firstRing } from '@clockwise/placement/epoch-one';
import type { Ring, RingConfiguration } from '@clockwise/placement/ring';
import { decodeRing, encodeRing, hashEncodedRing } from '@clockwise/placement/ring-codec';
import { replaceFile } from './durable-file.ts';
import { StartError } from './start-error.ts';

export interface StoredRing {
  readonly ring: Ring;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

export function openRing(folder: string, configuration: RingConfiguration): StoredRing {
  const file = path.join(folder, 'ring-1');
  if (!fs.existsSync(file)) return writeFirst(file, configuration);
  const bytes = new Uint8Array(fs.readFileSync(file));
  const decoded = decodeRing(bytes, crc32);
  if (!decoded.ok) {
    throw new StartError('RING_DAMAGED', [
      `${file} cannot be used: ${decoded.reason}`,
      'copy the file ring-1 from the data folder of another node of this cluster',
    ]);
  }
  const differences = compareConfigured(decoded.ring, configuration);
  if (differences.length > 0) {
    throw new StartError('RING_DIFFERS', [
      ...differences,
      'the stored ring rules; start with the configuration that it was made from ' +
        '(or with an empty data folder, which forgets all data of this node)',
    ]);
  }
  return { ring: decoded.ring, bytes, hash: hashEncodedRing(bytes) };
}

function writeFirst(file: string, configuration: RingConfiguration): StoredRing {
  const planned = firstRing(configuration);
  if (!planned.ok) throw new StartError('BAD_CONFIGURATION', planned.faults);
  const bytes = encodeRing(planned.ring, crc32);
  replaceFile(file, bytes);
  return { ring: planned.ring, bytes, hash: hashEncodedRing(bytes) };
}
