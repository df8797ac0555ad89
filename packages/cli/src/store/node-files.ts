/**
 * The files of a node's folder that are no store's: who it is, the ring, the names of its snapshots. What
 * of them is damaged, and what that costs.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeRing } from '@clockwise/placement/ring-codec';
import { identityFile, readIdentity } from '@clockwise/server/data-folder';
import { indexIn } from '@clockwise/server/snapshots/snapshot-index';
import { StartError } from '@clockwise/server/start-error';

const RING = 'ring-1';

/** Files that are not there are made by a start. */
export async function nodeFileFaults(folder: string): Promise<readonly string[]> {
  const index = await indexIn(folder).read();
  const snapshots = index.ok ? [] : [index.reasons.join('; ')];
  return [...identityFaults(folder), ...ringFaults(folder), ...snapshots];
}

function identityFaults(folder: string): string[] {
  if (!existsSync(identityFile(folder))) return [];
  try {
    readIdentity(folder);
    return [];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return [`${error.reasons.join('; ')}; the node does not start`];
  }
}

function ringFaults(folder: string): string[] {
  const file = path.join(folder, RING);
  if (!existsSync(file)) return [];
  const decoded = decodeRing(new Uint8Array(readFileSync(file)), crc32);
  if (decoded.ok) return [];
  const way = 'copy it from the data folder of another node of this cluster';
  return [`${file} cannot be used: ${decoded.reason}; the node does not start; ${way}`];
}
