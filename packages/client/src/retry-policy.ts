/**
 * Whether an operation that failed is tried again, and when. Pure: the Prng is handed in.
 *
 * A retry goes out under the same operation id, so that the cluster takes all tries for one event;
 * that holds for as long as objects remember ids, which bounds how late an ambiguous write may be
 * repeated.
 *
 * Invariants:
 *   RP1 only what the error table calls retryable is tried again
 *   RP2 a retry begins before the deadline, and never before the node asked to be left alone
 *   RP3 delays grow with the tries, with jitter, up to a bound
 *   RP4 a write whose earlier try may have happened is repeated only while its id is remembered
 */
import type { Prng } from '@clockwise/kernel/prng';
import { ERRORS, type ErrorName } from '@clockwise/protocol/errors';

export interface RetryLimits {
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Milliseconds after its first sending in which a write may be repeated. */
  readonly repeatWindowMs: number;
}

export interface FailedTry {
  readonly code: ErrorName;
  /** Tries so far, this one included: from 1. */
  readonly tryCount: number;
  readonly remainingMs: number;
  /** Milliseconds since it was first sent. */
  readonly ageMs: number;
  readonly retryAfterMs: number;
  /** A write of which some try may have happened. */
  readonly isAmbiguous: boolean;
}

/** Milliseconds until the next try, or -1 for none. */
export function retryDelayMs(failed: FailedTry, limits: RetryLimits, prng: Prng): number {
  if (!ERRORS[failed.code].retryable) return -1;
  const delayMs = Math.max(failed.retryAfterMs, backoffMs(failed, limits, prng));
  if (delayMs >= failed.remainingMs) return -1;
  if (failed.isAmbiguous && failed.ageMs + delayMs >= limits.repeatWindowMs) return -1;
  return delayMs;
}

/** A lost connection waits for the next connection anyway: its first retry needs no delay. */
function backoffMs(failed: FailedTry, limits: RetryLimits, prng: Prng): number {
  if (failed.code === 'CONNECTION_LOST' && failed.tryCount === 1) return 0;
  return jitteredBackoffMs(failed.tryCount, limits, prng);
}

/** Doubles with the count up to the bound; a uniform draw between half of it and all of it. */
export function jitteredBackoffMs(
  count: number,
  limits: { readonly backoffMsMin: number; readonly backoffMsMax: number },
  prng: Prng,
): number {
  const doubled = limits.backoffMsMin * 2 ** Math.min(count - 1, 20);
  const bound = Math.min(doubled, limits.backoffMsMax);
  return bound / 2 + prng.unit() * (bound / 2);
}
