import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HYBRID_AHEAD_MS_MAX, HybridClock, hybridMilliseconds } from './hybrid-clock.ts';

function value(clock: { low: number; high: number }): bigint {
  return (BigInt(clock.high >>> 0) << 32n) | BigInt(clock.low >>> 0);
}
function words(time: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, time)), Number(BigInt.asIntN(32, time >> 32n))];
}

const WALL = 1_700_000_000_000;

test('[HC1] [HC2] ticks only rise, above all that was observed, whatever the wall clock does', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const random = new Prng(seed);
    const clock = new HybridClock(HYBRID_AHEAD_MS_MAX);
    let highest = 0n;
    let wall = WALL;
    for (let step = 0; step < 400; step += 1) {
      wall += random.between(-2, 3);
      if (random.chance(0.02)) wall += random.between(-100_000, 100_000);
      if (random.chance(0.3)) {
        const remoteMs = wall + random.between(-200_000, 200_000);
        const remote = (BigInt(remoteMs) << 16n) | BigInt(random.below(0x10000));
        const taken = clock.observe(...words(remote), wall);
        assert.is(taken, remoteMs <= wall + HYBRID_AHEAD_MS_MAX);
        if (taken && remote > highest) highest = remote;
        assert.is(value(clock), highest, 'a refused time changes nothing');
      } else {
        clock.tick(wall);
        assert.ok(value(clock) > highest);
        assert.ok(value(clock) >= BigInt(wall) << 16n);
        highest = value(clock);
      }
    }
  }
});

test('[HC1] the logical counter carries into the milliseconds', () => {
  const clock = new HybridClock(0);
  assert.ok(clock.observe(...words((BigInt(WALL) << 16n) | 0xfffen), WALL));
  const ticks: bigint[] = [];
  for (let tick = 0; tick < 3; tick += 1) {
    clock.tick(WALL);
    ticks.push(value(clock));
  }
  const base = BigInt(WALL) << 16n;
  assert.equal(ticks, [base | 0xffffn, base + 0x10000n, base + 0x10001n]);
});

test('[HC2] the limit is taken at its edge', () => {
  const clock = new HybridClock(1000);
  assert.ok(clock.observe(...words(BigInt(WALL + 1000) << 16n), WALL));
  assert.not(clock.observe(...words(BigInt(WALL + 1001) << 16n), WALL));
});

test('[HC3] milliseconds are the wall clock where it moves on, to the end of 48 bits', () => {
  for (const wall of [1, 65_535, 65_536, 2 ** 31, 2 ** 32, WALL, 2 ** 47, 2 ** 48 - 1]) {
    const clock = new HybridClock(0);
    clock.tick(wall + (wall < 2 ** 48 - 1 ? 0.9 : 0));
    assert.is(hybridMilliseconds(clock.low, clock.high), wall);
    assert.is(value(clock), BigInt(wall) << 16n);
  }
});

test.run();
