import type { DiskFailure } from '@clockwise/kernel/effects';
import { FrameList, LANE } from '@clockwise/kernel/core';
import { TAG } from '@clockwise/protocol/frame';
import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { closeRing, createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChannelTable } from '../channel/channel-table.ts';
import { createLogRing, LogOutlet } from '../channel/log-outlet.ts';
import { createLogStatus, LogStatusWriter } from '../channel/log-status.ts';
import { DurableLanes } from './durable-lanes.ts';
import { GroupCommit } from './group-commit.ts';
import type { LogRanges, LogSink } from './group-commit.ts';

const INTERVAL_MS = 1000;

/** A log writer and its replica's side in one thread; the sink writes down what it is asked. */
class Bench implements LogSink {
  readonly calls: string[] = [];
  failWrite: DiskFailure | undefined;
  failSync: DiskFailure | undefined;
  used = 0;
  nowMs = 0;
  readonly outlet: LogOutlet;
  readonly channels: ChannelTable;
  readonly coordinator: ChannelTable = new ChannelTable(new Sleeper(createDoorbell()), 32);
  readonly commit: GroupCommit;
  readonly lanes: DurableLanes;
  readonly ring: RingHandle;
  #mail: RingHandle | undefined;

  constructor() {
    const replicaDoorbell = createDoorbell();
    const sleeper = new Sleeper(replicaDoorbell);
    this.ring = createLogRing({
      capacityWords: 4096,
      generation: 1,
      writerDoorbell: createDoorbell(),
      replicaDoorbell,
    });
    const status = createLogStatus();
    this.outlet = new LogOutlet({ ring: this.ring, status }, sleeper);
    this.channels = new ChannelTable(sleeper, 32);
    this.lanes = new DurableLanes(() => {
      if (this.#mail !== undefined) this.lanes.attach(0, this.#mail);
      this.#mail = undefined;
    });
    this.commit = new GroupCommit({
      consumer: new RingConsumer(this.ring),
      sink: this,
      status: new LogStatusWriter(status),
      lanes: this.lanes,
      now: () => this.nowMs,
      groupBytesMax: 400,
      intervalMs: INTERVAL_MS,
    });
    this.connect(1);
  }

  connect(generation: number): void {
    const durable = createRing({ capacityWords: 16_384, generation, publishedBy: 'publisher' });
    const now = createRing({ capacityWords: 1024, generation });
    this.channels.detach(0);
    this.coordinator.detach(0);
    this.channels.attach({ target: 0, sends: [now, durable], receives: [], chunks: [] });
    this.coordinator.attach({ target: 0, sends: [], receives: [now, durable], chunks: [] });
    this.#mail = durable;
  }

  /** One step of the replica: appends [from, to) and answers on lane durable. */
  step(from: number, to: number, sequence: number, needsSync: boolean): void {
    assert.ok(this.outlet.prepare());
    if (to > from) this.outlet.append(0, from, to, sequence, needsSync);
    const sink = this.channels.sink(0, LANE.durable);
    const offset = sink.begin(TAG.replicaReply, 8);
    sink.words[offset + 2] = sequence;
    sink.end(8);
    this.channels.complete();
    this.outlet.hand(this.channels);
    this.channels.publish();
  }

  /** Sequences that the coordinator was answered. */
  answered(): number[] {
    const frames = new FrameList();
    this.coordinator.take(frames, 100, Infinity);
    const sequences: number[] = [];
    for (let index = 0; index < frames.count; index += 1) {
      sequences.push(frames.words[index]![frames.offsets[index]! + 6 + 2]!);
    }
    this.coordinator.release();
    return sequences;
  }

  write(ranges: LogRanges, lastSequence: number): DiskFailure | undefined {
    assert.equal(this.answered(), [], 'nothing of this group was answered');
    const texts: string[] = [];
    for (let index = 0; index < ranges.count; index += 1) {
      texts.push(`${ranges.froms[index]}-${ranges.tos[index]}`);
    }
    this.calls.push(`write ${texts.join(' ')} to ${lastSequence}`);
    return this.failWrite;
  }

  sync(): DiskFailure | undefined {
    assert.equal(this.answered(), [], 'nothing of this group was answered');
    this.calls.push('sync');
    return this.failSync;
  }

  floor(sequence: number): DiskFailure | undefined {
    this.calls.push(`floor ${sequence}`);
    return undefined;
  }

  reserveUsed(): number {
    return this.used;
  }

  close(): DiskFailure | undefined {
    this.calls.push('close');
    return undefined;
  }
}

test('[GC1] all that waits is one write and one sync, then it is released', () => {
  const bench = new Bench();
  bench.step(2, 10, 1, false);
  bench.step(10, 20, 2, true);
  bench.step(30, 40, 3, false);
  assert.is(bench.commit.run(), 0);
  assert.equal(bench.calls, ['write 2-20 30-40 to 3', 'sync']);
  assert.equal(bench.answered(), [1, 2, 3]);
  assert.is(bench.outlet.releasedSequence(), 3);
  assert.is(bench.commit.run(), Infinity);
});

test('[GC4] the sequence is released before the replies', () => {
  const bench = new Bench();
  const release = bench.lanes.release.bind(bench.lanes);
  const released: number[] = [];
  bench.lanes.release = (): void => {
    released.push(bench.outlet.releasedSequence());
    release();
  };
  bench.step(2, 10, 1, true);
  bench.commit.run();
  assert.equal(released, [1]);
  assert.equal(bench.answered(), [1]);
});

test('a group is bounded in bytes; the rest is the next one', () => {
  const bench = new Bench();
  for (let step = 0; step < 3; step += 1) bench.step(2 + step * 80, 82 + step * 80, step + 1, true);
  bench.commit.run();
  assert.equal(bench.answered(), [1, 2]);
  bench.commit.run();
  assert.equal(bench.answered(), [3]);
  assert.equal(bench.calls, ['write 2-162 to 2', 'sync', 'write 162-242 to 3', 'sync']);
});

test('[LO2] durable replies without an append are released in order', () => {
  const bench = new Bench();
  bench.step(2, 10, 5, true);
  bench.step(0, 0, 5, false);
  bench.commit.run();
  assert.equal(bench.answered(), [5, 5]);
  bench.step(0, 0, 5, false);
  bench.commit.run();
  assert.equal(bench.answered(), [5]);
  assert.equal(bench.calls, ['write 2-10 to 5', 'sync']);
});

test('[GC3] without a sync it is released after the write and synced within the interval', () => {
  const bench = new Bench();
  bench.step(2, 10, 1, false);
  bench.commit.run();
  assert.equal(bench.answered(), [1]);
  bench.nowMs = 300;
  assert.is(bench.commit.run(), INTERVAL_MS - 300);
  bench.nowMs = INTERVAL_MS;
  assert.is(bench.commit.run(), 0);
  assert.equal(bench.calls, ['write 2-10 to 1', 'sync']);
  assert.is(bench.commit.run(), Infinity);
});

for (const [name, fail] of [
  ['write', (bench: Bench) => (bench.failWrite = 'ENOSPC')],
  ['sync', (bench: Bench) => (bench.failSync = 'ENOSPC')],
] as const) {
  test(`[GC2] [LS2] after a failed ${name} nothing is released any more`, () => {
    const bench = new Bench();
    bench.step(2, 10, 1, true);
    bench.commit.run();
    assert.equal(bench.answered(), [1]);
    fail(bench);
    bench.step(10, 20, 2, true);
    bench.commit.run();
    const calls = bench.calls.length;
    bench.step(20, 30, 3, true);
    bench.commit.run();
    bench.commit.finish();
    assert.is(bench.calls.length, calls, 'the disk is left alone');
    assert.equal(bench.answered(), []);
    assert.is(bench.outlet.releasedSequence(), 1);
    assert.is(bench.outlet.takeFailure(), 'ENOSPC');
    assert.is(bench.outlet.takeFailure(), undefined);
    assert.is(bench.commit.state, 'failed');
  });
}

test('[GC5] [LS3] F17 what a full disk cost of the reserve is told with the group, and told once', () => {
  const bench = new Bench();
  assert.is(bench.outlet.takeReserveUsed(), 0);
  bench.used = 2;
  bench.step(2, 10, 1, true);
  bench.commit.run();
  assert.equal(bench.answered(), [1], 'it goes on');
  assert.is(bench.commit.reserveUsed, 2);
  assert.is(bench.outlet.takeReserveUsed(), 2);
  assert.is(bench.outlet.takeReserveUsed(), 0);
  bench.used = 3;
  bench.failWrite = 'ENOSPC';
  bench.step(10, 20, 2, true);
  bench.commit.run();
  assert.is(bench.outlet.takeReserveUsed(), 3, 'also where it was not enough');
  assert.is(bench.outlet.takeFailure(), 'ENOSPC');
});

test('[DL1] a coordinator that is replaced gets what rests on its own ring only', () => {
  const bench = new Bench();
  bench.step(2, 10, 1, true);
  bench.connect(2);
  bench.step(10, 20, 2, true);
  bench.commit.run();
  assert.equal(bench.answered(), [2]);
  assert.is(bench.outlet.releasedSequence(), 2);
});

test('[LO1] a log that is behind leaves no room for a step, and gives it back', () => {
  const bench = new Bench();
  let steps = 0;
  while (bench.outlet.prepare()) {
    steps += 1;
    bench.step(2 + steps * 8, 10 + steps * 8, steps, true);
    if (steps > 1000) break;
  }
  assert.ok(steps > 10 && steps < 1000);
  while (bench.commit.run() === 0) bench.answered();
  assert.ok(bench.outlet.prepare());
  assert.is(bench.outlet.releasedSequence(), steps);
});

test('a floor is handed over, also while records keep coming', () => {
  const bench = new Bench();
  bench.step(2, 10, 1, true);
  bench.outlet.floor(1);
  bench.step(10, 20, 2, true);
  bench.commit.run();
  bench.outlet.floor(2);
  bench.commit.run();
  assert.equal(bench.calls, ['write 2-20 to 2', 'sync', 'floor 1', 'floor 2']);
});

test('the end: closed by the replica, closed in the log', () => {
  const bench = new Bench();
  bench.step(2, 10, 1, false);
  closeRing(bench.ring, 'producer');
  bench.commit.run();
  assert.equal(bench.answered(), [1]);
  bench.commit.run();
  assert.is(bench.commit.state, 'closed');
  bench.commit.finish();
  assert.equal(bench.calls, ['write 2-10 to 1', 'close']);
});

test.run();
