/**
 * What a run makes on its machine (processes, namespaces, mounts, folders) and how it goes away again:
 * at the end of the run, at a signal, and at an exception that nobody caught.
 *
 * Boundary: every undo is synchronous, so that it can run while the process exits. Only SIGKILL of the
 * run itself leaves something behind: the next run removes that (host-network, small-disk).
 *
 * Invariants:
 *   CL1 every undo runs once, the last made first, whatever became of the others
 */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export class Cleanup {
  readonly #undos: { readonly what: string; readonly undo: () => void }[] = [];
  readonly #atExit: () => void = () => this.run();
  readonly #atSignal: (signal: NodeJS.Signals) => void = (signal) => {
    this.run();
    process.exit(SIGNALS[signal as keyof typeof SIGNALS]);
  };

  /** A part of another one, which runs it where it did not run before. */
  constructor(whole?: Cleanup) {
    if (whole !== undefined) {
      whole.add('a part', () => this.run());
      return;
    }
    process.on('exit', this.#atExit);
    for (const signal of Object.keys(SIGNALS)) process.on(signal, this.#atSignal);
  }

  add(what: string, undo: () => void): void {
    this.#undos.push({ what, undo });
  }

  /** [CL1] What could not be undone is said on standard error, and fails the process. */
  run(): void {
    for (let last = this.#undos.pop(); last !== undefined; last = this.#undos.pop()) {
      try {
        last.undo();
      } catch (error) {
        process.stderr.write(`could not undo: ${last.what}: ${String(error)}\n`);
        process.exitCode = 1;
      }
    }
  }

  /** The end of a run: everything is undone, and signals mean what they meant before. */
  close(): void {
    this.run();
    process.off('exit', this.#atExit);
    for (const signal of Object.keys(SIGNALS)) process.off(signal, this.#atSignal);
  }
}
