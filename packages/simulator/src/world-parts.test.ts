// The parts between a core and its world: hosts, channels, the log writer, outputs, stale words.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { Prng } from '@clockwise/kernel/prng';
import { TAG } from '@clockwise/protocol/frame';
import { ActorHost } from './actor-host.ts';
import { DiskTempo } from './disk-tempo.ts';
import { DurableLane, type LogSink } from './durable-lane.ts';
import { Gate } from './gate.ts';
import { NodeClock } from './node-clock.ts';
import { ShardChannel } from './shard-channel.ts';
import { Simulation } from './simulation.ts';
import { StaleCount } from './stale-count.ts';
import { StepOutput } from './step-output.ts';

interface Tick {
  readonly kind: 'tick';
  readonly number: number;
}

function makeHost(
  simulation: Simulation,
  partialProbability: number,
  log: string[],
): ActorHost<Tick> {
  return new ActorHost<Tick>({
    simulation,
    name: 'host',
    clock: new NodeClock(simulation, 0),
    gate: new Gate(simulation),
    pace: { wakeMeanMs: 1, partialProbability },
    prng: simulation.prng.stream('host'),
    timerEvent: (timer) => ({ kind: 'tick', number: -timer }),
    step: ({ events, frames }) => {
      for (const event of events) log.push(`tick ${event.number}`);
      for (let index = 0; index < frames.count; index += 1)
        log.push(`frame ${frames.words[index]![0]}`);
    },
    stateHash: () => log.length,
  });
}

test('[AH1] frames of a ring come in order whatever the batches, [AH3] and are let go of after their step', () => {
  const simulation = new Simulation('host');
  const log: string[] = [];
  const host = makeHost(simulation, 0.7, log);
  const numbers = Array.from({ length: 30 }, (_, number) => number);
  for (const number of numbers) {
    const ring = number % 2;
    host.pushFrame(Int32Array.of(number), ring, () => log.push(`taken ${number}`));
  }
  simulation.run(Infinity);
  for (const ring of [0, 1]) {
    const frames = log.filter(
      (line) => line.startsWith('frame') && Number(line.slice(6)) % 2 === ring,
    );
    assert.equal(
      frames,
      numbers.filter((number) => number % 2 === ring).map((number) => `frame ${number}`),
    );
  }
  for (const number of numbers) {
    assert.ok(log.indexOf(`taken ${number}`) > log.indexOf(`frame ${number}`));
  }
  assert.ok(host.stepCount > 1, 'batches were cut');
});

test('[AH1] events, and frames of connections, are taken whole, by whichever step comes next', () => {
  const simulation = new Simulation('host');
  const log: string[] = [];
  const host = makeHost(simulation, 1, log);
  for (let number = 0; number < 30; number += 1) {
    host.pushEvent({ kind: 'tick', number });
    host.pushFrame(Int32Array.of(number), CONNECTION_TARGET);
    host.pushFrame(Int32Array.of(100 + number), 0);
  }
  simulation.run(Infinity);
  const late = log.findIndex((line) => Number(line.slice(6)) >= 129);
  assert.is(log.slice(0, late).filter((line) => line.startsWith('tick')).length, 30);
  assert.ok(host.stepCount > 1, 'the ring was cut');
});

test('[AH2] a stopped host takes nothing, not even a timer', () => {
  const simulation = new Simulation('stopped');
  const log: string[] = [];
  const host = makeHost(simulation, 0, log);
  host.setTimer(5, 3);
  host.setTimer(6, 40);
  host.setTimer(5, 20);
  simulation.run(30);
  assert.equal(log, ['tick -5'], 'a timer that is set again moves');
  host.pushEvent({ kind: 'tick', number: 1 });
  host.stop();
  simulation.run(Infinity);
  assert.equal(log, ['tick -5']);
});

test('[SH1] consumed reaches written when the step has returned, [SH2] or the reader is gone', () => {
  const simulation = new Simulation('channel');
  const log: string[] = [];
  const host = makeHost(simulation, 0, log);
  const channel = new ShardChannel({ reader: () => host, source: 0, wordsMax: 8, isHeld: false });
  channel.take(new Int32Array([1, 0, 0, 0]));
  assert.is(channel.written, 4);
  assert.is(channel.consumed(), 0);
  assert.ok(channel.hasRoom(4) && !channel.hasRoom(6));
  simulation.run(Infinity);
  assert.is(channel.consumed(), 4);
  channel.take(new Int32Array([2, 0, 0, 0]));
  host.stop();
  assert.is(channel.consumed(), channel.written);
});

test('frames of a held lane wait for their release', () => {
  const simulation = new Simulation('held');
  const log: string[] = [];
  const host = makeHost(simulation, 0, log);
  const lane = new ShardChannel({ reader: () => host, source: 0, wordsMax: 99, isHeld: true });
  lane.take(new Int32Array([1, 0]));
  const release = lane.takeHeld();
  simulation.run(Infinity);
  assert.equal(log, []);
  release!();
  simulation.run(Infinity);
  assert.equal(log, ['frame 1']);
  assert.is(lane.takeHeld(), undefined);
});

