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

/** REQUIRES: nobody writes to the store; `to` does not exist. */
export function linkStore(from: string, to: string, copiedBytesMax: number): StoreCopy {
  return transfer(
    from,
    to,
    (source, target, bytesLeft) => {
      try {
        linkSync(source, target);
        return 0;
      } catch {
        // [SC1] Another file system, or one without links.
        const { size } = statSync(source);
        if (size <= bytesLeft) copyFileSync(source, target);
        return size;
      }
    },
    copiedBytesMax,
  );
}

/** For a replay: what it does to its copy stays there. */
export function copyStore(from: string, to: string): StoreCopy {
  return transfer(
    from,
    to,
    (source, target) => {
      copyFileSync(source, target);
      return 0;
    },
    Infinity,
  );
}

function transfer(
  from: string,
  to: string,
  one: (source: string, target: string, bytesLeft: number) => number,
  bytesMax: number,
): StoreCopy {
  let copiedBytes = 0;
  try {
    mkdirSync(to, { recursive: true });
    const names = existsSync(from) ? readdirSync(from) : [];
    for (const name of names) {
      if (parseFileName(name) === undefined) continue;
      copiedBytes += one(path.join(from, name), path.join(to, name), bytesMax - copiedBytes);
      if (copiedBytes > bytesMax) {
        return { ok: false, reason: `its store is larger than the bound of ${bytesMax} bytes` };
      }
    }
  } catch (error) {
    return { ok: false, reason: `its store cannot be put aside: ${(error as Error).message}` };
  }
  return { ok: true, copiedBytes };
}
