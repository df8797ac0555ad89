/**
 * What one pass over a place has counted: how many records of how many bytes each target is owed, and
 * how many there are. The ledger (hint-ledger.ts) opens a count, hears what it ends with, and knows what
 * went on beside it.
 */
/** As the node of a count: all targets. */
export const EVERYBODY = -1;

/** One hidden record, as far as accounts go. */
export interface OwedRecord {
  readonly place: number;
  /** Indexes of the nodes to which it is owed. */
  readonly nodes: readonly number[];
  readonly byteCount: number;
  /** Since when, in seconds since 1970. */
  readonly seconds: number;
}

export interface Tally {
  count: number;
  bytes: number;
  oldestSeconds: number;
}

/** A count that goes on; made by `open`, ended by `close` or `abandon`. */
export interface PlaceCount {
  readonly place: number;
  readonly node: number;
  /** By node. */
  readonly tallies: Map<number, Tally>;
  /** Of all records, each once. */
  readonly whole: Tally;
  /** What had been added to the place when the count began, which it finds. */
  readonly addedBefore: number;
  /**
   * A count of everybody has ended since it began: what is settled now may have been gone by then, and is
   * not taken from what that one found. Its own end says it.
   */
  isOvertaken: boolean;
  /**
   * What it says, or leaves said, may be too much: of what it settled something was not taken from what
   * is known, or another pass settled something that it had counted.
   */
  isDoubtful: boolean;
}

export function emptyTally(): Tally {
  return { count: 0, bytes: 0, oldestSeconds: Infinity };
}

export function add(tally: Tally, { byteCount, seconds }: OwedRecord): void {
  tally.count += 1;
  tally.bytes += byteCount;
  tally.oldestSeconds = Math.min(tally.oldestSeconds, seconds);
}

/** Returns how many are left. */
export function take(tally: Tally, { byteCount }: OwedRecord): number {
  tally.count = Math.max(0, tally.count - 1);
  tally.bytes = tally.count === 0 ? 0 : Math.max(0, tally.bytes - byteCount);
  return tally.count;
}

export function countIn({ node, tallies, whole }: PlaceCount, record: OwedRecord): void {
  for (const other of record.nodes) {
    if (node !== EVERYBODY && node !== other) continue;
    const tally = tallies.get(other) ?? emptyTally();
    add(tally, record);
    tallies.set(other, tally);
  }
  add(whole, record);
}
