/**
 * A disk of one node: an ext4 of its own in a file, with which a real disk's worst can be done: it is
 * filled by what the node writes, given room again, and frozen, so that every write hangs in the kernel
 * while what is cached is read on.
 *
 * Boundary: Linux, root and loop devices; `missingForLoopDisks` says which is missing.
 *
 * Invariants:
 *   LD1 the disk is thawed and unmounted by the cleanup, or by the next run where this one was killed
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Cleanup } from '../chaos/cleanup.ts';
import { isAlive, missingFor } from '../chaos/host-network.ts';

const BALLAST = 'ballast';
/** Folders of runs carry their pid. */
const OWN_FOLDER = /\/clockwise-disks-(\d+)-/;

/** Why there can be no such disks here; undefined: there can. */
export function missingForLoopDisks(): string | undefined {
  const missing = missingFor(['mount', 'umount', 'fsfreeze', 'mkfs.ext4']);
  if (missing !== undefined) return missing;
  const { status, stderr } = spawnSync('losetup', ['-f'], { encoding: 'utf8' });
  return status === 0 ? undefined : `there is no free loop device (${stderr.trim()})`;
}

export class LoopDisk {
  readonly folder: string;
  readonly #ballast: string;
  #isFrozen = false;

  /** Mounts; throws where the system does not let us. REQUIRES: a folder within one of this run. */
  constructor(folder: string, byteCount: number, cleanup: Cleanup) {
    this.folder = folder;
    this.#ballast = path.join(folder, BALLAST);
    const image = `${folder}.img`;
    mkdirSync(folder, { recursive: true });
    run('truncate', ['-s', String(byteCount), image]);
    run('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', image]);
    run('mount', ['-o', 'loop', image, folder]);
    // [LD1] Lazily: a node that was killed this moment may not be gone.
    cleanup.add(`the mount ${folder}`, () => run('umount', ['-l', folder]));
    cleanup.add(`the frozen disk ${folder}`, () => this.thaw());
    rmdirSync(path.join(folder, 'lost+found'));
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Somebody else takes so much of the room, until `free`. */
  hold(byteCount: number): void {
    writeFileSync(this.#ballast, Buffer.alloc(byteCount, 1));
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** From here on whoever writes waits, and nobody can end it. */
  freeze(): void {
    run('fsfreeze', ['-f', this.folder]);
    this.#isFrozen = true;
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    run('fsfreeze', ['-u', this.folder]);
  }
}

/** [LD1] */
export function removeLeftoverLoopDisks(): void {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const folder = line.split(' ')[1] ?? '';
    const pid = Number(OWN_FOLDER.exec(folder)?.[1] ?? 0);
    if (pid === 0 || isAlive(pid)) continue;
    // It fails where the disk is not frozen.
    spawnSync('fsfreeze', ['-u', folder]);
    run('umount', ['-l', folder]);
  }
}

function run(command: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr.trim()}`);
}
