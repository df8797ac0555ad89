/**
 * The ledger of dots (O7): fed with every record that any replica of a run appends to its log, it
 * knows each dot ever made, what was written under it, and what its maker knew at that moment.
 *
 * Invariants:
 *   O7 a dot names one write for the life of the run, over crashes and restarts
 */
import type { Dot, RecordObject } from '@clockwise/record/build';
import {
  type KeyName,
  nameOfDot,
  nameOfKey,
  type OperationName,
  type Violation,
} from './history.ts';

export interface LedgerEntry {
  readonly dot: Dot;
  readonly keyName: string;
  /** The operation's id, as `session/sequence`. */
  readonly operation: string;
  readonly content: string;
  /** The context of the first record that carried the dot: what the write knew, itself included. */
  readonly context: readonly Dot[];
  readonly where: string;
}

export class DotLedger {
  readonly violations: Violation[] = [];
  readonly #entries: Map<string, LedgerEntry> = new Map();
  readonly #byOperation: Map<string, LedgerEntry[]> = new Map();

  get size(): number {
    return this.#entries.size;
  }

  /** `where`: the shard that appended the record, and its sequence. */
  observe(record: RecordObject, keyText: string, where: string): void {
    const keyName = nameOfKey({ bucketId: record.bucketId, key: keyText });
    for (const sibling of record.siblings) {
      const name = nameOfDot(sibling.dot);
      const operation = nameOfOperation(sibling.operation.session, sibling.operation.sequence);
      const content = sibling.tombstone ? 'tombstone' : contentOf(sibling.codec, sibling.value);
      const known = this.#entries.get(name);
      if (known === undefined) {
        this.#add({
          dot: sibling.dot,
          keyName,
          operation,
          content,
          context: record.context,
          where,
        });
      } else if (
        known.keyName !== keyName ||
        known.operation !== operation ||
        known.content !== content
      ) {
        this.violations.push({
          oracle: 'O7',
          text:
            `dot ${name} names ${known.operation} = ${known.content} on ${known.keyName} (first at ${known.where}) ` +
            `and ${operation} = ${content} on ${keyName} (at ${where})`,
        });
      }
    }
  }

  /** All dots under which an operation was written: more than one where retries met other replicas. */
  dotsOf(session: bigint, sequence: number): readonly LedgerEntry[] {
    return this.#byOperation.get(nameOfOperation(session, sequence)) ?? [];
  }

  #add(entry: LedgerEntry): void {
    this.#entries.set(nameOfDot(entry.dot), entry);
    const dots = this.#byOperation.get(entry.operation);
    if (dots === undefined) this.#byOperation.set(entry.operation, [entry]);
    else dots.push(entry);
  }
}

/** How the clients of a run are known to the replicas. */
export type SessionOf = (client: number) => bigint;

export function dotsOfEntry(
  ledger: DotLedger,
  sessionOf: SessionOf,
  entry: OperationName & KeyName,
): readonly LedgerEntry[] {
  return ledger.dotsOf(sessionOf(entry.client), entry.operation);
}

function nameOfOperation(session: bigint, sequence: number): string {
  return `${session.toString(16)}/${sequence}`;
}

/** A value by its codec, its length and 64 bits of hash (FNV-1a, and its like): long ones are many. */
function contentOf(codec: number, bytes: Uint8Array): string {
  let first = 0x811c9dc5 | 0;
  let second = 0x9e3779b9 | 0;
  for (const byte of bytes) {
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul(second ^ byte ^ (first >>> 15), 0x85ebca6b);
  }
  return `${codec}:${bytes.length}:${(first >>> 0).toString(16)}${(second >>> 0).toString(16)}`;
}
