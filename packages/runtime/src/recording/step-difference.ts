/** What differs between the output of a step as it was recorded and as it is replayed, in words. */
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { StepOutput } from './recorded-step.ts';
import type { SinkTrace } from './traced-out.ts';

/** Empty: they are equal, bit for bit. */
export function stepDifference(
  recorded: StepOutput,
  replayed: StepOutput,
  thrown: unknown,
): string[] {
  if (recorded.threw !== replayed.threw) {
    return [
      recorded.threw
        ? 'the recorded step threw, the replayed one returned'
        : `the replayed step threw: ${thrownText(thrown)}`,
    ];
  }
  const reasons: string[] = [];
  if (recorded.thrownLow !== replayed.thrownLow || recorded.thrownHigh !== replayed.thrownHigh) {
    reasons.push(`it threw for another reason: ${thrownText(thrown)}`);
  }
  reasons.push(...sinkDifferences(recorded.sinks, replayed.sinks));
  if (recorded.effectCount !== replayed.effectCount) {
    reasons.push(`effects: ${replayed.effectCount}, recorded ${recorded.effectCount}`);
  } else if (
    recorded.effectLow !== replayed.effectLow ||
    recorded.effectHigh !== replayed.effectHigh
  ) {
    reasons.push(`the content of its ${recorded.effectCount} effects`);
  }
  if (recorded.appendCount !== replayed.appendCount) {
    reasons.push(`appends: ${replayed.appendCount}, recorded ${recorded.appendCount}`);
  } else if (
    recorded.appendLow !== replayed.appendLow ||
    recorded.appendHigh !== replayed.appendHigh
  ) {
    reasons.push(`the content of its ${recorded.appendCount} appends to the log`);
  }
  if (recorded.stateHash !== replayed.stateHash) reasons.push("the hash of the core's state");
  return reasons;
}

/** Of an error without its stack, which says where files lie. */
export function thrownText(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : 'what is no error';
}

function sinkDifferences(recorded: readonly SinkTrace[], replayed: readonly SinkTrace[]): string[] {
  const reasons: string[] = [];
  for (const then of recorded) {
    const now = find(replayed, then);
    if (now === undefined) {
      reasons.push(`nothing to ${placeOf(then)}, recorded ${then.operationCount} operations`);
    } else if (now.operationCount !== then.operationCount) {
      const counts = `${now.operationCount} operations, recorded ${then.operationCount}`;
      reasons.push(`to ${placeOf(then)}: ${counts}`);
    } else if (now.low !== then.low || now.high !== then.high) {
      reasons.push(`the content of ${now.operationCount} operations to ${placeOf(then)}`);
    }
  }
  for (const now of replayed) {
    if (find(recorded, now) !== undefined) continue;
    reasons.push(`${now.operationCount} operations to ${placeOf(now)}, recorded none`);
  }
  return reasons;
}

function find(traces: readonly SinkTrace[], wanted: SinkTrace): SinkTrace | undefined {
  return traces.find(({ target, lane }) => target === wanted.target && lane === wanted.lane);
}

function placeOf({ target, lane }: SinkTrace): string {
  const lanes = ['now', 'durable'];
  if (target >= CONNECTION_TARGET) return `connection ${target - CONNECTION_TARGET}`;
  return `channel ${target}, lane ${lanes[lane]}`;
}
