/**
 * What goes wrong with calls to a simulated disk: the n-th call of a kind, each call with some
 * probability while a condition lasts, and writes whose fate is drawn up before they come.
 *
 * Invariants:
 *   SDF1 a condition acts from its beginning to its end, and never after `clear`
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import type { FailedSync } from './simulated-file.ts';

export type DiskOperation =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'datasync'
  | 'syncDirectory'
  | 'list'
  | 'remove'
  | 'rename'
  | 'link';

/** Fails the `nth` call (from 1, counted from when it was set) of this operation, or of any. */
export interface DiskFault extends Partial<FailedSync> {
  readonly operation: DiskOperation | 'any';
  readonly nth: number;
  readonly code: DiskFailure;
  /** Every later call of the kind fails too. */
  readonly forever?: boolean;
}

/** What is wrong with a disk for a while. */
export type DiskCondition =
  /** Calls of these kinds fail, each with this probability; a failed datasync leaves what it says. */
  | ({
      readonly kind: 'errors';
      readonly operations: readonly DiskOperation[];
      readonly code: DiskFailure;
      readonly probability: number;
    } & Partial<FailedSync>)
  /** Of all files together. */
  | { readonly kind: 'full'; readonly capacityBytes: number }
  | { readonly kind: 'descriptors'; readonly openFilesMax: number }
  | { readonly kind: 'read-only' }
  /** Reads of files whose names begin so go back to before the last write that they meet. */
  | { readonly kind: 'stale-reads'; readonly files: string };

/**
 * The next write to a file whose name begins so fares like this, and every sync says that all is well.
 * misdirected: to another file of the kind (`toOther`, where there is one) at the same place, or to
 * another place of the same file, this many sectors on.
 */
export interface ArmedWrite {
  readonly files: string;
  readonly fate: 'lost' | 'torn' | 'misdirected';
  readonly toOther: boolean;
  readonly sectors: number;
  /** The cache is dropped after the next sync of the file: readers then see what the medium holds. */
  readonly evicts: boolean;
}

export interface CallFailure extends Partial<FailedSync> {
  readonly code: DiskFailure;
}

const MODIFYING: readonly DiskOperation[] = ['create', 'write', 'remove', 'rename', 'link'];

export class SimulatedDiskFaults {
  readonly #prng: Prng;
  #counted: { readonly fault: DiskFault; remaining: number }[] = [];
  readonly #conditions: Set<DiskCondition> = new Set();
  #armed: ArmedWrite[] = [];

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  inject(fault: DiskFault): void {
    assert(fault.nth >= 1, 'faults count from 1');
    this.#counted.push({ fault, remaining: fault.nth });
  }

  /** Faults whose n-th call has not come. */
  get pendingCount(): number {
    return this.#counted.filter(({ remaining }) => remaining > 0).length;
  }

  begin(condition: DiskCondition): void {
    this.#conditions.add(condition);
  }

  end(condition: DiskCondition): void {
    this.#conditions.delete(condition);
  }

  arm(write: ArmedWrite): void {
    this.#armed.push(write);
  }

  clear(): void {
    this.#counted = [];
    this.#conditions.clear();
    this.#armed = [];
  }

  /** Whether this call fails, and how. Counts it. */
  callOf(operation: DiskOperation): CallFailure | undefined {
    for (const entry of this.#counted) {
      if (entry.fault.operation !== 'any' && entry.fault.operation !== operation) continue;
      entry.remaining -= 1;
      if (entry.remaining === 0) return entry.fault;
      if (entry.remaining < 0 && entry.fault.forever === true) return entry.fault;
    }
    for (const condition of this.#conditions) {
      if (condition.kind === 'errors') {
        if (!condition.operations.includes(operation)) continue;
        if (this.#prng.chance(condition.probability)) return condition;
      } else if (condition.kind === 'read-only' && MODIFYING.includes(operation)) {
        return { code: 'EROFS' };
      }
    }
    return undefined;
  }

  get isReadOnly(): boolean {
    return [...this.#conditions].some((condition) => condition.kind === 'read-only');
  }

  openFilesMax(otherwise: number): number {
    return this.#least(otherwise, (condition) =>
      condition.kind === 'descriptors' ? condition.openFilesMax : Infinity,
    );
  }

  capacityBytes(otherwise: number): number {
    return this.#least(otherwise, (condition) =>
      condition.kind === 'full' ? condition.capacityBytes : Infinity,
    );
  }

  isStale(name: string): boolean {
    return [...this.#conditions].some(
      (condition) => condition.kind === 'stale-reads' && name.startsWith(condition.files),
    );
  }

  /** What was drawn up for a write to this file, if anything was: once. */
  takeArmed(name: string): ArmedWrite | undefined {
    const armed = this.#armed.find((write) => name.startsWith(write.files));
    if (armed !== undefined) this.#armed = this.#armed.filter((write) => write !== armed);
    return armed;
  }

  #least(otherwise: number, limit: (condition: DiskCondition) => number): number {
    let least = otherwise;
    for (const condition of this.#conditions) least = Math.min(least, limit(condition));
    return least;
  }
}
