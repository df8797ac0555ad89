/**
 * What is kept of a round that failed, beside the nodes' data and logs: the violations, the plan, and
 * all that clients saw, for whoever looks for the cause.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Violation } from '../../checkers/history.ts';
import type { ClientEntry, ClientFinal } from './client-history.ts';
import type { ChaosFault } from './fault-plan.ts';

export interface Evidence {
  readonly violations: readonly Violation[];
  readonly plan: readonly ChaosFault[];
  readonly history: readonly ClientEntry[];
  readonly finals: readonly ClientFinal[];
}

export function keepEvidence(folder: string, seed: string, evidence: Evidence): void {
  const write = (name: string, values: readonly unknown[]): void => {
    const lines = values.map((value) => JSON.stringify(value, plain));
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
  };
  write('seed', [seed]);
  write('violations', evidence.violations);
  write('plan', evidence.plan);
  write('history', evidence.history);
  write('finals', evidence.finals);
}

/** JSON has neither great integers nor Infinity. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString(16);
  return value === Infinity ? 'never' : value;
}
