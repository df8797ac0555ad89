// What holds of connections whatever the faults: random sends, cuts, clogs, resets, half-open ends,
// closings and deaths between three sites.
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { CALM_LINKS, type LinkFaults } from './link-faults.ts';
import { Network } from './network.ts';
import { type HeardConnection, Listener } from './network-world.ts';
import { Simulation } from './simulation.ts';

const SEED = 20_261_120;
const SITES = ['a', 'b', 'c'] as const;

const step = fc.record({
  atMs: fc.nat({ max: 3000 }),
  site: fc.nat({ max: SITES.length - 1 }),
  other: fc.nat({ max: SITES.length - 2 }),
  forMs: fc.nat({ max: 800 }),
  kind: fc.constantFrom(
    ...(['send', 'send', 'send', 'send', 'send', 'send', 'dial', 'dial'] as const),
    ...(['cut', 'cut', 'clog', 'reset', 'half-open', 'hang-up', 'kill', 'power-loss'] as const),
  ),
});

type Step = Parameters<Parameters<typeof step.map>[0]>[0];

/** What one end sent on one connection, and how much of it came. */
interface Sent {
  readonly serial: number;
  sentCount: number;
  receivedCount: number;
}

function drawLinkFaults(seed: number, mode: LinkFaults['mode']): LinkFaults {
  const prng = new Prng(seed);
  return {
    ...CALM_LINKS,
    mode,
    delayMinMs: prng.pick([0.05, 10]),
    delayMeanMs: prng.pick([0.1, 30]),
    unevenness: prng.pick([0, 1]),
    lossProbability: mode === 'stream' ? prng.pick([0, 0.02]) : prng.pick([0, 0.3]),
    duplicateProbability: prng.pick([0, 0.5]),
    holdProbability: prng.pick([0, 0.3]),
    holdMeanMs: 100,
    halfOpenProbability: prng.pick([0, 0.5]),
    stallMeanMs: prng.pick([50, 500]),
    connectionFramesMax: prng.pick([2, 20]),
  };
}

/** Three endpoints that all listen; a frame is [site, serial of its connection's end, count, 0]. */
class Run {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly endpoints: (Listener | undefined)[] = [];
  /** All that there ever were. */
  readonly everyone: Listener[] = [];
  readonly faults: LinkFaults;
  frameCount = 0;
  readonly #sent: Map<HeardConnection, Sent> = new Map();
  readonly #bySerial: Sent[] = [];

  constructor(seed: number, mode: LinkFaults['mode'], steps: readonly Step[]) {
    this.faults = drawLinkFaults(seed, mode);
    this.simulation = new Simulation(seed);
    const { simulation } = this;
    this.network = new Network(simulation, simulation.prng.stream('network'), this.faults);
    for (const index of SITES.keys()) this.#boot(index);
    for (const one of steps) simulation.at(one.atMs, () => this.#do(one));
    simulation.run(4000);
    this.network.heal();
    simulation.run(Infinity);
  }

  #boot(index: number): void {
    const site = SITES[index]!;
    const endpoint = new Listener(site, 8);
    endpoint.watch = (frame) => {
      assert.not.ok(this.network.isCut(SITES[frame[0]!]!, site), '[NW2] a frame crossed a cut');
      this.#bySerial[frame[1]!]!.receivedCount += 1;
      this.frameCount += 1;
    };
    this.endpoints[index] = endpoint;
    this.everyone.push(endpoint);
    this.network.listen(`${site}:1`, endpoint);
    for (const other of SITES) if (other !== site) this.network.dial(endpoint, 0, `${other}:1`);
  }

  #do({ kind, site, other, forMs }: Step): void {
    const { network, simulation } = this;
    const endpoint = this.endpoints[site];
    const target = SITES[(site + 1 + other) % SITES.length]!;
    if (kind === 'cut' || kind === 'clog') {
      simulation.after(forMs, network[kind](SITES[site]!, target));
    } else if (kind === 'reset') network.resetSome(1);
    else if (kind === 'half-open') network.breakHalfOfSome(1);
    else if (endpoint === undefined) return;
    else if (kind === 'dial') network.dial(endpoint, site, `${target}:1`);
    else if (kind === 'hang-up') network.hangUp(endpoint, endpoint.connection, 'enough');
    else if (kind === 'send') {
      for (const connection of endpoint.connections) this.#send(endpoint, site, connection, forMs);
    } else {
      this.endpoints[site] = undefined;
      network.leave(endpoint, kind === 'kill' ? 'killed' : kind);
      simulation.after(forMs, () => this.#boot(site));
    }
  }

