/**
 * Slows writes down before memory or level 0 is full: by how much, and which write passes now. Where
 * flushes or merges fall behind, writes go on at the pace at which chunks were flushed, less the more of
 * the way to the refusal is gone.
 *
 *     pressure <= 0        all pass
 *     0 < pressure < 1     what the allowance has room for; the rest waits, in order
 *     pressure >= 1        refused as OVERLOADED
 *
 * Memory refuses by itself when no chunk may be frozen any more: its part of the pressure stays below 1,
 * so that the last chunk is filled before. Runs of level 0 refuse here alone.
 *
 * data plane
 *
 * Invariants:
 *   WT1 without pressure nothing waits and nothing is refused
 *   WT2 below full pressure writes go on: the allowance grows by ALLOWANCE_MIN a millisecond at the least,
 *       and a write of any size passes when it is above 0
 *   WT3 at most WAITING_BYTES_MAX wait
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';

/** Bytes a millisecond, whatever was measured: [WT2], times what is left of the pressure. */
const ALLOWANCE_MIN = 4 * 1024;
/** At the least so much of the allowance is left short of full pressure. */
const SHARE_MIN = 1 / 16;
/** An allowance gathers for so long. */
const GATHER_MS = 100;
/** [WT3] */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** A flush counts for a quarter of the pace that is known. */
const PACE_SHARE = 4;
/** When whoever waits is looked at again. */
export const THROTTLE_MS = 2;

export class WriteThrottle {
  readonly #limits: Limits;
  #pressure = 0;
  #allowance = 0;
  #at: Instant = 0;
  /** Bytes a millisecond that flushes wrote. */
  #pace = 0;
  #waitingBytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Above 0 writes are slowed, from 1 on refused. */
  get pressure(): number {
    return this.#pressure;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** What presses in this step: chunks that wait for their flush, runs of level 0. */
  beginStep(now: Instant, frozen: number, runs: number): void {
    const { memtableFrozenMax, runsSlow, runsMax } = this.#limits;
    const slowAt = memtableFrozenMax / 2;
    const byMemory = (frozen - slowAt) / (memtableFrozenMax + 1 - slowAt);
    const byRuns = (runs - runsSlow) / (runsMax - runsSlow);
    this.#pressure = Math.max(byMemory, byRuns, 0);
    const elapsedMs = Math.max(0, now - this.#at);
    this.#at = now;
    if (this.#pressure === 0) {
      this.#allowance = 0;
      return;
    }
    const share = Math.max(1 - this.#pressure, SHARE_MIN);
    const bytesAMs = Math.max(this.#pace, ALLOWANCE_MIN) * share;
    // What an earlier write took too much is paid back first.
    this.#allowance = Math.min(this.#allowance + bytesAMs * elapsedMs, bytesAMs * GATHER_MS);
  }

  /** [WT1] [WT2] Whether a write may run now; it has then used of the allowance. */
  passes(byteCount: number): boolean {
    if (this.#pressure === 0) return true;
    if (this.#pressure >= 1 || this.#allowance <= 0) return false;
    this.#allowance -= byteCount;
    return true;
  }

  /** [WT3] Whether a write that does not pass may wait; if not it is refused. It waits then. */
  waits(byteCount: number): boolean {
    if (this.#pressure >= 1) return false;
    if (this.#waitingBytes + byteCount > WAITING_BYTES_MAX) return false;
    this.#waitingBytes += byteCount;
    return true;
  }

  /** What waited runs, or is refused. */
  waitEnded(byteCount: number): void {
    this.#waitingBytes -= byteCount;
  }

  /** A chunk of so many bytes was flushed. */
  flushed(byteCount: number, elapsedMs: number): void {
    const pace = byteCount / Math.max(elapsedMs, 1);
    this.#pace = this.#pace === 0 ? pace : this.#pace + (pace - this.#pace) / PACE_SHARE;
  }
}
