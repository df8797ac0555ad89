/**
 * A small disk: a tmpfs over a node's data folder, which can be filled to the last byte and given room
 * again. What is on it survives `kill -9`, as on any disk.
 *
 * Boundary: Linux and root. Filling is a file beside the node's own.
 *
 * Invariants:
 *   SD1 the disk is unmounted by the cleanup, whatever still uses it
 */
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { isAlive, missingFor } from './host-network.ts';

const BALLAST = 'ballast';
const PIECES_BYTES = [1024 * 1024, 4096, 64] as const;

/** Why there can be no small disks here; undefined: there can. */
export function missingForSmallDisks(): string | undefined {
  return missingFor(['mount', 'umount']);
}

export class SmallDisk {
  readonly folder: string;
  readonly #ballast: string;

  /** Mounts; throws where the system does not let us. */
  constructor(folder: string, byteCount: number, cleanup: Cleanup) {
    this.folder = folder;
    this.#ballast = path.join(folder, BALLAST);
    mkdirSync(folder, { recursive: true });
    const options = `size=${byteCount}`;
    run('mount', ['-t', 'tmpfs', '-o', options, `clockwise-chaos-${process.pid}`, folder]);
    // [SD1] Lazily: a node that was killed this moment may not be gone.
    cleanup.add(`the mount ${folder}`, () => run('umount', ['-l', folder]));
  }

  /** Takes what room there is. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    for (const bytes of PIECES_BYTES) {
      const piece = Buffer.alloc(bytes, 1);
      while (wasWritten(file, piece)) continue;
    }
    closeSync(file);
  }

  /** Copies what is on it to a folder beside it, for whoever looks for the cause of a failure. */
  keep(): void {
    this.free();
    cpSync(this.folder, `${this.folder}-kept`, { recursive: true });
  }

  /** Gives the room back. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }
}

function wasWritten(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

/** Mounts of runs that were killed. */
export function removeLeftoverDisks(): void {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [source, folder] = line.split(' ');
    const pid = Number(/^clockwise-chaos-(\d+)$/.exec(source ?? '')?.[1] ?? 0);
    if (pid > 0 && !isAlive(pid)) run('umount', ['-l', folder!]);
  }
}

function run(command: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr.trim()}`);
}
