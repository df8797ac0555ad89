/**
 * What is kept for a node that is down, through a ring without it, while processes end or stand still
 * at one step of the hand-off after the other.
 */
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { type Membership, ringOfMembers } from '../simulation/next-ring.ts';
import { RingChanges } from './ring-changes.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const TARGET = 4;
/** Keys for each step that is disturbed, and how many steps are at the least. */
const KEYS_A_STEP = 5;
const STEPS_MIN = 24;

/** An operation of membership, as the change of the ring that it amounts to. */
export interface Leaving {
  readonly name: 'decommission' | 'remove' | 'replace';
  readonly membership: Membership;
  readonly manner: 'at once' | 'in turn';
}

export const LEAVINGS: readonly Leaving[] = [
  { name: 'decommission', membership: { leave: ['n5'] }, manner: 'in turn' },
  { name: 'remove', membership: { leave: ['n5'] }, manner: 'at once' },
  { name: 'replace', membership: { leave: ['n5'], join: ['n6'] }, manner: 'at once' },
];

/** Throws where anything is kept too long; the violations of all oracles otherwise. */
export function judgeLeaving(
  { membership, manner }: Leaving,
  keyCount: number,
  how: 'crash' | 'pause',
): readonly string[] {
  const { world, changes } = withHints(keyCount);
  const next = ringOfMembers(changes.ring, membership);
  if (manner === 'at once') changes.restart(next);
  else changes.restartInTurn(next, 200);
  const stepsMax = Math.max(STEPS_MIN, keyCount / KEYS_A_STEP);
  assert.ok(disturb(world, changes, how, stepsMax) > 3, 'steps were disturbed');
  world.pass(15_000 + keyCount);
  assert.equal(
    changes.ofEarlierRings(),
    [],
    'nothing is addressed to positions of the ring before',
  );
  assert.equal(changes.kept(), [], 'and nothing is kept any more');
  return world.verdict();
}

/** Five nodes, the last of which is down: stand-ins keep what it misses. */
function withHints(keyCount: number): {
  readonly world: ScriptedCluster;
  readonly changes: RingChanges;
} {
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3 });
  world.down(TARGET);
  world.pass(12_000);
  for (let index = 0; index < keyCount; index += 1) {
    const put = world.put(index % 4, `many-${index}`, 'kept', { level: LEVEL.one });
    assert.is(put.outcome, 'ok');
  }
  world.pass(500);
  assert.ok(world.kept() > keyCount / 3, 'something is kept for who is down');
  return { world, changes: new RingChanges(world) };
}

/** Ends a process, or lets it stand still, each time when so many more hidden records were written. */
function disturb(
  world: ScriptedCluster,
  changes: RingChanges,
  how: 'crash' | 'pause',
  stepsMax: number,
): number {
  const { cluster } = world;
  const { simulation, members, witness } = cluster;
  let steps = 0;
  while (changes.kept().length > 0 && steps < stepsMax) {
    const seen = witness.hiddenCount;
    simulation.run(simulation.now + 10_000, () => witness.hiddenCount > seen);
    const node = members[steps % members.length]!;
    if (how === 'pause') {
      node.pause(300);
    } else {
      node.crash('drop-all');
      simulation.after(100, () => node.start());
    }
    steps += 1;
  }
  return steps;
}
