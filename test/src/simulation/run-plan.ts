/**
 * All that a run follows from, as plain data: what its seed drew, and what was taken away from that.
 * Written to a file when a run fails, and read to play it again.
 *
 * Invariants:
 *   RN1 a plan that was written and read runs to an equal trace hash
 */
import { drawConfiguration, type SimulationConfiguration } from './configuration.ts';
import { drawFaults, type FaultEvent } from './fault-schedule.ts';

export interface RunPlan {
  readonly configuration: SimulationConfiguration;
  readonly schedule: readonly FaultEvent[];
  /** Undefined: clients go on until the work ends. Else these only, each not before its time. */
  readonly operations: readonly PlannedTime[] | undefined;
}

export interface PlannedTime {
  readonly client: number;
  readonly operation: number;
  /** Virtual time at which it was begun in the run that this plan comes from. */
  readonly at: number;
}

const VERSION = 1;
const NEVER = 'never';

export function planOf(seed: string, fields: Partial<SimulationConfiguration> = {}): RunPlan {
  const configuration = { ...drawConfiguration(seed), ...fields };
  return { configuration, schedule: scheduleOf(configuration), operations: undefined };
}

export function scheduleOf(configuration: SimulationConfiguration): readonly FaultEvent[] {
  const nodeIds = Array.from({ length: configuration.nodeCount }, (_, node) => `n${node + 1}`);
  return drawFaults(configuration, nodeIds);
}

/** What a failing run leaves for whoever looks into it. */
export interface FailureRecord {
  readonly version: number;
  readonly seed: string;
  readonly commit: string;
  readonly node: string;
  readonly traceHash: string;
  readonly violations: readonly string[];
  readonly plan: RunPlan;
}

export function failureText(failure: Omit<FailureRecord, 'version'>): string {
  const asJson = (_: string, value: unknown): unknown => (value === Infinity ? NEVER : value);
  return `${JSON.stringify({ version: VERSION, ...failure }, asJson, 1)}\n`;
}

/** Throws where the text is no failure that this version wrote. */
export function readFailure(text: string): FailureRecord {
  const read = JSON.parse(text, (_, value: unknown) =>
    value === NEVER ? Infinity : value,
  ) as Partial<FailureRecord>;
  if (read.version !== VERSION || read.plan === undefined) {
    throw new Error(`no failure of version ${VERSION}: it says version ${String(read.version)}`);
  }
  return read as FailureRecord;
}
