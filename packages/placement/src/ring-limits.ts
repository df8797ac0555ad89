/**
 * Limits of a ring value. They are checked when a ring is made, planned and decoded, before anything
 * of that size is allocated; raising one is a change of format.
 */
export const ringLimits = {
  /** Bucket definitions in a ring; ids are never reused. */
  bucketsMax: 1_024,
  /** Replication classes; each costs its own lists and its own hash trees. */
  replicationClassesMax: 8,
  nodesMax: 256,
  /** Copies of one partition in one class, over all data centres. */
  copiesMax: 16,
  /** Characters in ids and names. */
  nameCharactersMax: 64,
  /** Characters in a host or an address. */
  addressCharactersMax: 255,
  /** Q is at most 2 to this power. */
  partitionCountLog2Max: 14,
  /** A node's weight is 1 to this; shares are exact up to here. */
  weightMax: 1_000,
  /** Epochs are positive signed 32-bit integers. */
  epochMax: 0x7fffffff,
  /** From 2^30 up ids are those of hidden buckets (record/hidden.ts). */
  bucketIdMax: 0x3fffffff,
  /** A plan that gives a node more than this times its share (rounded up) must be forced. */
  overShareMax: 1.25,
} as const;

/** Q where nothing else is asked for. */
export const partitionCountDefault: number = 256;
