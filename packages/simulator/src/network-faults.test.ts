// Each kind of fault does what it says, and no more.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { Link } from './link.ts';
import { CALM_LINKS, type LinkFaults } from './link-faults.ts';
import { ascending, Listener, makePair, send } from './network-world.ts';
import { Simulation } from './simulation.ts';

const PATIENT: Partial<LinkFaults> = { stallMeanMs: 1e9 };
const MODES = ['stream', 'datagram'] as const;

/** Both greetings are through. */
function makeGreeted(seed: string, faults: Partial<LinkFaults>): ReturnType<typeof makePair> {
  const pair = makePair(seed, faults);
  send(pair.network, pair.near, 0, 1);
  send(pair.network, pair.far, 0, 1);
  pair.simulation.run(2100);
  return pair;
}

test('[LK1] a link is open when as many blocks have ended as began, and healing ends all', () => {
  const link = new Link({ from: 'a', to: 'b' }, new Simulation('link'), new Prng('link'));
  const ends = [link.cut(), link.cut(), link.clog()];
  ends[0]!();
  ends[0]!();
  assert.ok(link.isCut && link.isClogged);
  ends[1]!();
  assert.ok(!link.isCut && link.isClogged && !link.isOpen);
  ends[2]!();
  assert.ok(link.isOpen);
  const early = link.cut();
  link.heal();
  assert.ok(link.isOpen);
  const late = link.cut();
  early();
  assert.ok(link.isCut, 'what began before the healing takes nothing away from what began after');
  late();
  assert.ok(link.isOpen);
});

test('each directed link bends the rates by a character of its own, equal for equal seeds', () => {
  const faults = { ...CALM_LINKS, delayMinMs: 10, delayMeanMs: 0, unevenness: 1 };
  const delayOf = (from: string, to: string): number => {
    const link = new Link({ from, to }, new Simulation('uneven'), new Prng('uneven'));
    link.apply(faults);
    return link.delayMs();
  };
  const delays = [delayOf('a', 'b'), delayOf('b', 'a'), delayOf('a', 'c')];
  assert.is(new Set(delays).size, 3);
  assert.ok(
    delays.every((delayMs) => delayMs >= 0 && delayMs <= 20),
    delays.join(' '),
  );
  assert.is(delayOf('a', 'b'), delays[0]);
});

test('[FP2] a clogged link holds what comes, and then lets all of it through', () => {
  for (const mode of MODES) {
    const { simulation, network, near, far } = makeGreeted('clog', { ...PATIENT, mode });
    const open = network.clog('near', 'far');
    send(network, near, 1, 5);
    send(network, far, 1, 5);
    simulation.run(4000);
    assert.equal(far.frames, [0], mode);
    assert.equal(
      near.frames.toSorted((left, right) => left - right),
      ascending(6),
      'the other direction is free',
    );
    open();
    simulation.run(4100);
    assert.equal(
      far.frames.toSorted((left, right) => left - right),
      ascending(6),
      mode,
    );
    assert.ok(network.counters.clogWaits > 0);
  }
});

test('[NW2] a datagram to a cut link is lost, one to a clogged link is not', () => {
  const { simulation, network, near, far } = makeGreeted('lost', { ...PATIENT, mode: 'datagram' });
  const mend = network.cut('near', 'far');
  send(network, near, 1, 3);
  simulation.run(3000);
  mend();
  send(network, near, 4, 1);
  simulation.run(4000);
  assert.equal(far.frames, [0, 4]);
  assert.is(network.counters.lostAtCut, 3);
});

test('[FP3] a greeting that a cut held up comes before the datagrams behind it', () => {
  const { simulation, network, near, far } = makePair('greeting', { ...PATIENT, mode: 'datagram' });
  const mend = network.cut('near', 'far');
  send(network, near, 0, 1);
  simulation.run(3000);
  mend();
  send(network, near, 1, 5);
  simulation.run(4000);
  assert.is(far.frames[0], 0);
  assert.equal(
    far.frames.toSorted((left, right) => left - right),
    ascending(6),
  );
});

test('[FP4] a stream takes no more frames or words than its capacity, and again when some came', () => {
  for (const faults of [{ connectionFramesMax: 3 }, { connectionWordsMax: 7 }]) {
    const { simulation, network, near, far } = makeGreeted('capacity', { ...PATIENT, ...faults });
    for (let round = 0; round < 3; round += 1) {
      let taken = 0;
      while (network.hasRoom(near, near.connection, 2)) {
        send(network, near, 1, 1);
        taken += 1;
      }
      assert.is(taken, 3);
      simulation.run(simulation.now + 100);
    }
    assert.is(far.frames.length, 10);
    assert.is(network.counters.refusals, 3);
  }
});

