/** Shells and their loop in one thread: cores are lists of what they saw, and a function to run. */
import { LANE } from '@clockwise/kernel/core';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { FRAME_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { createDoorbell, Doorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChannelTable } from '../channel/channel-table.ts';
import { createLogRing } from '../channel/log-outlet.ts';
import type { LogOutletEnds } from '../channel/log-outlet.ts';
import { createLogStatus } from '../channel/log-status.ts';
import { RealClock } from '../clock.ts';
import { DEFAULT_RUNTIME_LIMITS } from '../runtime-limits.ts';
import { createHeartbeat, Pulse } from '../supervisor/heartbeat.ts';
import { ActorShell } from './actor-shell.ts';
import type { ShellBatch, ShellEvent, ShellOut } from './shell-types.ts';
import { ThreadLoop } from './thread-loop.ts';

type Step = (batch: ShellBatch, out: ShellOut) => void;

interface Seen {
  readonly events: readonly ShellEvent[];
  /** The third word of the first operation of each frame. */
  readonly values: readonly number[];
}

class Bench {
  readonly seen: Seen[] = [];
  readonly loop: ThreadLoop;
  readonly sleeper: Sleeper;
  readonly doorbell: DoorbellHandle = createDoorbell();
  readonly told: unknown[] = [];
  #changed: () => void = () => undefined;

  constructor() {
    this.sleeper = new Sleeper(this.doorbell);
    this.loop = new ThreadLoop({
      sleeper: this.sleeper,
      pulse: new Pulse(createHeartbeat()),
      tickMs: 1000,
      outside: {
        tell: (_from, to, message) => this.told.push({ to, message }),
        job: () => undefined,
      },
    });
  }

  actor(name: string, step: Step = () => undefined, log?: LogOutletEnds): ActorShell {
    const core = {
      step: (batch: ShellBatch, out: ShellOut): void => {
        const values: number[] = [];
        for (let index = 0; index < batch.frames.count; index += 1) {
          const first = batch.frames.offsets[index]! + FRAME_HEADER_WORDS;
          values.push(batch.frames.words[index]![first + 2]!);
        }
        this.seen.push({ events: [...batch.events], values });
        step(batch, out);
        this.#changed();
      },
      hash: () => 0,
    };
    const actor = new ActorShell({
      hosting: { name, core },
      limits: DEFAULT_LIMITS,
      runtimeLimits: { ...DEFAULT_RUNTIME_LIMITS, framesPerStepMax: 4 },
      sleeper: this.sleeper,
      clock: new RealClock(),
      host: this.loop,
      log,
    });
    this.loop.add(actor);
    return actor;
  }

  /** Another thread's end of a channel with the actor. */
  peer(actor: ActorShell, target: number): ChannelTable {
    const inward = createRing({ capacityWords: 4096, doorbell: this.doorbell });
    const outward = createRing({ capacityWords: 4096 });
    const peer = new ChannelTable(new Sleeper(createDoorbell()), 32);
    actor.attach({ target, sends: [outward], receives: [inward], chunks: [] });
    peer.attach({ target: 0, sends: [inward], receives: [outward], chunks: [] });
    return peer;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }
}

function write(sink: ReturnType<ShellOut['send']>, value: number): void {
  const offset = sink.begin(TAG.replicaRequest, 8);
  assert.ok(offset >= 0);
  sink.words[offset + 2] = value;
  sink.end(8);
}

function send(peer: ChannelTable, ...values: number[]): void {
  for (const value of values) {
    write(peer.sink(0, LANE.now), value);
    peer.complete();
  }
  peer.publish();
}

const tick: ShellEvent = { kind: 'timer', timer: 1 };

test('[TL1] what arrives in one turn of the event loop is one step', async () => {
  const bench = new Bench();
  const actor = bench.actor('a');
  const peer = bench.peer(actor, 0);
  bench.loop.start();
  await bench.until(() => bench.seen.length === 1);
  actor.push(tick);
  actor.push(tick);
  send(peer, 7, 8);
  actor.push(tick);
  await bench.until(() => bench.seen.length === 2);
  assert.equal(bench.seen[1], { events: [tick, tick, tick], values: [7, 8] });
  bench.loop.stop();
});

test('[TL2] an actor that always has work leaves the event loop its turns', async () => {
  const bench = new Bench();
  let steps = 0;
  const actor = bench.actor('a', (_batch, out) => {
    steps += 1;
    if (steps < 200) out.effect({ kind: 'tell', to: 'a', message: steps });
  });
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (steps < 200) setImmediate(count);
  };
  setImmediate(count);
  actor.push(tick);
  bench.loop.start();
  await bench.until(() => steps === 200);
  assert.ok(turns >= 190, `${turns} turns of the event loop in 200 steps`);
  bench.loop.stop();
});

