/** What a pass has to do with the record that it has come to. Pure. */
import { OWED, owedOf } from '@clockwise/record/hidden';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { HandOffPass } from './hand-off-pass.ts';
import { OWED_KIND } from './hint-ledger.ts';
import { EVERYBODY, type OwedRecord } from './place-count.ts';
import {
  classOf,
  isOfEarlierRing,
  isOfPresentRing,
  owedWord,
  ownersOf,
  positionsOf,
  positionsOwed,
  wholeList,
} from './owed-records.ts';
import { isUsable } from '../positions.ts';

/** `positions`: those that are owed it no more when it is done; `isLast`: then it is owed to nobody. */
export interface Settlement {
  readonly positions: number;
  readonly isLast: boolean;
}

export type Task =
  | { readonly kind: 'pass-over' }
  | { readonly kind: 'deliver'; readonly settlement: Settlement }
  /** All of the range goes to the target first. */
  | { readonly kind: 'push'; readonly settlement: Settlement }
  /** `heir`: an owner who has to have a copy first; NOBODY where the object is this node's own. */
  | { readonly kind: 'give-up'; readonly settlement: Settlement; readonly heir: number }
  | { readonly kind: 'move'; readonly settlement: Settlement };

/** As the heir of what is given up. */
export const NOBODY = -1;

export const PASS_OVER: Task = { kind: 'pass-over' };
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
  if (isOfEarlierRing(ring, owedOf(words, record))) return { kind: 'move', settlement: ALL };
  if (!isTooMuch(context, owed, inFlight)) return PASS_OVER;
  if (context.ledger.kindOf(owed.place) === OWED_KIND.mark) {
    return { kind: 'give-up', settlement: ALL, heir: NOBODY };
  }
  const heir = heirOf(context, words, record, owed);
  return heir === NOBODY ? PASS_OVER : { kind: 'give-up', settlement: ALL, heir };
}

/** Whether it is older, or more, than may be kept. `inFlight`: so many are given up and counted still. */
function isTooMuch(
  { ledger, limits, wallTimeMs }: CoordinatorContext,
  owed: OwedRecord,
  inFlight: number,
): boolean {
  const kind = ledger.kindOf(owed.place);
  if (kind === OWED_KIND.mark) return ledger.excessMarks > inFlight;
  if (kind !== OWED_KIND.copy) return false;
  const since = Math.floor(wallTimeMs / 1000) - limits.hintAgeSecondsMax;
  return owed.seconds < since || ledger.excessCopyBytes > inFlight * owed.byteCount;
}

/** The first owner that can be reached: it may be that nobody but this node has the object. */
function heirOf(
  context: CoordinatorContext,
  words: Int32Array,
  record: number,
  owed: OwedRecord,
): number {
  const { ring, ledger } = context;
  const replicationClass = classOf(ring, words, record);
  const partition = ledger.partitionOf(owed.place);
  const all = owedWord(ring, wholeList(ring, replicationClass));
  const owners = ownersOf(ring, replicationClass, partition, all);
  const shard = ring.shardOfPartition[partition]!;
  return owners.find((node) => isUsable(context, node, shard)) ?? NOBODY;
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
  const kind = ledger.kindOf(owed.place) === OWED_KIND.dirty ? 'push' : 'deliver';
  return { kind, settlement: { positions: delivered | beyond, isLast } };
}
