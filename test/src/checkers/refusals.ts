/**
 * What must be refused is refused, and leaves nothing: values above the limit, and levels that ask for
 * more replicas than there are. (What was answered as not applied is judged by acked-loss; here the
 * answer may have been lost, or one of two copies of a request.)
 *
 * Invariants:
 *   P3 a request that can never be granted is never applied
 */
import { LEVEL } from '@clockwise/protocol/frame';
import { type DotLedger, dotsOfEntry, type SessionOf } from './dot-ledger.ts';
import { type HistoryEntry, isWriteEntry, nameOfKey, type Violation } from './history.ts';

export interface RefusalsInput {
  readonly history: readonly HistoryEntry[];
  readonly ledger: DotLedger;
  readonly sessionOf: SessionOf;
  readonly copies: number;
  readonly valueBytesMax: number;
}

export function checkRefusals(input: RefusalsInput): Violation[] {
  return input.history.flatMap((entry) => {
    const cause = causeOf(entry, input);
    if (cause === undefined) return [];
    const isWrite = isWriteEntry(entry);
    const isGranted = isWrite ? entry.outcome === 'ok' : entry.values !== undefined;
    const isMade = isWrite && dotsOfEntry(input.ledger, input.sessionOf, entry).length > 0;
    if (!isGranted && !isMade) return [];
    const what = `${entry.kind} ${entry.client}/${entry.operation} of ${nameOfKey(entry)}`;
    return [
      { oracle: 'P3', text: `${what} was ${isGranted ? 'granted' : 'applied'} with ${cause}` },
    ];
  });
}

function causeOf(entry: HistoryEntry, input: RefusalsInput): string | undefined {
  const { level } = entry;
  if (level > input.copies && level <= LEVEL.numberMax) {
    return `level ${level} of ${input.copies} copies`;
  }
  // Simulated values have one byte for each letter.
  const byteCount = isWriteEntry(entry) ? (entry.value?.length ?? 0) : 0;
  return byteCount > input.valueBytesMax ? `a value of ${byteCount} bytes` : undefined;
}
