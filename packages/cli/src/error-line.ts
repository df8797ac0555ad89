/**
 * An error of the SDK as one line for a person: what was tried, what happened, what is known of the
 * outcome, and the next command.
 *
 * Invariants:
 *   EL1 the line says whether a write happened, did not, or may have, and the exit code agrees
 *   EL2 every line ends in the next command to run
 */
import type { ClockwiseError, ErrorName } from '@clockwise/client';
import { unreachable } from '@clockwise/kernel/assert';
import { EXIT, type ExitCode } from './exit-code.ts';
import type { SelfCommand } from './self-command.ts';
import { clean } from './text-table.ts';

export interface Attempt {
  readonly kind: 'read' | 'write';
  /** As the user put it: `put hello`. */
  readonly what: string;
  /** The arguments with which the key can be read; undefined where there is no key. */
  readonly readBack: string | undefined;
}

export interface FailureLine {
  readonly line: string;
  readonly exitCode: ExitCode;
}

/** Codes that mean: too little of the cluster answers. */
const UNREACHABLE: ReadonlySet<ErrorName> = new Set([
  'UNAVAILABLE',
  'TIMEOUT',
  'CONNECTION_LOST',
  'NOT_READY',
]);

export function failureLine(
  error: ClockwiseError,
  attempt: Attempt,
  self: SelfCommand,
): FailureLine {
  const exitCode = exitCodeOf(error, attempt.kind);
  const parts = [`${clean(attempt.what)}: ${clean(error.message)}.`];
  if (attempt.kind === 'write') parts.push(outcomeSentence(error));
  parts.push(`Next: ${nextCommand(error, attempt, self)}`);
  return { line: parts.join(' '), exitCode };
}

/** [EL1] A read changes nothing, so its outcome is never unknown. */
function exitCodeOf(error: ClockwiseError, kind: Attempt['kind']): ExitCode {
  if (kind === 'write' && error.outcome === 'unknown') return EXIT.unknownOutcome;
  return UNREACHABLE.has(error.code) ? EXIT.unreachable : EXIT.refused;
}

function outcomeSentence(error: ClockwiseError): string {
  switch (error.outcome) {
    case 'not-applied':
      return 'Nothing was written.';
    case 'applied':
      return 'It was written.';
    case 'unknown':
      return 'It may have been written or not.';
    default:
      return unreachable(error.outcome);
  }
}

function nextCommand(error: ClockwiseError, attempt: Attempt, self: SelfCommand): string {
  const { readBack } = attempt;
  if (attempt.kind === 'write' && error.outcome === 'unknown' && readBack !== undefined) {
    return self(readBack);
  }
  switch (error.code) {
    case 'NO_SUCH_BUCKET':
    case 'IMPOSSIBLE_LEVEL':
      return self('ring');
    case 'CONTEXT_REQUIRED':
    case 'TOO_MANY_SIBLINGS':
      return readBack === undefined ? self('help put') : self(`${readBack} -o table`);
    case 'BAD_REQUEST':
    case 'KEY_TOO_LARGE':
    case 'VALUE_TOO_LARGE':
    case 'CONTEXT_TOO_LARGE':
      return self('help put');
    default:
      return self('status');
  }
}
