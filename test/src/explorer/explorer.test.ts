// runner: limit 90s
// The explorer itself, and those of its cases that end in seconds.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Action } from './actions.ts';
import { labelOf } from './action-labels.ts';
import { CASES } from './cases.ts';
import { ExploredWorld } from './explored-world.ts';
import { type LiveActor, LocalHistories } from './local-histories.ts';
import { followSchedule, printSchedule } from './schedule-text.ts';
import { search } from './search.ts';

function worldOf(name: string): ExploredWorld {
  const explorerCase = CASES.find((other) => other.name === name);
  if (explorerCase === undefined) throw new Error(`there is no case ${name}`);
  return new ExploredWorld(explorerCase);
}

for (const name of [
  'concurrent-puts',
  'retry-elsewhere',
  'lost-answer',
  'read-repair-races-put',
  'lost-answer-three-nodes',
]) {
  test(`${name}: O1, O2, O3, O4, O6, O7, O10, O11 hold in every schedule`, () => {
    const world = worldOf(name);
    const { found, isComplete, ends } = search(world, world.case.statesMax);
    assert.equal(found?.violations ?? [], []);
    assert.ok(isComplete, 'to the end');
    assert.ok(ends > 1, 'schedules differ');
  });
}

for (const name of ['stand-in-put', 'stand-in-forgets']) {
  test(`A7 ${name}: no dot covers what its maker handed off and dropped, in any schedule`, () => {
    const world = worldOf(name);
    const { found, isComplete, ends } = search(world, world.case.statesMax);
    assert.equal(found?.violations ?? [], []);
    assert.ok(isComplete && ends > 1, 'to the end');
  });
}

test('A6 maker-crashes-before-sync: the first 4,000 states hold', () => {
  const world = worldOf('maker-crashes-before-sync');
  const { found, states, isComplete } = search(world, 4000);
  assert.equal(found?.violations ?? [], []);
  assert.is(states, 4000);
  assert.not.ok(isComplete, 'a search that was stopped says so');
});

test('two searches of a case find the same', () => {
  const first = search(worldOf('retry-elsewhere'), 10_000);
  assert.equal(search(worldOf('retry-elsewhere'), 10_000), first);
});

/** One schedule: in each state the action whose number a fixed rule gives. */
function walk(world: ExploredWorld, step: number): Action[] {
  const schedule: Action[] = [];
  let state = world.initial;
  for (;;) {
    const actions = world.actions.of(state, 'as-planned');
    const action = actions[(schedule.length * step) % Math.max(1, actions.length)];
    if (action === undefined) return schedule;
    schedule.push(action);
    state = world.actions.apply(state, action);
  }
}

test('[ST1] a schedule that was printed, read and followed is the same schedule', () => {
  for (const name of ['doubled-frame-other-crashes', 'late-hedge', 'lost-answer']) {
    for (const step of [1, 3, 7]) {
      const world = worldOf(name);
      const lines = printSchedule(world, walk(world, step));
      const again = worldOf(name);
      const { schedule, violations, stuck } = followSchedule(again, lines.join('\n'));
      assert.is(stuck, undefined);
      assert.equal(violations, []);
      assert.equal(printSchedule(again, schedule), lines);
    }
  }
});

test('a schedule that cannot be followed says where, and what could be done there', () => {
  const world = worldOf('concurrent-puts');
  const { schedule, stuck } = followSchedule(world, 'A1 begins;; B1 flies | somewhere');
  assert.is(schedule.length, 1);
  assert.is(stuck?.label, 'B1 flies');
  assert.ok(stuck?.offered.includes('B1 begins'));
});

test('labels tell all actions of a state apart', () => {
  for (const name of CASES.map((explorerCase) => explorerCase.name)) {
    const world = worldOf(name);
    let state = world.initial;
    for (const action of walk(world, 5)) {
      const labels = world.actions.of(state, 'as-planned').map((other) => labelOf(state, other));
      assert.is(new Set(labels).size, labels.length, `${name}: ${labels.join(', ')}`);
      state = world.actions.apply(state, action);
    }
  }
});

/** An actor that adds up letters of two parts; `isHonest`: its parts do not meet. */
function adders(isHonest: boolean): LocalHistories<string, string, string> {
  const open = (): { actor: LiveActor<string, string>; output: string } => ({
    actor: {
      step: (input, before) =>
        isHonest ? `${before}${input}`.split('').toSorted().join('') : `${before}${input}`,
    },
    output: '',
  });
  return new LocalHistories({
    open,
    nameOfOpening: (opening) => opening,
    nameOfInput: (input) => input,
    partOf: (input) => (input < 'm' ? 'early' : 'late'),
    fingerprint: (output) => output,
    liveMax: 1,
  });
}

test('[LH1] ways that differ in the order of no part lead to one state', () => {
  const histories = adders(true);
  const root = histories.open('root');
  const follow = (inputs: string): number =>
    inputs.split('').reduce((state, input) => histories.step(state, input).state, root).id;
  assert.is(follow('axby'), follow('xyab'));
  assert.is.not(follow('ab'), follow('ba'));
});

test('[LH2] an actor whose parts meet after all is found out', () => {
  const histories = adders(false);
  const root = histories.open('root');
  histories.step(histories.step(root, 'a').state, 'x');
  assert.throws(() => histories.step(histories.step(root, 'x').state, 'a'), /LH2/);
});

test.run();