function makeLane(
  seed: string,
  log: string[],
  failAt: number,
  fullAt = Infinity,
): { simulation: Simulation; lane: DurableLane } {
  const simulation = new Simulation(seed);
  let calls = 0;
  let reserveUsed = 0;
  const call = (line: string): DiskFailure | undefined => {
    calls += 1;
    if (calls === fullAt) reserveUsed += 1;
    if (calls === failAt) return 'EIO';
    log.push(line);
    return undefined;
  };
  const sink: LogSink = {
    write: (_, lastSequence) => call(`write ${lastSequence}`),
    sync: () => call('sync'),
    floor: (sequence) => call(`floor ${sequence}`),
    reserveUsed: () => reserveUsed,
  };
  const pace = { writeMeanMs: 1, syncMinMs: 0.1, syncMeanMs: 5, partialProbability: 0.5 };
  const lane = new DurableLane(
    {
      simulation,
      gate: new Gate(simulation),
      tempo: new DiskTempo(simulation),
      prng: simulation.prng.stream('lane'),
      pace,
      sink,
      intervalMs: 50,
      onFailed: (failure) => log.push(`failed ${failure}`),
      onFull: (used) => log.push(`full ${used}`),
    },
    0,
  );
  return { simulation, lane };
}

function submit(lane: DurableLane, log: string[], sequence: number, needsSync: boolean): void {
  lane.submit({
    ranges: [{ chunk: 0, fromWord: 0, toWord: 2 }],
    lastSequence: sequence,
    needsSync,
    release: (isSynced) => log.push(`release ${sequence}${isSynced ? ' synced' : ''}`),
  });
}

test('[DL1] a step is released after the write, and where asked the sync, that covers it', () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const log: string[] = [];
    const { simulation, lane } = makeLane(`lane-${seed}`, log, 0);
    for (let sequence = 1; sequence <= 12; sequence += 1) {
      simulation.after(sequence, () => submit(lane, log, sequence, sequence % 3 === 0));
    }
    simulation.run(Infinity);
    for (let sequence = 1; sequence <= 12; sequence += 1) {
      const released = log.findIndex((line) => line.startsWith(`release ${sequence}`));
      const before = log.slice(0, released);
      const written = before.findIndex(
        (line) => Number(/^write (\d+)/.exec(line)?.[1]) >= sequence,
      );
      assert.ok(released >= 0 && written >= 0, `seed ${seed}: ${sequence} is written and released`);
      if (sequence % 3 === 0) assert.ok(before.slice(written).includes('sync'));
    }
    assert.is(lane.releasedSequence, 12);
    assert.is(log.at(-1), log.includes('sync') ? log.at(-1) : 'sync');
  }
});

test('F17 a lane that goes on in the room of its reserve says so once, and releases all', () => {
  const log: string[] = [];
  const { simulation, lane } = makeLane('full', log, 0, 1);
  for (let sequence = 1; sequence <= 6; sequence += 1) submit(lane, log, sequence, true);
  simulation.run(Infinity);
  assert.equal(
    log.filter((line) => line.startsWith('full')),
    ['full 1'],
  );
  assert.is(lane.releasedSequence, 6);
});

test('[DL2] after a failure, and after the end, nothing is released', () => {
  for (let failAt = 1; failAt <= 6; failAt += 1) {
    const log: string[] = [];
    const { simulation, lane } = makeLane('failing', log, failAt);
    for (let sequence = 1; sequence <= 8; sequence += 1) {
      simulation.after(sequence * 10, () => submit(lane, log, sequence, true));
    }
    simulation.run(Infinity);
    assert.is(log.at(-1), 'failed EIO');
  }
  const log: string[] = [];
  const { simulation, lane } = makeLane('stopped', log, 0);
  submit(lane, log, 1, true);
  lane.stop(false);
  simulation.run(Infinity);
  assert.equal(log, []);
});

test('[SO1] a frame has words of its own, and full routes refuse', () => {
  const frames: Int32Array[] = [];
  let isFull = false;
  const route = { hasRoom: () => !isFull, take: (frame: Int32Array) => frames.push(frame) };
  const output = new StepOutput<never>(() => route, 32);
  for (const value of [11, 22]) {
    const sink = output.send(0, 0);
    const at = sink.begin(TAG.request, 4);
    sink.words[at + 2] = value;
    sink.end(4);
    output.flush();
  }
  isFull = true;
  assert.is(output.send(0, 0).begin(TAG.request, 4), -1);
  assert.is(frames.length, 2);
  assert.ok(frames[0]!.includes(11) && frames[1]!.includes(22));
  frames[0]!.fill(33);
  assert.ok(frames[1]!.includes(22) && !frames[1]!.includes(33));
});

test('[SC1] a stale word was true once and never goes back', () => {
  const stale = new StaleCount(new Prng('stale'), 0.6);
  let last = 0;
  let lags = 0;
  for (let current = 1; current <= 200; current += 1) {
    const served = stale.read(current);
    assert.ok(served >= last && served <= current);
    if (served < current) lags += 1;
    last = served;
  }
  assert.ok(lags > 50);
});

test.run();