test('[FP4] what is not acknowledged stays under way: a cut of the way back fills a stream', () => {
  const faults = { ...PATIENT, connectionFramesMax: 2 };
  const { simulation, network, near, far } = makeGreeted('acknowledged', faults);
  const mend = network.cut('far', 'near');
  send(network, near, 1, 2);
  simulation.run(3000);
  assert.equal(far.frames, [0, 1, 2], 'the frames themselves come through');
  assert.not.ok(network.hasRoom(near, near.connection, 2));
  mend();
  assert.ok(network.hasRoom(near, near.connection, 2));
});

test('datagrams beyond the capacity are lost', () => {
  const faults = { ...PATIENT, mode: 'datagram', connectionFramesMax: 4 } as const;
  const { simulation, network, near, far } = makeGreeted('overflow', faults);
  send(network, near, 1, 10);
  simulation.run(3000);
  assert.is(far.frames.length, 5);
  assert.is(network.counters.overflowed, 6);
});

test('[CN4] a half-open end hears nothing, is not answered, and finds out by its own patience', () => {
  for (const mode of MODES) {
    const faults = { mode, stallMeanMs: 1e4, connectionFramesMax: 3 };
    const { simulation, network, near, far } = makeGreeted(`half-open-${mode}`, faults);
    network.breakHalfOfSome(1);
    simulation.run(2200);
    const [whole, half] = near.connections[0]!.endCount === 1 ? [near, far] : [far, near];
    assert.is(whole.connections[0]!.endCount, 1);
    assert.is(half.connections[0]!.endCount, 0, 'the other end is not told');
    send(network, half, 1, 3);
    simulation.run(2300);
    assert.equal(whole.frames, [0]);
    if (mode === 'stream') assert.not.ok(network.hasRoom(half, half.connection, 2));
    simulation.run(1e6);
    assert.is(half.connections[0]!.endCount, 1);
    assert.is(network.counters.timeouts, 1);
  }
});

test('[NW4] healing ends half-open connections', () => {
  const { simulation, network, near, far } = makeGreeted('heal-half-open', PATIENT);
  network.breakHalfOfSome(1);
  simulation.run(3000);
  network.heal();
  simulation.run(3100);
  for (const end of [near, far]) assert.is(end.connections[0]!.endCount, 1);
});

test('[CN4] whoever writes to a machine that lost its power is rejected once it runs again', () => {
  const { simulation, network, near, far } = makeGreeted('reboot', PATIENT);
  network.leave(far, 'power-loss');
  send(network, near, 1, 1);
  simulation.run(3000);
  assert.is(near.connections[0]!.endCount, 0, 'a dark machine answers nothing');
  const again = new Listener('far');
  network.listen('far:1', again);
  send(network, near, 2, 1);
  simulation.run(4000);
  assert.is(near.connections[0]!.endCount, 1);
  assert.is(network.counters.rejections, 1);
  assert.equal(again.frames, []);
});

test('[CN4] where the word of a dead process is lost, its peer is half open', () => {
  const faults = { stallMeanMs: 1e4, halfOpenProbability: 1 };
  const { simulation, network, near, far } = makeGreeted('lost-word', faults);
  network.leave(far, 'killed');
  simulation.run(2150);
  assert.is(near.connections[0]!.endCount, 0);
  simulation.run(1e6);
  assert.is(near.connections[0]!.endCount, 1);
});

test('[CN4] a one-way cut ends the connection for its sender first, then for the other', () => {
  const { simulation, network, near, far } = makeGreeted('one-way', { stallMeanMs: 50 });
  network.cut('near', 'far');
  send(network, near, 1, 1);
  simulation.run(1e5);
  const ended = (end: Listener): boolean => end.heard.includes('disconnected 0');
  assert.ok(ended(near) && ended(far));
  assert.is(network.counters.timeouts, 2);
  assert.equal(far.frames, [0]);
});

test('[LK2] a dial waits for a blocked link to open, but not for ever', () => {
  for (const block of ['cut', 'clog'] as const) {
    const { simulation, network, near } = makePair(`dial-${block}`, { stallMeanMs: 1000 });
    const open = network[block]('near', 'far');
    network.dial(near, 8, 'far:1');
    simulation.run(2030);
    open();
    assert.is(near.heard.at(-1), 'connected 0 7', 'not from within the call');
    simulation.run(2100);
    assert.is(near.heard.at(-1), 'connected 1 8');
    network[block]('far', 'near');
    network.dial(near, 9, 'far:1');
    simulation.run(1e5);
    assert.is(near.heard.at(-1), 'dial-failed 9');
    assert.is(network.counters.unansweredDials, 1);
  }
});

test.run();