  #send(endpoint: Listener, site: number, connection: HeardConnection, forMs: number): void {
    const { network, faults } = this;
    if (connection.endCount > 0) return;
    const sent = this.#sentOf(connection);
    for (let left = 1 + (forMs % 5); left > 0; left -= 1) {
      if (!network.hasRoom(endpoint, connection.number, 4)) return;
      const before = network.counters.frames;
      const frame = new Int32Array([site, sent.serial, sent.sentCount, 0]);
      network.send(endpoint, connection.number, frame);
      if (network.counters.frames > before) sent.sentCount += 1;
      const underWay = sent.sentCount - sent.receivedCount;
      const isWithin = faults.mode === 'datagram' || underWay <= faults.connectionFramesMax;
      assert.ok(isWithin, '[FP4] no more is under way than there is room for');
    }
  }

  #sentOf(connection: HeardConnection): Sent {
    const known = this.#sent.get(connection);
    if (known !== undefined) return known;
    const sent = { serial: this.#bySerial.length, sentCount: 0, receivedCount: 0 };
    this.#bySerial.push(sent);
    this.#sent.set(connection, sent);
    return sent;
  }

  /** What each connection of each endpoint heard, as text. */
  text(): string {
    const lines = this.everyone.flatMap(({ site, connections }) =>
      connections.map(({ number, endCount, frames }) => {
        const words = frames.map((frame) => frame.join(':')).join(' ');
        return `${site} ${number} ended ${endCount} heard ${words}`;
      }),
    );
    return lines.join('\n');
  }

  check(): void {
    for (const endpoint of this.everyone) {
      for (const heard of endpoint.connections) {
        assert.ok(heard.endCount <= 1, '[NW3] an end is heard of once');
        assert.is(heard.lateCount, 0, '[CN3] nothing comes after it');
        if (heard.frames.length > 0) this.#checkFrames(heard.frames);
        if (heard.endCount === 0 && this.endpoints.includes(endpoint)) this.#checkWhole(heard);
      }
    }
  }

  /** [CN4] Whoever has heard of no end has an end to talk to. */
  #checkWhole(heard: HeardConnection): void {
    const { sentCount, receivedCount } = this.#sentOf(heard);
    if (this.faults.mode === 'stream') assert.is(receivedCount, sentCount, '[CN1] up to its end');
  }

  #checkFrames(frames: readonly Int32Array[]): void {
    for (const frame of frames) {
      assert.is(frame[1], frames[0]![1], 'a connection has one other end');
    }
    const counts = frames.map((frame) => frame[2]!);
    if (this.faults.mode === 'stream') {
      const expected = counts.map((_, index) => index);
      assert.equal(counts, expected, '[CN1] in order and without a gap');
      return;
    }
    assert.is(counts[0], 0, '[CN2] the greeting comes first');
    assert.is(counts.lastIndexOf(0), 0, '[CN2] and once');
    const copies = Math.max(...counts.map((one) => counts.filter((other) => other === one).length));
    assert.ok(copies <= 2, 'a datagram is doubled at most');
  }
}

const plan = fc.tuple(fc.nat(), fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }));

for (const mode of ['stream', 'datagram'] as const) {
  test(`[CN1, CN2, CN3, NW2, NW3] hold of a ${mode} under random faults (fast-check seed ${SEED})`, () => {
    let frames = 0;
    fc.assert(
      fc.property(plan, ([seed, steps]) => {
        const run = new Run(seed, mode, steps);
        run.check();
        frames += run.frameCount;
      }),
      { seed: SEED, numRuns: 150 },
    );
    assert.ok(frames > 3000, `only ${frames} frames arrived in all runs`);
  });

  test(`[SM2] equal plans end alike, ${mode}`, () => {
    fc.assert(
      fc.property(plan, ([seed, steps]) => {
        assert.is(new Run(seed, mode, steps).text(), new Run(seed, mode, steps).text());
      }),
      { seed: SEED, numRuns: 50 },
    );
  });
}

test.run();
