import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { StepWorld } from '@clockwise/protocol/step-world';
import { CompactorCore, type CompactorEffect, type CompactorEvent } from './compactor-core.ts';

/** Shards as their compactor sees them: what they were told to flush is under way until it ends. */
class World extends StepWorld<CompactorEvent, CompactorEffect> {
  /** 'shard:chunk', in the order told. */
  readonly underWay: string[] = [];
  /** Shards that were told to run a beat, in the order told. */
  readonly beats: number[] = [];

  constructor(shardCount: number, flushesAtOnceMax: number) {
    super(new CompactorCore({ shardCount, flushesAtOnceMax, runsSlow: 8 }));
    this.step([]);
    const wanted = this.takeEffects().map(
      (effect) => effect.kind === 'tell' && effect.message.kind,
    );
    assert.equal(wanted, new Array<string>(shardCount).fill('frozen-wanted'));
  }

  tell(...messages: ActorMessage[]): void {
    this.step(messages.map((message) => ({ kind: 'told', from: 'test', message })));
    this.#look();
  }

  frozen(shard: number, ...chunks: number[]): void {
    this.tell(
      ...chunks.map((chunk) => ({ kind: 'chunk-frozen', shard, chunk, frozenCount: 1 }) as const),
    );
  }

  ended(shard: number, chunk: number, ok: boolean): void {
    const index = this.underWay.indexOf(`${shard}:${chunk}`);
    if (index >= 0) this.underWay.splice(index, 1);
    this.tell({ kind: 'chunk-flushed', shard, chunk, ok });
  }

  wanted(shard: number, score: number, more: { runs?: number; latencyMs?: number } = {}): void {
    const { runs = 4, latencyMs = 1 } = more;
    this.tell({ kind: 'merge-wanted', shard, score, runs, latencyMs });
  }

  beatEnded(shard: number, more: boolean, ok = true, elapsedMs = 100): void {
    this.tell({ kind: 'merge-ended', shard, bytes: 1000, elapsedMs, more, ok });
  }

  passes(milliseconds: number): void {
    this.now += milliseconds;
    this.step(this.takeDueTimers().map((timer) => ({ kind: 'timer', timer })));
    this.#look();
  }

  #look(): void {
    for (const effect of this.takeEffects()) {
      if (effect.kind !== 'tell') continue;
      const shard = effect.to.slice('replica-'.length);
      if (effect.message.kind === 'flush-chunk') {
        this.underWay.push(`${shard}:${effect.message.chunk}`);
      } else if (effect.message.kind === 'merge-beat') {
        this.beats.push(Number(shard));
      }
    }
  }
}

test('[CO1] one flush of a shard at a time, the oldest first', () => {
  const world = new World(1, 4);
  world.frozen(0, 3, 4, 5);
  assert.equal(world.underWay, ['0:3']);
  world.ended(0, 3, true);
  assert.equal(world.underWay, ['0:4']);
  world.ended(0, 4, true);
  world.ended(0, 5, true);
  assert.equal(world.underWay, []);
});

test('[CO1] no more at once than may be, whichever shards ask', () => {
  const world = new World(3, 2);
  for (const shard of [0, 1, 2]) world.frozen(shard, 1, 2);
  assert.equal(world.underWay, ['0:1', '1:1']);
  world.ended(0, 1, true);
  assert.equal(world.underWay, ['1:1', '2:1']);
});

test('[CO1] a chunk reported twice, or while it is being flushed, is flushed once', () => {
  const world = new World(1, 1);
  world.frozen(0, 7, 7);
  world.frozen(0, 7);
  world.ended(0, 7, true);
  assert.equal(world.underWay, []);
});

test('[CO1] the end of a flush that is not under way ends none, and spares a flush that waits', () => {
  const world = new World(1, 1);
  world.frozen(0, 5, 6);
  world.ended(0, 6, true);
  world.ended(0, 9, true);
  world.ended(0, 9, false);
  assert.equal(world.underWay, ['0:5']);
  world.ended(0, 5, true);
  assert.equal(world.underWay, []);
});

test('[CO2] shards take turns: one that always has more does not keep another waiting', () => {
  const world = new World(2, 1);
  world.frozen(0, 1);
  world.frozen(1, 1);
  const order: string[] = [];
  for (let chunk = 2; chunk < 8; chunk += 1) {
    world.frozen(0, chunk);
    const [shard, flushed] = world.underWay[0]!.split(':').map(Number);
    order.push(`${shard}`);
    world.ended(shard!, flushed!, true);
  }
  assert.equal(order.slice(0, 3), ['0', '1', '0']);
});

