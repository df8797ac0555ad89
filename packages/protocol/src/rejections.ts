/**
 * Why a frame was refused: one number, one name, for counters and for the `goodbye` that closes the
 * connection. A rejection closes the connection that sent the frame and no other.
 *
 * Numbers are append-only: they are in metrics and in recorded traces.
 */

export const REJECTION = {
  none: 0,
  frameTooShort: 1,
  frameTooLong: 2,
  frameWordCountOdd: 3,
  frameWordCountMismatch: 4,
  frameTagUnknown: 5,
  frameVersionUnknown: 6,
  framePriorityUnknown: 7,
  frameFlagsUnknown: 8,
  frameOperationCount: 9,
  frameRemainingMs: 10,
  frameReservedNotZero: 11,
  frameTagUnexpected: 12,
  operationTooShort: 13,
  operationTooLong: 14,
  operationWordCountOdd: 15,
  operationWordCountMismatch: 16,
  operationsMissing: 17,
  wordsLeftOver: 18,
  opcodeUnknown: 19,
  flagsUnknown: 20,
  levelUnknown: 21,
  codecUnknown: 22,
  keyMissing: 23,
  paddingNotZero: 24,
  contextUnexpected: 25,
  contextUnsorted: 26,
  contextCounterZero: 27,
  contextTooLarge: 28,
  valueUnexpected: 29,
  valueLength: 30,
  timeToLiveUnexpected: 31,
  scanShape: 32,
  scanPosition: 33,
  policyUnknown: 34,
  replicationClass: 35,
  recordInvalid: 36,
  recordWordCountMismatch: 37,
  replyKindUnknown: 38,
  statusUnknown: 39,
  durabilityUnknown: 40,
  recordUnexpected: 41,
  recordCountMismatch: 42,
  countsUnexpected: 43,
  siblingFlagsUnknown: 44,
  remainingMs: 45,
  reservedNotZero: 46,
} as const;

export type RejectionName = keyof typeof REJECTION;

const NAMES: readonly string[] = Object.keys(REJECTION);

/** REQUIRES: `code` came from a validator of this package. */
export function rejectionName(code: number): RejectionName | undefined {
  return NAMES[code] as RejectionName | undefined;
}
