/**
 * What a replica tells its log writer, one record of their ring per step. In memory only; both ends
 * are of one build.
 *
 *     header (6 words) | ranges (4 words each) | lanes (4 words each)
 *
 * data plane
 */

export const DESCRIPTOR_KIND = { append: 1, floor: 2 } as const;

export const DESCRIPTOR_HEADER_WORDS = 6;
export const DESCRIPTOR = {
  /** DESCRIPTOR_KIND | needs sync << 8 */
  kind: 0,
  rangeCount: 1,
  laneCount: 2,
  /** Of an append the highest sequence in it, 0 where there are no ranges; of a floor the floor. */
  sequenceLow: 3,
  sequenceHigh: 4,
  reserved: 5,
} as const;

/** Words [from, to) of a chunk: whole runs of prefix and record. */
export const RANGE_WORDS = 4;
export const RANGE = { chunk: 0, from: 1, to: 2, reserved: 3 } as const;

/** Publish the durable ring to `target`, if it is still of `generation`, up to `position`. */
export const LANE_ENTRY_WORDS = 4;
export const LANE_ENTRY = { target: 0, generation: 1, position: 2, reserved: 3 } as const;

/** Ranges of one step: appends in a row are one; a step changes chunks a few times at the most. */
export const RANGES_PER_STEP_MAX = 64;
export const COORDINATORS_MAX = 64;
export const DESCRIPTOR_WORDS_MAX: number =
  DESCRIPTOR_HEADER_WORDS + RANGES_PER_STEP_MAX * RANGE_WORDS + COORDINATORS_MAX * LANE_ENTRY_WORDS;
