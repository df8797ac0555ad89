/**
 * Operations that wait for a read from disk, with copies of their words (the ring's are borrowed). All
 * operations on a key whose read is outstanding queue behind it, in order.
 *
 * Invariants:
 *   PK1 operations on one key run in the order they came
 *   PK2 at most `countMax` operations wait; one more is refused
 */
import { buggify } from '@clockwise/kernel/buggify';
import { OPERATION } from '@clockwise/protocol/frame';
import { paddedWords } from '@clockwise/record/layout';
import { keysEqual } from '@clockwise/record/compare';
import { isDropped } from './droppable.ts';
import { type Asker, NOBODY } from './reply.ts';

/**
 * Who asked: the coordinator, and a copy of the operation, which begins at word 0; and from when on it
 * is not done any more (FRAME.due; 0: it always is); and whether a request of somebody's waits for it.
 */
export interface ParkedOperation {
  source: number;
  readonly words: Int32Array;
  readonly due: number;
  readonly isForeground: boolean;
}

/** A key whose record is being read. */
export interface ParkedKey {
  readonly hash: number;
  readonly bucketId: number;
  readonly tokenHigh: number;
  readonly tokenLow: number;
  readonly key: Int32Array;
  readonly keyByteCount: number;
  readonly operations: ParkedOperation[];
}

export class ParkedOperations {
  readonly #countMax: number;
  readonly #byHash: Map<number, ParkedKey[]> = new Map();
  #count = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  find(
    hash: number,
    bucketId: number,
    words: Int32Array,
    key: number,
    keyByteCount: number,
  ): ParkedKey | undefined {
    return this.#byHash
      .get(hash)
      ?.find(
        (parked) =>
          parked.bucketId === bucketId &&
          parked.keyByteCount === keyByteCount &&
          keysEqual(parked.key, 0, words, key, keyByteCount),
      );
  }

  /** Begins to wait for a key. */
  open(
    hash: number,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    words: Int32Array,
    keyOffset: number,
    keyByteCount: number,
  ): ParkedKey {
    const key = words.slice(keyOffset, keyOffset + paddedWords(keyByteCount));
    const parked: ParkedKey = {
      hash,
      bucketId,
      tokenHigh,
      tokenLow,
      key,
      keyByteCount,
      operations: [],
    };
    const others = this.#byHash.get(hash);
    if (others === undefined) this.#byHash.set(hash, [parked]);
    else others.push(parked);
    return parked;
  }

  /** [PK2] False: no more may wait. */
  park(parked: ParkedKey, asker: Asker): boolean {
    if (this.#count >= this.#countMax) return false;
    if (buggify('replica: refuse to let an operation wait for the disk')) return false;
    this.#count += 1;
    const { source, words, offset } = asker;
    const size = words[offset + OPERATION.wordCount]!;
    const due = isDropped(asker) ? asker.due : 0;
    const { isForeground } = asker;
    parked.operations.push({
      source,
      words: words.slice(offset, offset + size),
      due,
      isForeground,
    });
    return true;
  }

  /** Ends the wait; the operations are the caller's to run. */
  close(parked: ParkedKey): readonly ParkedOperation[] {
    const others = this.#byHash.get(parked.hash)!.filter((other) => other !== parked);
    if (others.length === 0) this.#byHash.delete(parked.hash);
    else this.#byHash.set(parked.hash, others);
    this.#count -= parked.operations.length;
    return parked.operations;
  }

  /** Whoever asked has gone: what it asked is done as it was asked, and answered to nobody. */
  forgetAsker(source: number): void {
    for (const parked of this.keys()) {
      for (const operation of parked.operations) {
        if (operation.source === source) operation.source = NOBODY;
      }
    }
  }

  /** Every key that waits, for a fence that ends them all. */
  keys(): ParkedKey[] {
    return [...this.#byHash.values()].flat();
  }
}
