/**
 * What a replica does about a full disk: it refuses values, keeps deletes going on the room of the
 * store's reserve, and has the reserve made whole again each second until there is room.
 *
 *     log-full, or a job without room      -> full: values are refused as DISK_FULL, not applied
 *     as few reserve files as may be left  -> deletes are refused too
 *     the reserve is whole again           -> all is taken, without a restart
 *
 * Boundary: the log writer takes from the reserve by itself (storage/log-writer); this core learns of it
 * a little later. Reads, scans, flushes and merges are asked nothing.
 *
 * Invariants:
 *   DS1 from the step that hears of a full disk on, no value is appended until a making of the reserve
 *       that began later has made it whole
 *   DS2 deletes go on as long as more than `reserveFilesMin` files are left
 *   DS3 one making at a time, at most one a second
 */
import type { Instant } from '@clockwise/kernel/core';
import type { DiskFailure } from '@clockwise/kernel/effects';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { JobOutput } from '@clockwise/storage/jobs';
import { RESERVE_FILE_COUNT } from '@clockwise/storage/reserve';
import type { ReplicaContext } from './replica-context.ts';

/** The number of this core's timer, among the replica's. */
export const DISK_SPACE_TIMER = 1;

/** From the end of one making to the next. */
const AGAIN_MS = 1000;
/** A job found no room: for so long no value is taken, though the reserve is whole. */
const NO_ROOM_MS = 5000;

export class DiskSpace {
  readonly #context: ReplicaContext;
  /** Files of a whole reserve, and their size. */
  readonly #fileCount: number;
  readonly #fileBytes: number;
  #isFull = false;
  /** Reserve files that are there, as far as this core has heard; none before the first making. */
  #filesLeft = 0;
  #reserveUsed = 0;
  /** The making under way; 0: none. */
  #job = 0;
  /** Something was taken, or found no room, since it began: what it says is out of date. */
  #isOutdated = false;
  #noRoomUntil: Instant = 0;

  constructor(context: ReplicaContext) {
    const { diskReserveBytes } = context.limits;
    this.#context = context;
    this.#fileBytes = Math.floor(diskReserveBytes / RESERVE_FILE_COUNT);
    this.#fileCount = this.#fileBytes > 0 ? RESERVE_FILE_COUNT : 0;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  figures(): Record<string, number> {
    return { diskFull: this.#isFull ? 1 : 0, reserveFiles: this.#filesLeft };
  }

  /** The first step: a new store has no reserve, and one that was full lacks some of it. */
  start(): void {
    if (this.#fileCount > 0) this.#make();
  }

  /** The log has written on in the room of its reserve. */
  logFull(reserveUsed: number): void {
    reachable('replica: its log has met a full disk');
    this.#filesLeft = Math.max(0, this.#filesLeft - (reserveUsed - this.#reserveUsed));
    this.#reserveUsed = reserveUsed;
    this.#becomeFull();
  }

  /** A job of this shard found no room: the next write of the log would meet the same. */
  noRoom(): void {
    reachable('replica: a job has met a full disk');
    this.#noRoomUntil = this.#context.now + NO_ROOM_MS;
    this.#becomeFull();
  }

  onTimer(timer: number): void {
    if (timer === DISK_SPACE_TIMER && !this.#context.fenced && this.#job === 0) this.#make();
  }

  /** False: not a job of this core's. */
  jobDone(job: number, output: JobOutput): boolean {
    if (job !== this.#job) return false;
    this.#job = 0;
    if (this.#context.fenced || output.kind !== 'reserve') return true;
    const isWhole = output.fileCount >= this.#fileCount;
    sometimes(this.#isOutdated, 'replica: its reserve was used while it was made whole');
    if (!this.#isOutdated) this.#filesLeft = output.fileCount;
    if (!isWhole && !this.#isFull) this.#becomeFull();
    else if (isWhole && this.#isFull && this.#mayEnd()) this.#end();
    this.#refuse();
    if (this.#isFull) this.#wakeLater();
    return true;
  }

  jobFailed(job: number, failure: DiskFailure): boolean {
    if (job !== this.#job) return false;
    this.#job = 0;
    this.#context.lastDiskFailure = failure;
    if (!this.#context.fenced) this.#wakeLater();
    return true;
  }

  /** [DS1] */
  #mayEnd(): boolean {
    return !this.#isOutdated && this.#context.now >= this.#noRoomUntil;
  }

  #becomeFull(): void {
    this.#isOutdated = true;
    if (!this.#isFull && this.#job === 0) this.#wakeLater();
    this.#isFull = true;
    this.#refuse();
  }

  #end(): void {
    reachable('replica: a full disk has room again');
    this.#isFull = false;
  }

  /** [DS2] */
  #refuse(): void {
    const context = this.#context;
    context.refusesValues = this.#isFull;
    context.refusesDeletes = this.#isFull && this.#filesLeft <= context.limits.reserveFilesMin;
  }

  /** [DS3] */
  #make(): void {
    this.#isOutdated = false;
    const [fileCount, fileBytes] = [this.#fileCount, this.#fileBytes];
    this.#job = this.#context.askJob({ kind: 'reserve', fileCount, fileBytes });
  }

  #wakeLater(): void {
    const { out, now } = this.#context;
    out.effect({ kind: 'timer', timer: DISK_SPACE_TIMER, at: now + AGAIN_MS });
  }
}
