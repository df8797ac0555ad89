/**
 * The one error that the SDK throws: a code of the protocol's table, whether a retry can help, and
 * what is known of the outcome. A write that missed its quorum in time has outcome `unknown`: it
 * may have happened, and reading or repeating it under a new operation is the caller's choice.
 */
import { ERRORS, type ErrorName, type Outcome } from '@clockwise/protocol/errors';
import type { Explanation } from './explanation.ts';

/** What names a write over all its tries. */
export interface OperationId {
  readonly sessionLow: number;
  readonly sessionHigh: number;
  readonly sequence: number;
}

export interface ErrorDetails {
  /** Where more is known than the table says. */
  readonly outcome?: Outcome;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
  /** Of a write. */
  readonly operationId?: OperationId;
  readonly explanation?: Explanation;
  /** Replaces the table's sentence. */
  readonly message?: string;
}

export class ClockwiseError extends Error {
  override readonly name = 'ClockwiseError';
  /** Stable: compare this, never the message. */
  readonly code: ErrorName;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  /** Milliseconds after which the node asks to be tried again; 0: it did not say. */
  readonly retryAfterMs: number;
  /** Of a write that was sent: the id that the cluster may know it by. */
  readonly operationId: OperationId | undefined;
  /** How the last refusal came about; where `explain` asked for it and a node refused. */
  readonly explanation: Explanation | undefined;

  constructor(code: ErrorName, details: ErrorDetails = {}) {
    const definition = ERRORS[code];
    const message = `${code}: ${details.message ?? definition.text}`;
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.retryable = definition.retryable;
    this.outcome = details.outcome ?? definition.outcome;
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.operationId = details.operationId;
    this.explanation = details.explanation;
  }
}

/** An argument that no node needs to see. */
export function badRequest(message: string): ClockwiseError {
  return new ClockwiseError('BAD_REQUEST', { message });
}
