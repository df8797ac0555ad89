/**
 * A copy of the checkout in which patches are applied, built, and taken back again, one after another.
 *
 * Invariants:
 *   CC1 the checkout itself is never changed
 *   CC2 before a patch the copy is as it was, and built: what the patch before it changed is put
 *       back as it was read, not by the patch
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SeededBug } from './patch-text.ts';

const COMPILER = path.join('node_modules', 'typescript', 'bin', 'tsc');
const OUTPUT_BYTES_MAX = 1 << 28;

export interface CommandResult {
  /** Undefined: it did not end in its time. */
  readonly exitCode: number | undefined;
  readonly output: string;
}

export class CheckoutCopy {
  readonly folder: string;
  readonly #commandMsMax: number;

  /** `root`: the checkout, installed and built. */
  constructor(root: string, commandMsMax: number) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-seeded-bugs-'));
    this.#commandMsMax = commandMsMax;
    // What is installed is shared; git's own, and what runs have left, are not needed.
    const skipped = new Set(
      ['node_modules', '.git', 'results'].map((name) => path.join(root, name)),
    );
    cpSync(root, this.folder, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      filter: (source) => !skipped.has(source),
    });
    symlinkSync(path.join(root, 'node_modules'), path.join(this.folder, 'node_modules'));
  }

  /** All of it, or the projects in these folders with what they rest on. */
  build(projects: readonly string[] = []): CommandResult {
    return this.run(['node', COMPILER, '-b', ...projects]);
  }

  run(command: readonly string[]): CommandResult {
    const [program, ...parameters] = command;
    const result = spawnSync(program!, parameters, {
      cwd: this.folder,
      encoding: 'utf8',
      timeout: this.#commandMsMax,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    const output = `${result.stdout}${result.stderr}`;
    return { exitCode: result.status ?? undefined, output };
  }

  /** [CC2] Calls `use` with the patch applied, and puts the files back whatever comes of it. */
  withPatch<T>(bug: SeededBug, patchFile: string, use: (applied: CommandResult) => T): T {
    const originals = bug.files.map((file) => {
      const place = path.join(this.folder, file);
      return { place, text: readFileSync(place, 'utf8') };
    });
    try {
      return use(this.run(['patch', '-p1', '--forward', '--batch', '--fuzz=0', '-i', patchFile]));
    } finally {
      for (const { place, text } of originals) {
        writeFileSync(place, text);
        rmSync(`${place}.orig`, { force: true });
        rmSync(`${place}.rej`, { force: true });
      }
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
