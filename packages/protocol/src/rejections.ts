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
  contextInvalid: 26,
  contextTooLarge: 27,
  valueUnexpected: 28,
  valueLength: 29,
  timeToLiveUnexpected: 30,
  scanShape: 31,
  scanPosition: 32,
  policyUnknown: 33,
  replicationClass: 34,
  recordInvalid: 35,
  recordWordCountMismatch: 36,
  replyKindUnknown: 37,
  statusUnknown: 38,
  durabilityUnknown: 39,
  recordUnexpected: 40,
  recordCountMismatch: 41,
  countsUnexpected: 42,
  siblingFlagsUnknown: 43,
  remainingMs: 44,
  reservedNotZero: 45,
  flagsUnexpected: 46,
  requestAge: 47,
  bucketHidden: 48,
  explanationShape: 49,
  fanOut: 50,
  passedOn: 51,
} as const;

export type RejectionName = keyof typeof REJECTION;

const NAMES: readonly string[] = Object.keys(REJECTION);

/** REQUIRES: `code` came from a validator of this package. */
export function rejectionName(code: number): RejectionName | undefined {
  return NAMES[code] as RejectionName | undefined;
}
