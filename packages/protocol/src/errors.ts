/**
 * The error table: one code, one name, whether a retry can help, and what is known of the outcome.
 * A code exists only if some caller would act on it. Wire format: codes are append-only.
 */

export type Outcome = 'not-applied' | 'applied' | 'unknown';

export interface ErrorDefinition {
  readonly code: number;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly text: string;
}

export const STATUS_OK = 0;
export const STATUS_NOT_FOUND = 1;

export type ErrorName =
  | 'TIMEOUT'
  | 'UNAVAILABLE'
  | 'OVERLOADED'
  | 'UNKNOWN_OUTCOME'
  | 'CONNECTION_LOST'
  | 'NO_SUCH_BUCKET'
  | 'KEY_TOO_LARGE'
  | 'VALUE_TOO_LARGE'
  | 'CONTEXT_TOO_LARGE'
  | 'CONTEXT_REQUIRED'
  | 'TOO_MANY_SIBLINGS'
  | 'IMPOSSIBLE_LEVEL'
  | 'BAD_FRAME'
  | 'WRONG_CLUSTER'
  | 'WRONG_VERSION'
  | 'WRONG_RING'
  | 'STALE_EPOCH'
  | 'READ_FAILED'
  | 'DISK_FAILED'
  | 'DISK_FULL'
  | 'NOT_READY'
  | 'DEADLINE_PASSED'
  | 'BAD_REQUEST'
  | 'CANCELLED'
  | 'CLOSED'
  | 'CLOCK_AHEAD'
  | 'HINTS_FULL';

export const ERRORS: Readonly<Record<ErrorName, ErrorDefinition>> = {
  TIMEOUT: {
    code: 16,
    retryable: true,
    outcome: 'unknown',
    text: 'too few replicas answered in time; a write may have happened',
  },
  UNAVAILABLE: {
    code: 17,
    retryable: true,
    outcome: 'not-applied',
    text: 'too few replicas are reachable',
  },
  OVERLOADED: {
    code: 18,
    retryable: true,
    outcome: 'not-applied',
    text: 'the node has as much work as it may hold',
  },
  UNKNOWN_OUTCOME: {
    code: 19,
    retryable: true,
    outcome: 'unknown',
    text: 'a part of the node failed while the operation was in flight',
  },
  CONNECTION_LOST: {
    code: 20,
    retryable: true,
    outcome: 'unknown',
    text: 'the connection ended before the answer came',
  },
  NO_SUCH_BUCKET: {
    code: 21,
    retryable: false,
    outcome: 'not-applied',
    text: 'no bucket has this name',
  },
  KEY_TOO_LARGE: {
    code: 22,
    retryable: false,
    outcome: 'not-applied',
    text: 'the key is empty or longer than the limit',
  },
  VALUE_TOO_LARGE: {
    code: 23,
    retryable: false,
    outcome: 'not-applied',
    text: 'the value is longer than the limit',
  },
  CONTEXT_TOO_LARGE: {
    code: 24,
    retryable: false,
    outcome: 'not-applied',
    text: 'the context has more entries than the limit',
  },
  CONTEXT_REQUIRED: {
    code: 25,
    retryable: false,
    outcome: 'not-applied',
    text: 'this bucket takes writes only with a context',
  },
  TOO_MANY_SIBLINGS: {
    code: 26,
    retryable: false,
    outcome: 'not-applied',
    text: 'the object has as many siblings as it may hold; reconcile them first',
  },
  IMPOSSIBLE_LEVEL: {
    code: 27,
    retryable: false,
    outcome: 'not-applied',
    text: 'the consistency level asks for more replicas than there are',
  },
  BAD_FRAME: {
    code: 28,
    retryable: false,
    outcome: 'not-applied',
    text: 'the frame breaks the protocol',
  },
  WRONG_CLUSTER: {
    code: 29,
    retryable: false,
    outcome: 'not-applied',
    text: 'the peer belongs to another cluster',
  },
  WRONG_VERSION: {
    code: 30,
    retryable: false,
    outcome: 'not-applied',
    text: 'the peer speaks another version of the protocol',
  },
  WRONG_RING: {
    code: 31,
    retryable: false,
    outcome: 'not-applied',
    text: 'the peer holds another ring for this epoch',
  },
  STALE_EPOCH: {
    code: 32,
    retryable: true,
    outcome: 'not-applied',
    text: 'the partition has moved since the sender looked',
  },
  READ_FAILED: {
    code: 33,
    retryable: true,
    outcome: 'not-applied',
    text: 'the replica could not read its own copy',
  },
  DISK_FAILED: {
    code: 34,
    retryable: true,
    outcome: 'unknown',
    text: 'the replica could not make the write durable',
  },
  DISK_FULL: {
    code: 35,
    retryable: true,
    outcome: 'not-applied',
    text: 'the replica has no room on its disk',
  },
  NOT_READY: {
    code: 36,
    retryable: true,
    outcome: 'not-applied',
    text: 'the node or shard is starting',
  },
  DEADLINE_PASSED: {
    code: 37,
    retryable: true,
    outcome: 'not-applied',
    text: 'the deadline had passed before any work was done',
  },
  BAD_REQUEST: {
    code: 38,
    retryable: false,
    outcome: 'not-applied',
    text: 'the operation is not well formed',
  },
  CANCELLED: { code: 39, retryable: false, outcome: 'unknown', text: 'the caller gave up waiting' },
  CLOSED: { code: 40, retryable: false, outcome: 'not-applied', text: 'the client was closed' },
  CLOCK_AHEAD: {
    code: 41,
    retryable: false,
    outcome: 'not-applied',
    text: 'the session has seen a time further ahead than this node follows',
  },
  HINTS_FULL: {
    code: 42,
    retryable: true,
    outcome: 'not-applied',
    text: 'the node holds as much for others as it may',
  },
};

const NAMES: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(ERRORS).map(([name, definition]) => [definition.code, name as ErrorName]),
);

/** The name of a status code that is an error; undefined for ok, not-found and unknown codes. */
export function errorName(code: number): ErrorName | undefined {
  return NAMES.get(code);
}

/** One byte for each 16-bit code: 1 where the code is known. */
const KNOWN_STATUS: Uint8Array = new Uint8Array(0x1_0000);
KNOWN_STATUS[STATUS_OK] = 1;
KNOWN_STATUS[STATUS_NOT_FOUND] = 1;
for (const code of NAMES.keys()) KNOWN_STATUS[code] = 1;

/** Ok, not-found, or an error of the table: what may stand in a status field. */
export function isStatusCode(code: number): boolean {
  return KNOWN_STATUS[code] === 1;
}