test('[CO2] a failed flush is tried again, the same chunk first, after a pause that grows', () => {
  const world = new World(1, 1);
  world.frozen(0, 1, 2);
  const pauses: number[] = [];
  for (let failure = 0; failure < 9; failure += 1) {
    assert.equal(world.underWay, ['0:1']);
    world.ended(0, 1, false);
    assert.equal(world.underWay, []);
    const [at] = [...world.timers.values()];
    pauses.push(at! - world.now);
    world.passes(at! - world.now);
  }
  assert.equal(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  world.ended(0, 1, true);
  assert.equal(world.underWay, ['0:2']);
});

test('[CO2] each shard that pauses has its own timer', () => {
  const world = new World(2, 2);
  world.frozen(1, 1);
  for (let failure = 0; failure < 5; failure += 1) {
    world.ended(1, 1, false);
    if (failure < 4) world.passes(world.timers.get(1)! - world.now);
  }
  world.frozen(0, 1);
  world.ended(0, 1, false);
  world.passes(100);
  assert.equal(world.underWay, ['0:1']);
});

test('[CO2] a shard that opens anew starts anew: its flush is no longer waited for', () => {
  const world = new World(2, 1);
  world.frozen(0, 1, 2);
  world.frozen(1, 1);
  world.tell({ kind: 'shard-state', shard: 0, state: 'ready', reason: '' });
  assert.equal(world.underWay, ['0:1', '1:1']);
  world.underWay.length = 0;
  world.frozen(0, 3);
  world.ended(1, 1, true);
  assert.equal(world.underWay, ['0:3']);
});

test('[CO2] a shard that was given up holds no place: the flush of another begins', () => {
  const world = new World(2, 1);
  world.frozen(0, 1, 2);
  world.frozen(1, 1);
  assert.equal(world.underWay, ['0:1']);
  world.tell({ kind: 'shard-state', shard: 0, state: 'fenced', reason: 'given up' });
  assert.equal(world.underWay, ['0:1', '1:1']);
  world.ended(1, 1, true);
  assert.equal(world.underWay, ['0:1'], 'nothing more is asked of the shard that is gone');
});

test('[CO1, CO2] in any order of reports and ends, all is flushed in the end, never too much at once', () => {
  const chunk = fc.record({ shard: fc.nat(2), fails: fc.boolean(), isEnd: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      (acts, most) => {
        const world = new World(3, most);
        const open = new Set<string>();
        const end = (ok: boolean): void => {
          const first = world.underWay[0];
          if (first === undefined) return;
          const [shard, number] = first.split(':').map(Number);
          if (ok) open.delete(first);
          world.ended(shard!, number!, ok);
        };
        acts.forEach(({ shard, fails, isEnd }, index) => {
          if (isEnd) end(!fails);
          else {
            open.add(`${shard}:${index}`);
            world.frozen(shard, index);
          }
          const shards = world.underWay.map((one) => one[0]);
          assert.ok(shards.length <= most);
          assert.is(new Set(shards).size, shards.length);
        });
        for (let round = 0; round < 200 && open.size > 0; round += 1) {
          world.passes(10_000);
          end(true);
        }
        assert.is(open.size, 0);
      },
    ),
    { numRuns: 100 },
  );
});

test('[MS1] one beat of the node at a time, the highest score first, equal ones in turn', () => {
  const world = new World(3, 2);
  world.wanted(0, 1000);
  world.wanted(1, 1000);
  world.wanted(2, 3000);
  assert.equal(world.beats, [0]);
  for (const shard of [0, 2, 2]) {
    world.beatEnded(shard, true);
    world.passes(1000);
  }
  assert.equal(world.beats, [0, 2, 2, 2], 'the highest score first');
  world.beatEnded(2, false);
  world.passes(1000);
  world.beatEnded(0, true);
  world.passes(1000);
  world.beatEnded(1, true);
  world.passes(1000);
  assert.equal(world.beats, [0, 2, 2, 2, 0, 1, 0], 'equal ones in turn');
});

test('[MS1] between two beats lies the pacer`s pause; a merge that is over is not asked for', () => {
  const world = new World(1, 2);
  world.wanted(0, 1000);
  world.beatEnded(0, true);
  assert.equal(world.beats, [0]);
  const [at] = [...world.timers.values()];
  assert.is(at! - world.now, 80);
  world.passes(80);
  assert.equal(world.beats, [0, 0]);
  world.beatEnded(0, false);
  world.passes(60_000);
  assert.equal(world.beats, [0, 0]);
  world.wanted(0, 1000);
  assert.is(world.beats.length, 3);
});

test('[MS1] a shard with many runs is merged without a pause', () => {
  const world = new World(1, 2);
  world.wanted(0, 4000, { runs: 8, latencyMs: 100 });
  for (let beat = 0; beat < 5; beat += 1) world.beatEnded(0, true);
  assert.is(world.beats.length, 6);
});

test('[MS3] a pause after a long beat ends when runs come to slow writes down', () => {
  const world = new World(2, 2);
  world.wanted(0, 2000);
  // The process stood still for five seconds meanwhile.
  world.beatEnded(0, false, true, 5000);
  world.wanted(0, 3500, { runs: 7 });
  assert.is(world.beats.length, 1, 'it is a pause');
  world.wanted(0, 4000, { runs: 8 });
  assert.equal(world.beats, [0, 0], 'nobody waits for its end');
  world.wanted(0, 2000);
  world.beatEnded(0, true, true, 5000);
  assert.equal(world.beats, [0, 0], 'the next pause is one again');
});

test('[MS3] a shard whose beat failed rests however many runs it has', () => {
  const world = new World(1, 2);
  world.wanted(0, 4000, { runs: 8 });
  world.beatEnded(0, true, false);
  world.wanted(0, 4500, { runs: 9 });
  assert.is(world.beats.length, 1);
  world.passes(100);
  assert.is(world.beats.length, 2);
});

test('[MS2] a beat that failed is tried again after a pause that grows; others go on', () => {
  const world = new World(2, 2);
  world.wanted(1, 2000);
  const pauses: number[] = [];
  for (let failure = 0; failure < 9; failure += 1) {
    world.beatEnded(1, true, false);
    const at = world.timers.get(2)!;
    pauses.push(at - world.now);
    world.passes(at - world.now);
    assert.is(world.beats.length, failure + 2);
  }
  assert.equal(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  world.beatEnded(1, true, false);
  world.wanted(0, 1000);
  assert.is(world.beats.at(-1), 0);
});

test('[MS1, MS2] a shard that opens anew during its beat holds nobody up, and is merged again', () => {
  const world = new World(2, 2);
  world.wanted(0, 2000);
  world.wanted(1, 1000);
  world.tell({ kind: 'shard-state', shard: 0, state: 'ready', reason: '' });
  assert.equal(world.beats, [0, 1]);
  world.beatEnded(0, true);
  assert.equal(world.beats, [0, 1], 'a beat of the life before ends nothing');
  world.wanted(0, 2000);
  world.beatEnded(1, false);
  world.passes(1000);
  assert.equal(world.beats, [0, 1, 0]);
});

test('[CO3] a beat leaves a place for a flush, and begins only beside fewer flushes than may be', () => {
  const world = new World(3, 2);
  world.wanted(2, 1000);
  for (const shard of [0, 1]) world.frozen(shard, 1);
  assert.equal(world.beats, [2]);
  assert.equal(world.underWay, ['0:1'], 'the beat has the other place');
  world.ended(0, 1, true);
  assert.equal(world.underWay, ['1:1']);
  world.beatEnded(2, true);
  world.frozen(0, 2);
  assert.equal(world.underWay, ['1:1', '0:2']);
  world.passes(1000);
  assert.equal(world.beats, [2], 'both places are taken');
  world.ended(1, 1, true);
  assert.equal(world.beats, [2, 2]);
});

test('figures say what was done and what waits', () => {
  const world = new World(1, 1);
  world.frozen(0, 1, 2, 3);
  world.ended(0, 1, true);
  world.step([{ kind: 'told', from: 'main', message: { kind: 'figures-wanted', request: 4 } }]);
  const figures = {
    flushes: 1,
    chunksWaiting: 1,
    mergeBeats: 0,
    mergeBytes: 0,
    mergePauseFactor: 1,
    shardsToMerge: 0,
  };
  assert.equal(world.takeEffects(), [
    { kind: 'tell', to: 'main', message: { kind: 'figures', request: 4, figures } },
  ]);
});

test.run();
