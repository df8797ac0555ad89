/** What a pass has to do with the record that it has come to. Pure. */
import { OWED, owedOf } from '@clockwise/record/hidden';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { HandOffPass } from './hand-off-pass.ts';
import { EVERYBODY, OWED_KIND, type OwedRecord } from './hint-ledger.ts';
import {
  classOf,
  isOfEarlierRing,
  isOfPresentRing,
  positionsOf,
  positionsOwed,
  wholeList,
} from './owed-records.ts';

/** `positions`: those that are owed it no more when it is done; `isLast`: then it is owed to nobody. */
export interface Settlement {
  readonly positions: number;
  readonly isLast: boolean;
}

export type Task =
  | { readonly kind: 'pass-over' }
  | { readonly kind: 'deliver'; readonly settlement: Settlement }
  | { readonly kind: 'give-up'; readonly settlement: Settlement }
  | { readonly kind: 'move'; readonly settlement: Settlement };

const PASS_OVER: Task = { kind: 'pass-over' };
const ALL: Settlement = { positions: OWED.positionMask, isLast: true };

/** REQUIRES: the record is not settled. */
export function taskOf(context: CoordinatorContext, pass: HandOffPass, owed: OwedRecord): Task {
  return pass.target === EVERYBODY
    ? upkeepOf(context, pass, owed)
    : deliveryOf(context, pass, owed);
}

function upkeepOf(
  context: CoordinatorContext,
  { words, record, inFlight }: HandOffPass,
  owed: OwedRecord,
): Task {
  const { ring } = context;
  const word = owedOf(words, record);
  if (isOfEarlierRing(ring, word)) return { kind: 'move', settlement: ALL };
  const whole = wholeList(ring, classOf(ring, words, record));
  const isOwedToAll = (word & whole) === whole;
  return isGivenUp(context, owed, inFlight, isOwedToAll)
    ? { kind: 'give-up', settlement: ALL }
    : PASS_OVER;
}

/**
 * A copy that is owed to the whole list is kept: nobody else may have the object. `inFlight`: how many
 * are given up already and counted still.
 */
function isGivenUp(
  { ledger, limits, wallTimeMs }: CoordinatorContext,
  owed: OwedRecord,
  inFlight: number,
  isOwedToAll: boolean,
): boolean {
  const kind = ledger.kindOf(owed.place);
  if (kind === OWED_KIND.mark) return ledger.excessMarks > inFlight;
  if (kind !== OWED_KIND.copy || isOwedToAll) return false;
  const since = Math.floor(wallTimeMs / 1000) - limits.hintAgeSecondsMax;
  return owed.seconds < since || ledger.excessCopyBytes > inFlight * owed.byteCount;
}

/** What is of an earlier ring is moved first. */
function deliveryOf(
  { ring, ledger }: CoordinatorContext,
  { words, record, target }: HandOffPass,
  owed: OwedRecord,
): Task {
  const word = owedOf(words, record);
  if (!isOfPresentRing(ring, word)) return PASS_OVER;
  const replicationClass = classOf(ring, words, record);
  const partition = ledger.partitionOf(owed.place);
  const delivered = positionsOf(ring, replicationClass, partition, word, target);
  if (delivered === 0) return PASS_OVER;
  const isLast = (positionsOwed(ring, replicationClass, word) & ~delivered) === 0;
  // Bits beyond the list, of a join over two rings, stand for nobody.
  const beyond = OWED.positionMask & ~wholeList(ring, replicationClass);
  return { kind: 'deliver', settlement: { positions: delivered | beyond, isLast } };
}
