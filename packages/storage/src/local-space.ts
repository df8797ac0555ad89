/**
 * What an embedded store does about a full disk: refuses values, goes on with deletes in the room of
 * its reserve, and has the reserve made whole again each second until there is room.
 *
 * Invariants:
 *   LSP1 after the log or a job met a full disk no value is taken until a making of the reserve that
 *        began later has made it whole
 *   LSP2 deletes go on as long as more than `filesMin` reserve files are left
 */
import type { DiskResult } from './disk.ts';
import type { JobInput, JobOutput } from './jobs.ts';
import { RESERVE_FILE_COUNT } from './reserve.ts';

const AGAIN_MS = 1000;

export interface LocalSpaceOptions {
  /** 0: the store has no reserve, and is fenced by a full disk. */
  readonly reserveBytes: number;
  readonly filesMin: number;
  readonly ask: (input: JobInput, whenEnded: (result: DiskResult<JobOutput>) => void) => void;
}

export class LocalSpace {
  readonly #options: LocalSpaceOptions;
  readonly #fileBytes: number;
  #isFull = false;
  /** 0 before the first making. */
  #filesLeft = 0;
  #reserveUsed = 0;
  #isMaking = false;
  #isOutdated = false;
  #againAtMs = 0;

  constructor(options: LocalSpaceOptions) {
    this.#options = options;
    this.#fileBytes = Math.floor(options.reserveBytes / RESERVE_FILE_COUNT / 8) * 8;
  }

  get isFull(): boolean {
    return this.#isFull;
  }
  /** [LSP2] */
  get refusesDeletes(): boolean {
    return this.#isFull && this.#filesLeft <= this.#options.filesMin;
  }

  /** The log has given up so many reserve files since it was opened. */
  logUsed(reserveUsed: number): void {
    if (reserveUsed === this.#reserveUsed) return;
    this.#filesLeft = Math.max(0, this.#filesLeft - (reserveUsed - this.#reserveUsed));
    this.#reserveUsed = reserveUsed;
    this.#becomeFull();
  }

  /** A job found no room: the next write of the log would meet the same. */
  noRoom(): void {
    if (this.#fileBytes > 0) this.#becomeFull();
  }

  /** Makes the reserve, at the beginning and while the disk is full. */
  begin(nowMs: number): void {
    const isWanted = this.#filesLeft < RESERVE_FILE_COUNT || this.#isFull;
    if (this.#fileBytes === 0 || this.#isMaking || !isWanted || nowMs < this.#againAtMs) return;
    this.#isMaking = true;
    this.#isOutdated = false;
    this.#againAtMs = nowMs + AGAIN_MS;
    const input: JobInput = {
      kind: 'reserve',
      fileCount: RESERVE_FILE_COUNT,
      fileBytes: this.#fileBytes,
    };
    this.#options.ask(input, (result) => {
      this.#isMaking = false;
      if (result.ok && result.value.kind === 'reserve') this.#made(result.value.fileCount);
    });
  }

  retryNow(): void {
    this.#againAtMs = 0;
  }

  /** [LSP1] */
  #made(fileCount: number): void {
    if (this.#isOutdated) return;
    this.#filesLeft = fileCount;
    this.#isFull = fileCount < RESERVE_FILE_COUNT;
  }

  #becomeFull(): void {
    this.#isFull = true;
    this.#isOutdated = true;
  }
}
