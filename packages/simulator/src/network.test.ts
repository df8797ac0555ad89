import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALM_LINKS, type LinkFaults } from './link-faults.ts';
import { Network } from './network.ts';
import { ascending, Listener, makePair, send } from './network-world.ts';
import { Simulation } from './simulation.ts';

test('[CN1] [FP1] a stream gives every frame, in order', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const faults = { delayMeanMs: 30, holdProbability: 0.2, holdMeanMs: 100 };
    const { simulation, network, near, far } = makePair(`stream-${seed}`, faults);
    send(network, near, 0, 50);
    simulation.run(Infinity);
    assert.equal(far.frames, ascending(50));
  }
});

test('[CN2] datagrams are lost, doubled and overtaken, but not the first', () => {
  let lost = 0;
  let doubled = 0;
  let overtaken = 0;
  for (let seed = 0; seed < 20; seed += 1) {
    const faults: Partial<LinkFaults> = {
      mode: 'datagram',
      delayMeanMs: 20,
      lossProbability: 0.2,
      duplicateProbability: 0.2,
      holdMeanMs: 10,
    };
    const { simulation, network, near, far } = makePair(`datagram-${seed}`, faults);
    send(network, near, 0, 50);
    simulation.run(Infinity);
    assert.is(far.frames[0], 0);
    assert.is(far.frames.filter((frame) => frame === 0).length, 1);
    lost += 50 - new Set(far.frames).size;
    doubled += far.frames.length - new Set(far.frames).size;
    overtaken += far.frames.filter((frame, index) => frame < (far.frames[index - 1] ?? 0)).length;
  }
  assert.ok(lost > 100 && doubled > 50 && overtaken > 100, `${lost} ${doubled} ${overtaken}`);
});

test('[NW2] frames wait for the end of a cut, or go down with their connection', () => {
  const healed = makePair('cut-healed', { stallMeanMs: 1e9 });
  healed.network.cut('near', 'far');
  send(healed.network, healed.near, 0, 3);
  healed.simulation.run(3000);
  assert.equal(healed.far.frames, []);
  healed.network.heal();
  healed.simulation.run(4000);
  assert.equal(healed.far.frames, [0, 1, 2]);

  const given = makePair('cut-given-up', { stallMeanMs: 100 });
  given.network.cut('near', 'far');
  send(given.network, given.near, 0, 3);
  given.simulation.run(1e6);
  assert.equal(given.far.frames, []);
  assert.is(given.near.heard.at(-1), 'disconnected 0');
  assert.is(given.far.heard.at(-1), 'disconnected 0');
});

test('[NW3] each end hears of the end once, [CN3] and of no frame after it', () => {
  for (const mode of ['stream', 'datagram'] as const) {
    for (let seed = 0; seed < 20; seed += 1) {
      const { simulation, network, near, far } = makePair(`end-${seed}`, { mode, delayMeanMs: 5 });
      send(network, near, 0, 5);
      send(network, far, 0, 5);
      network.hangUp(near, near.connection, 'enough');
      network.resetSome(1);
      send(network, near, 5, 5);
      simulation.run(Infinity);
      for (const end of [near, far]) {
        assert.is(end.heard.filter((text) => text.startsWith('disconnected')).length, 1);
      }
      assert.ok(!far.frames.includes(5), 'nothing is sent after hanging up');
    }
  }
});

test('[NW3] whoever is left hears that the other process or machine is gone', () => {
  for (const how of ['killed', 'power-loss'] as const) {
    const { simulation, network, near, far } = makePair(`gone-${how}`, {});
    network.leave(far, how);
    simulation.run(Infinity);
    assert.is(near.heard.at(-1), 'disconnected 0');
    assert.is(far.heard.length, 1, 'who is gone hears nothing');
    network.dial(near, 7, 'far:1');
    simulation.run(Infinity);
    assert.is(near.heard.at(-1), 'dial-failed 7');
  }
});

test('[NW1] a number is given again only when its end has been taken in', () => {
  const simulation = new Simulation('numbers');
  const network = new Network(simulation, simulation.prng.stream('network'), CALM_LINKS);
  const far = new Listener('far', 1, true);
  const near = new Listener('near', 4);
  network.listen('far:1', far);
  network.join(near);
  network.dial(near, 0, 'far:1');
  simulation.run(10);
  network.resetSome(1);
  simulation.run(20);
  assert.is(far.heard.at(-1), 'disconnected 0');
  network.dial(near, 0, 'far:1');
  simulation.run(30);
  assert.is(near.heard.at(-1), 'dial-failed 0', 'the only number is not free yet');
  far.settle();
  network.dial(near, 0, 'far:1');
  simulation.run(40);
  assert.is(far.heard.at(-1), 'connected 0 -1');
});

test.run();
