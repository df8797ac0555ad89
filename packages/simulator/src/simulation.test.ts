import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeClock } from './node-clock.ts';
import { Simulation } from './simulation.ts';
import { TraceHash } from './trace-hash.ts';

function play(seed: string): string {
  const simulation = new Simulation(seed);
  const prng = simulation.prng.stream('play');
  const act = (depth: number): void => {
    simulation.trace.number(simulation.now);
    simulation.trace.word(depth);
    if (depth < 6)
      for (const child of [1, 2]) simulation.after(prng.below(3), () => act(depth + child));
  };
  simulation.at(0, () => act(0));
  simulation.run(Infinity);
  return simulation.trace.digest();
}

test('[SM1] time follows what is due and never goes back', () => {
  const simulation = new Simulation('time');
  const seen: number[] = [];
  for (const due of [5, 1, 3]) simulation.at(due, () => seen.push(simulation.now));
  simulation.run(4);
  assert.equal(seen, [1, 3]);
  assert.is(simulation.now, 4);
  assert.throws(() => simulation.at(3, () => undefined), /SM1/);
  simulation.run(9);
  assert.equal(seen, [1, 3, 5]);
});

test('[SM2] the same seed gives the same trace, another seed another', () => {
  assert.is(play('one'), play('one'));
  assert.is.not(play('one'), play('two'));
});

test('[TH1] a trace depends on values and their order', () => {
  const digest = (value: unknown): string => {
    const trace = new TraceHash();
    trace.value(value);
    return trace.digest();
  };
  const words = new Int32Array([9, 1, 2, 9]);
  assert.is(digest({ a: words.subarray(1, 3) }), digest({ a: new Int32Array([1, 2]) }));
  assert.is.not(digest([1, 2]), digest([2, 1]));
  assert.is.not(digest(0.5), digest(0.25));
});

test('[NC1] a jump moves the wall clock and not the time of the simulation', () => {
  const simulation = new Simulation('clock');
  const clock = new NodeClock(simulation, 250, 100);
  const before = clock.wallTimeMs();
  clock.jump(-10_000);
  assert.is(clock.wallTimeMs(), before - 10_000);
  simulation.run(10_000);
  assert.is(simulation.now, 10_000);
  assert.is(clock.wallTimeMs(), before + 1, 'ten seconds went by, and a drift of 100 per million');
});

test('[NC2] the monotonic clock runs at its rate from where it began, and can be asked back', () => {
  const simulation = new Simulation('rate');
  const clock = new NodeClock(simulation, 0, 1000);
  simulation.run(500);
  clock.boot(77);
  assert.is(clock.now(), 77);
  simulation.run(1500);
  assert.ok(Math.abs(clock.now() - (77 + 1001)) < 1e-6);
  assert.ok(Math.abs(clock.whenIs(clock.now()) - 1500) < 1e-6);
});

test('[NC2] when a clock is said to show an instant, it does: nothing fires early', () => {
  const simulation = new Simulation('early');
  const prng = simulation.prng.stream('instants');
  for (let round = 0; round < 20_000; round += 1) {
    const clock = new NodeClock(simulation, 0, prng.between(-20_000, 20_000));
    clock.boot(prng.below(1_000_000));
    const instant = clock.now() + prng.exponential(5000);
    const later = new Simulation('later');
    const same = new NodeClock(later, 0, 0);
    assert.ok(same.whenIs(instant) >= instant);
    const due = clock.whenIs(instant);
    simulation.run(due);
    assert.ok(clock.now() >= instant, `${clock.now()} is before ${instant}`);
  }
});

test.run();