test('[TL3] [AS4] a ring with more than a step takes is read to its end without another wake', async () => {
  const bench = new Bench();
  const actor = bench.actor('a');
  const peer = bench.peer(actor, 3);
  bench.loop.start();
  await bench.until(() => bench.seen.length === 1);
  const values = Array.from({ length: 11 }, (_, index) => index);
  send(peer, ...values);
  await bench.until(() => bench.seen.flatMap((seen) => seen.values).length === 11);
  const batches = bench.seen.map((seen) => seen.values).filter((batch) => batch.length > 0);
  assert.equal(batches.flat(), values);
  assert.ok(batches.every((batch) => batch.length <= 4));
  bench.loop.stop();
});

test('a ring wakes a thread that sleeps', async () => {
  const bench = new Bench();
  const peer = bench.peer(bench.actor('a'), 3);
  bench.loop.start();
  await bench.until(() => bench.seen.length === 1);
  for (let value = 1; value <= 5; value += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const before = bench.seen.length;
    send(peer, value);
    await bench.until(() => bench.seen.length === before + 1);
    assert.equal(bench.seen.at(-1)!.values, [value]);
  }
  bench.loop.stop();
});

test('[TL4] a thread that a message woke is not rung, and sees what came meanwhile', async () => {
  const bench = new Bench();
  const actor = bench.actor('a');
  const peer = bench.peer(actor, 3);
  const bell = new Doorbell(bench.doorbell);
  bench.loop.start();
  await bench.until(() => bench.seen.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 2));
  actor.push(tick);
  assert.not(bell.wake(), 'it is awake');
  send(peer, 5);
  await bench.until(() => bench.seen.length === 2);
  assert.equal(bench.seen[1], { events: [tick], values: [5] });
  await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(bell.wake(), 'it sleeps again');
  bench.loop.stop();
});

test('[AS1] a step is not entered while another one runs', () => {
  const bench = new Bench();
  let entered = '';
  const actor: ActorShell = bench.actor('a', () => {
    actor.push(tick);
    try {
      actor.turn();
    } catch (error) {
      entered = String(error);
    }
  });
  actor.push(tick);
  actor.turn();
  assert.match(entered, /one step at a time/);
  bench.loop.stop();
});

test('[AS2] frames are as they were to the end of the step, whatever their sender does', () => {
  const bench = new Bench();
  const peers: ChannelTable[] = [];
  const after: number[] = [];
  const actor = bench.actor('a', (batch) => {
    if (batch.frames.count === 0) return;
    const peer = peers[0]!;
    const sink = peer.sink(0, LANE.now);
    for (let value = 100; sink.begin(TAG.replicaRequest, 8) >= 0; value += 1) {
      sink.end(8);
      peer.complete();
      peer.publish();
      if (value > 1000) break;
    }
    after.push(batch.frames.words[0]![batch.frames.offsets[0]! + FRAME_HEADER_WORDS + 2]!);
  });
  peers.push(bench.peer(actor, 0));
  send(peers[0]!, 55);
  actor.turn();
  assert.equal(after, [55]);
  bench.loop.stop();
});

test('[AS3] a step without room in the log is not run, so none of its frames is published', () => {
  const bench = new Bench();
  const ring = createLogRing({
    capacityWords: 2048,
    generation: 1,
    writerDoorbell: createDoorbell(),
    replicaDoorbell: bench.doorbell,
  });
  const status = createLogStatus();
  let sequence = 0;
  const actor = bench.actor(
    'a',
    (batch, out) => {
      if (batch.frames.count === 0) return;
      sequence += 1;
      out.append(0, sequence * 8, sequence * 8 + 8, sequence, true);
      write(out.send(0, LANE.now), sequence);
    },
    { ring, status },
  );
  const peer = bench.peer(actor, 0);
  actor.turn();
  let stepped = 0;
  for (let attempt = 0; attempt < 300 && stepped === sequence; attempt += 1) {
    send(peer, attempt);
    actor.turn();
    stepped += 1;
  }
  assert.ok(sequence > 10 && sequence === stepped - 1, 'the log has become full');
  const log = new RingConsumer(ring);
  let handed = 0;
  while (log.next() >= 0) handed += 1;
  assert.is(handed, sequence, 'one descriptor a step');
  log.release();
  actor.turn();
  assert.is(sequence, stepped, 'the step that had waited was run');
  bench.loop.stop();
});

test('a message for an actor of the same thread is a copy; others go outside', async () => {
  const bench = new Bench();
  const message = { list: [1] };
  const first = bench.actor('a', (_batch, out) => {
    out.effect({ kind: 'tell', to: 'b', message });
    out.effect({ kind: 'tell', to: 'main', message });
  });
  bench.actor('b');
  first.push(tick);
  bench.loop.start();
  await bench.until(() => bench.seen.length === 2);
  const event = bench.seen[1]!.events[0]!;
  assert.ok(event.kind === 'told' && event.from === 'a');
  assert.equal(event.message, message);
  assert.is.not(event.message, message);
  assert.equal(bench.told, [{ to: 'main', message }]);
  bench.loop.stop();
});

test.run();
