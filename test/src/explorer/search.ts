/**
 * Depth-first search over all schedules of a case. States that have been seen are not entered again;
 * the first violation ends the search, and is looked for once more in breadth, for a shorter schedule.
 */
import type { Violation } from '../checkers/history.ts';
import type { Action } from './actions.ts';
import { ExploredWorld } from './explored-world.ts';
import { nameState, type WorldState } from './world-state.ts';

export interface FoundViolation {
  readonly violations: readonly Violation[];
  /** From the initial state to where it shows. */
  readonly schedule: readonly Action[];
}

export interface SearchResult {
  readonly states: number;
  readonly transitions: number;
  readonly ends: number;
  /** Actions of the longest schedule. */
  readonly depth: number;
  /** Whether there was nothing left to look at. */
  readonly isComplete: boolean;
  readonly found: FoundViolation | undefined;
}

interface Place {
  readonly state: WorldState;
  readonly actions: readonly Action[];
  next: number;
}

/** States that the search for a shorter schedule looks at. */
const SHORTENING_STATES_MAX = 30_000;

export function search(world: ExploredWorld, statesMax: number): SearchResult {
  const seen = new Set<string>([nameState(world.initial)]);
  const stack: Place[] = [];
  const schedule = (): Action[] => stack.map(({ actions, next }) => actions[next - 1]!);
  let transitions = 0;
  let ends = 0;
  let depth = 0;
  const result = (isComplete: boolean, violations?: readonly Violation[]): SearchResult => {
    const found =
      violations === undefined ? undefined : shorten(world, { violations, schedule: schedule() });
    return { states: seen.size, transitions, ends, depth, isComplete, found };
  };
  const entered = enter(world, world.initial);
  if ('violations' in entered) return result(false, entered.violations);
  stack.push(entered);
  for (let place = stack.at(-1); place !== undefined; place = stack.at(-1)) {
    const action = place.actions[place.next];
    if (action === undefined) {
      if (place.actions.length === 0) ends += 1;
      stack.pop();
      continue;
    }
    place.next += 1;
    transitions += 1;
    const after = attempt(world, place.state, action);
    if ('violations' in after) return result(false, after.violations);
    const name = nameState(after.state);
    if (seen.has(name)) continue;
    seen.add(name);
    depth = Math.max(depth, stack.length);
    const next = enter(world, after.state);
    if ('violations' in next) return result(false, next.violations);
    if (seen.size >= statesMax) return result(false);
    stack.push(next);
  }
  return result(true);
}

type Failed = { readonly violations: readonly Violation[] };

/** A failed assertion in a core is a violation like any other. */
function attempt(
  world: ExploredWorld,
  state: WorldState,
  action: Action,
): { readonly state: WorldState } | Failed {
  try {
    return { state: world.actions.apply(state, action) };
  } catch (error) {
    return failed(error);
  }
}

function enter(world: ExploredWorld, state: WorldState): Place | Failed {
  try {
    const actions = world.actions.of(state, 'as-planned');
    const violations = world.judge(state, actions);
    return violations.length > 0 ? { violations } : { state, actions, next: 0 };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Failed {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { violations: [{ oracle: 'assert', text }] };
}

interface Reached {
  readonly state: WorldState;
  readonly from: Reached | undefined;
  readonly action: Action | undefined;
}

/** In breadth, as far as that goes: the shortest schedule there is, or the one that was found. */
function shorten(world: ExploredWorld, found: FoundViolation): FoundViolation {
  // Another world, for the judge of the first has judged all this already.
  const fresh = new ExploredWorld(world.case);
  const seen = new Set<string>([nameState(fresh.initial)]);
  let level: Reached[] = [{ state: fresh.initial, from: undefined, action: undefined }];
  for (let depth = 1; depth < found.schedule.length && level.length > 0; depth += 1) {
    const following: Reached[] = [];
    for (const reached of level) {
      for (const action of fresh.actions.of(reached.state, 'as-planned')) {
        const after = attempt(fresh, reached.state, action);
        const schedule = (): Action[] => [...scheduleTo(reached), action];
        if ('violations' in after) return { violations: after.violations, schedule: schedule() };
        const name = nameState(after.state);
        if (seen.has(name)) continue;
        seen.add(name);
        if (seen.size > SHORTENING_STATES_MAX) return found;
        const place = enter(fresh, after.state);
        if ('violations' in place) return { violations: place.violations, schedule: schedule() };
        following.push({ state: after.state, from: reached, action });
      }
    }
    level = following;
  }
  return found;
}

function scheduleTo(reached: Reached): Action[] {
  const actions: Action[] = [];
  for (let at: Reached | undefined = reached; at?.action !== undefined; at = at.from) {
    actions.push(at.action);
  }
  return actions.toReversed();
}
