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
  /** 1: the only copy is in this node, whose shard was asked (sole-copy.ts). */
  isSole: 13,
  answered: 14,
  responded: 15,
  awaited: 16,
  phase: 17,
  openPrimaries: 18,
  openStandIns: 19,
  wanting: 20,
  reopened: 21,
  duplicate: 22,
  durability: 23,
  sloppy: 24,
  standIns: 25,
  hybridLow: 26,
  hybridHigh: 27,
  requestWords: 28,
  heldWords: 29,
  asked: 30,
  failed: 31,
  current: 32,
  status: 33,
  empty: 34,
  askedLate: 35,
  orphaned: 36,
  repairNeeded: 37,
  mending: 38,
  lww: 39,
  standInsTried: 40,
  versionLow: 41,
  versionHigh: 42,
  relayed: 43,
  redirected: 44,
  askerSlot: 45,
  askerGeneration: 46,
  direct: 47,
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
