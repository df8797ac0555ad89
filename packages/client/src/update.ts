/**
 * Read, change, replace what was read: the loop behind `Bucket.update`.
 *
 * Writers at the same time never fail one another (each adds a sibling), so what is tried again here is
 * only what was refused for a reason that passes and surely not applied. A write of which nobody knows
 * is looked for by its operation id: found, the update is done; not found, it may still come or may
 * have been replaced, so `change` is not applied a second time and the caller is told `unknown`.
 *
 * Invariants:
 *   UP1 what is written replaces exactly what was read before it, siblings and all
 *   UP2 `change` is applied again only after a write that was not applied
 */
import type { Value } from '@clockwise/protocol/value-codec';
import { ClockwiseError } from './errors.ts';
import type { GetResult } from './results.ts';

/** Gets undefined where there is no value, or several and no `resolve`: all are in `values`. */
export type Change = (value: Value | undefined, values: readonly Value[]) => Value | undefined;

export interface UpdateSteps {
  read(): Promise<GetResult>;
  /** Replaces what `found` covers. */
  write(value: Value, found: GetResult): Promise<unknown>;
  /** False: there is no time, or no budget, for another attempt. */
  rest(attemptCount: number, retryAfterMs: number): Promise<boolean>;
}

/** What was written; undefined where `change` left the object as it is. */
export async function updateObject(
  steps: UpdateSteps,
  change: Change,
  attemptsMax: number,
): Promise<Value | undefined> {
  for (let attemptCount = 1; ; attemptCount += 1) {
    try {
      return await attempt(steps, change);
    } catch (error) {
      if (!mayBeRepeated(error) || attemptCount >= attemptsMax) throw error;
      if (!(await steps.rest(attemptCount, error.retryAfterMs))) throw error;
    }
  }
}

async function attempt(steps: UpdateSteps, change: Change): Promise<Value | undefined> {
  const found = await steps.read();
  const value = change(found.value, found.values);
  if (value === undefined) return undefined;
  try {
    await steps.write(value, found);
  } catch (error) {
    if (!(await hasHappened(steps, error))) throw error;
  }
  return value;
}

/** [UP2] */
function mayBeRepeated(error: unknown): error is ClockwiseError {
  const isKnown = error instanceof ClockwiseError && error.outcome === 'not-applied';
  return isKnown && error.retryable;
}

/** Whether a write of unknown outcome is among the siblings now. */
async function hasHappened(steps: UpdateSteps, error: unknown): Promise<boolean> {
  if (!(error instanceof ClockwiseError) || error.outcome !== 'unknown') return false;
  const { operationId } = error;
  if (operationId === undefined) return false;
  try {
    return (await steps.read()).hasOperation(operationId);
  } catch (readError) {
    if (readError instanceof ClockwiseError) return false;
    throw readError;
  }
}
