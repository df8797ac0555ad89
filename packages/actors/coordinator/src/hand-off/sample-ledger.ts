/** Small ledgers and owed records, for tests. Nothing in a running node imports it. */
import { HintLedger, type LedgerLimits } from './hint-ledger.ts';
import { EVERYBODY, type OwedRecord } from './place-count.ts';

const LIMITS: LedgerLimits = {
  hintBytesMax: 1000,
  hintAgeSecondsMax: 100,
  owedMarksMax: 3,
  handOffRoundMs: 1000,
};
export const PARTITIONS: number = 2;
export const NODES: number = 4;
export const PLACES: number = PARTITIONS * 3;

export function ledgerOf(limits: Partial<LedgerLimits> = {}): HintLedger {
  return new HintLedger(NODES, PARTITIONS, { ...LIMITS, ...limits });
}

/** One whose store was found empty. */
export function counted(limits: Partial<LedgerLimits> = {}): HintLedger {
  const ledger = ledgerOf(limits);
  for (let place = 0; place < PLACES; place += 1) ledger.close(ledger.open(place, EVERYBODY));
  return ledger;
}

export function owed(nodes: readonly number[], fields: Partial<OwedRecord> = {}): OwedRecord {
  return { place: 0, nodes, byteCount: 100, seconds: 5000, ...fields };
}
