/**
 * A shard's store as it is before it is opened, put aside for a replay, which opens it again through
 * the real recovery. Files are linked: the node removes what it no longer needs, and of what it finds
 * at an opening it writes nothing but the same bytes again (storage/open-store, LW4 of log-writer).
 *
 * Invariants:
 *   SC1 where files cannot be linked they are copied, within the bound
 */
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseFileName } from '@clockwise/storage/file-names';

export type StoreCopy =
  | { readonly ok: true; readonly copiedBytes: number }
  | { readonly ok: false; readonly reason: string };

type Link = (source: string, target: string) => void;

/** REQUIRES: nobody writes to the store; `to` does not exist. `link`: as node:fs has it. */
export function linkStore(
  from: string,
  to: string,
  copiedBytesMax: number,
  link: Link = linkSync,
): StoreCopy {
  let copiedBytes = 0;
  return transfer(from, to, (source, target) => {
    try {
      link(source, target);
    } catch {
      // [SC1] Another file system, or one without links.
      copiedBytes += statSync(source).size;
      if (copiedBytes > copiedBytesMax) return undefined;
      copyFileSync(source, target);
    }
    return copiedBytes;
  });
}

/** For a replay: what it does to its copy stays there. */
export function copyStore(from: string, to: string): StoreCopy {
  return transfer(from, to, (source, target) => {
    copyFileSync(source, target);
    return 0;
  });
}

/** `one` brings a file over and returns the bytes that count so far; undefined: too many. */
function transfer(
  from: string,
  to: string,
  one: (source: string, target: string) => number | undefined,
): StoreCopy {
  let copiedBytes = 0;
  try {
    mkdirSync(to, { recursive: true });
    const names = existsSync(from) ? readdirSync(from) : [];
    for (const name of names) {
      if (parseFileName(name) === undefined) continue;
      const counted = one(path.join(from, name), path.join(to, name));
      if (counted === undefined) {
        return { ok: false, reason: 'its store cannot be linked, and is larger than the bound' };
      }
      copiedBytes = counted;
    }
  } catch (error) {
    return { ok: false, reason: `its store cannot be put aside: ${(error as Error).message}` };
  }
  return { ok: true, copiedBytes };
}
