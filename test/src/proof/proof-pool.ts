/** Runs parts of the proof in processes, one at a time in each, and hands reports over as they come. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProofAnswer, ProofQuestion } from './proof-worker.ts';

const WORKER = fileURLToPath(new URL('proof-worker.js', import.meta.url));

export interface ProofPoolOptions {
  readonly parts: Iterable<ProofQuestion>;
  readonly workers: number;
  readonly onReport: (part: ProofQuestion, report: ProofAnswer) => void;
  /** Asked before each part: true ends the run. */
  readonly isOver: () => boolean;
}

export async function runParts(options: ProofPoolOptions): Promise<void> {
  const parts = options.parts[Symbol.iterator]();
  const work = async (): Promise<void> => {
    const worker = fork(WORKER);
    try {
      while (!options.isOver()) {
        const next = parts.next();
        if (next.done === true) break;
        options.onReport(next.value, await reportOf(worker, next.value));
      }
    } finally {
      worker.kill();
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
}

async function reportOf(worker: ChildProcess, part: ProofQuestion): Promise<ProofAnswer> {
  const ended = new AbortController();
  const reported = once(worker, 'message', { signal: ended.signal });
  const died = once(worker, 'exit', { signal: ended.signal });
  worker.send(part);
  try {
    const [report] = (await Promise.race([
      reported,
      died.then(() => {
        throw new Error(`a worker died at ${JSON.stringify(part)}`);
      }),
    ])) as [ProofAnswer];
    return report;
  } finally {
    ended.abort();
    // The one that did not come is rejected by that, and nobody waits for it any more.
    await Promise.allSettled([reported, died]);
  }
}
