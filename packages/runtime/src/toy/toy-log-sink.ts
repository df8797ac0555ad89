/** A log of one growing file, for the runtime's own tests and micro-benchmark. */
import { closeSync, fdatasyncSync, openSync, writevSync } from 'node:fs';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { LogRanges, LogSink } from '../disk/group-commit.ts';

export class ToyLogSink implements LogSink {
  readonly #descriptor: number;
  readonly #chunks: readonly SharedArrayBuffer[];

  constructor(path: string, chunks: readonly SharedArrayBuffer[]) {
    this.#descriptor = openSync(path, 'a');
    this.#chunks = chunks;
  }

  write(ranges: LogRanges): DiskFailure | undefined {
    const parts: Uint8Array[] = [];
    for (let index = 0; index < ranges.count; index += 1) {
      const from = ranges.froms[index]!;
      const buffer = this.#chunks[ranges.chunks[index]!]!;
      parts.push(new Uint8Array(buffer, from * 4, (ranges.tos[index]! - from) * 4));
    }
    writevSync(this.#descriptor, parts);
    return undefined;
  }

  sync(): DiskFailure | undefined {
    fdatasyncSync(this.#descriptor);
    return undefined;
  }

  floor(): DiskFailure | undefined {
    return undefined;
  }

  close(): DiskFailure | undefined {
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    return undefined;
  }

  reserveUsed(): number {
    return 0;
  }
}
