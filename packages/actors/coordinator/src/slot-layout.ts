/**
 * How the slots of requests lie in memory (RequestSlots): a slot is named by its place, places are
 * `SLOT_STEP` apart, and a slot's fields follow its place, in words, and likewise its instants, in
 * doubles. data plane.
 */

/** Places of slots are multiples of this: words that a slot has for its fields, four cache lines. */
export const SLOT_STEP_LOG2 = 6;
export const SLOT_STEP: number = 1 << SLOT_STEP_LOG2;

/** Bits of a slot's number where it shares a word with its generation (proxied requests). */
export const SLOT_BITS = 14;

/** Where a slot's fields lie in `words`, from its place on; first those that a put by the usual way has. */
export const FIELD = {
  state: 0,
  generation: 1,
  connection: 2,
  connectionGeneration: 3,
  requestId: 4,
  opcode: 5,
  flags: 6,
  bucketId: 7,
  replicationClass: 8,
  level: 9,
  partition: 10,
  shard: 11,
  required: 12,
  answered: 13,
  responded: 14,
  awaited: 15,
  phase: 16,
  openPrimaries: 17,
  openStandIns: 18,
  wanting: 19,
  reopened: 20,
  duplicate: 21,
  durability: 22,
  sloppy: 23,
  standIns: 24,
  hybridLow: 25,
  hybridHigh: 26,
  requestWords: 27,
  heldWords: 28,
  asked: 29,
  failed: 30,
  current: 31,
  status: 32,
  empty: 33,
  askedLate: 34,
  orphaned: 35,
  repairNeeded: 36,
  mending: 37,
  lww: 38,
  standInsTried: 39,
  versionLow: 40,
  versionHigh: 41,
  relayed: 42,
  redirected: 43,
  askerSlot: 44,
  askerGeneration: 45,
} as const;
/** The same in `instants`. */
export const INSTANT = { due: 0, startedAt: 1, hedgeAt: 2 } as const;

/** From 0, without gaps: the slot's number. */
export function numberOf(slot: number): number {
  return slot >>> SLOT_STEP_LOG2;
}

/** Whether a slot is there: a peer may name any. */
export function isPlace(slot: number, end: number): boolean {
  return slot >= 0 && slot < end && (slot & (SLOT_STEP - 1)) === 0;
}
