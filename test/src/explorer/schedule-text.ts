/**
 * Schedules as text: a line per action, its label, and behind a bar what it carried or changed. What
 * stands behind the bar, and a number in front, are for people: reading passes over them.
 *
 * Invariants:
 *   ST1 a schedule that was printed, read and followed is the same schedule
 */
import type { Violation } from '../checkers/history.ts';
import { frameOf, labelOf } from './action-labels.ts';
import type { Action } from './actions.ts';
import { describeFrame, describeRecord } from './describe-frame.ts';
import type { ExploredWorld } from './explored-world.ts';
import { nodeName } from './explored-setting.ts';
import type { OperationPlan } from './explorer-case.ts';
import type { WorldState } from './world-state.ts';

export function printSchedule(world: ExploredWorld, schedule: readonly Action[]): string[] {
  let state = world.initial;
  return schedule.map((action, index) => {
    const label = labelOf(state, action);
    const notes = notesBefore(world, state, action);
    try {
      const after = world.actions.apply(state, action);
      notes.push(...notesBetween(world, state, after));
      state = after;
    } catch {
      // Only the last action of a schedule fails, and its violation says how.
      notes.push('fails');
    }
    const number = String(index + 1).padStart(3);
    return `${number}. ${label}${notes.length > 0 ? ` | ${notes.join('; ')}` : ''}`;
  });
}

export interface Followed {
  readonly schedule: readonly Action[];
  readonly violations: readonly Violation[];
  /** The label that no action had, and those that there were. */
  readonly stuck: { readonly label: string; readonly offered: readonly string[] } | undefined;
}

/** Follows a text as far as it goes, and judges every state on the way. */
export function followSchedule(world: ExploredWorld, text: string): Followed {
  let state = world.initial;
  const schedule: Action[] = [];
  for (const label of readLabels(text)) {
    const offered = world.actions.of(state, 'as-planned');
    const action = offered.find((other) => labelOf(state, other) === label);
    if (action === undefined) {
      const labels = offered.map((other) => labelOf(state, other));
      return { schedule, violations: [], stuck: { label, offered: labels } };
    }
    schedule.push(action);
    try {
      state = world.actions.apply(state, action);
      const violations = world.judge(state, world.actions.of(state, 'as-planned'));
      if (violations.length > 0) return { schedule, violations, stuck: undefined };
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { schedule, violations: [{ oracle: 'assert', text: reason }], stuck: undefined };
    }
  }
  return { schedule, violations: [], stuck: undefined };
}

function readLabels(text: string): string[] {
  return text
    .split(/\r?\n|;;/)
    .map((line) =>
      line
        .split(' | ')[0]!
        .replace(/^\s*\d+\.\s*/, '')
        .trim(),
    )
    .filter((label) => label !== '');
}

function notesBefore(world: ExploredWorld, state: WorldState, action: Action): string[] {
  const frame = frameOf(state, action);
  if (frame !== undefined) {
    return [describeFrame(frame, (dot) => world.steps.setting.dotName(dot))];
  }
  if (action.kind === 'begin' || action.kind === 'begin-doubled' || action.kind === 'retry') {
    return [describePlan(state.operations[action.operation]!.plan, action.kind === 'retry')];
  }
  return [];
}

export function describePlan(plan: OperationPlan, isRetry = false): string {
  const { kind, key, value, via, retryVia, context } = plan;
  const what = kind === 'put' ? `put ${key} = ${value}` : `${kind} ${key}`;
  const knowing = context.kind === 'overwrite' ? '' : ` knowing what ${context.operation} answered`;
  return `${what} via ${nodeName(isRetry ? (retryVia ?? via) : via)}${knowing}`;
}

function notesBetween(world: ExploredWorld, before: WorldState, after: WorldState): string[] {
  const dotName = (dot: { incarnation: bigint; counter: bigint }): string =>
    world.steps.setting.dotName(dot);
  const appended = after.nodes.flatMap(({ replica, boot, isUp }, node) => {
    const earlier = before.nodes[node]!;
    if (!isUp) return [];
    if (earlier.boot !== boot || !earlier.isUp) {
      const held = [...replica.output.held.values()].map(({ record }) =>
        describeRecord(record, dotName),
      );
      return [`${nodeName(node)} opens with ${held.join(', ') || 'nothing'}`];
    }
    const { appends } = replica.output;
    return appends
      .slice(earlier.replica.output.appends.length)
      .map(({ version }) => `${nodeName(node)} appends ${describeRecord(version.record, dotName)}`);
  });
  const ended = after.operations.flatMap((operation, index) => {
    const isNew = operation.phase === 'ended' && before.operations[index]!.phase !== 'ended';
    return isNew ? [`${operation.plan.name} ends: ${operation.outcome}`] : [];
  });
  return [...appended, ...ended];
}
