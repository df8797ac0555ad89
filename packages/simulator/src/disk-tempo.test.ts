/** Slow and stuck disks: what is late, what hangs, and that healing ends both. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DiskTempo } from './disk-tempo.ts';
import { Simulation } from './simulation.ts';

function make(): {
  readonly simulation: Simulation;
  readonly tempo: DiskTempo;
  readonly ends: Map<string, number>;
  readonly ask: (call: 'read' | 'write', name: string, delayMs: number) => void;
} {
  const simulation = new Simulation('tempo');
  const tempo = new DiskTempo(simulation);
  const ends = new Map<string, number>();
  const ask = (call: 'read' | 'write', name: string, delayMs: number): void =>
    tempo.after(call, delayMs, () => ends.set(name, simulation.now));
  return { simulation, tempo, ends, ask };
}

test('a disk that is well takes as long as it is said to', () => {
  const { simulation, ends, ask } = make();
  ask('read', 'a', 5);
  ask('write', 'b', 7);
  simulation.run(100);
  assert.equal(
    [...ends],
    [
      ['a', 5],
      ['b', 7],
    ],
  );
});

test('F23 a slow disk takes so many times as long, and no longer once its time is over', () => {
  const { simulation, tempo, ends, ask } = make();
  tempo.slow(100, 50);
  ask('read', 'slow', 2);
  simulation.run(60);
  ask('read', 'well', 2);
  simulation.run(1000);
  assert.equal(
    [...ends],
    [
      ['well', 62],
      ['slow', 200],
    ],
  );
});

test('[DT1] F23 while reads are stuck no read ends, and writes do', () => {
  const { simulation, tempo, ends, ask } = make();
  tempo.stick('reads', 60_000);
  ask('read', 'read', 1);
  ask('write', 'write', 1);
  simulation.run(59_999);
  assert.equal([...ends.keys()], ['write']);
  assert.is(tempo.stuckMs('read'), 59_999);
  assert.is(tempo.stuckMs('write'), 0);
  simulation.run(60_001);
  assert.is(ends.get('read'), 60_000);
  assert.is(tempo.stuckMs('read'), 0);
});

test('an earlier end does not end a later condition', () => {
  const { simulation, tempo, ends, ask } = make();
  tempo.stick('all', 10);
  simulation.run(5);
  tempo.stick('all', 100);
  ask('write', 'a', 1);
  simulation.run(200);
  assert.is(ends.get('a'), 105);
});

test('[DT2] healing ends what waited, at once', () => {
  const { simulation, tempo, ends, ask } = make();
  tempo.stick('writes', 60_000);
  tempo.slow(100, 60_000);
  ask('write', 'stuck', 1);
  ask('read', 'slow', 1000);
  simulation.run(2000);
  assert.is(ends.size, 0);
  tempo.heal();
  ask('write', 'new', 3);
  simulation.run(2100);
  assert.is(ends.size, 3);
  assert.is(ends.get('stuck'), 2000);
  assert.is(ends.get('slow'), 2000);
  assert.is(ends.get('new'), 2003);
});

test.run();
