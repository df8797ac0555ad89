import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Core } from '@clockwise/kernel/core';
import type { Effect } from '@clockwise/kernel/effects';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { StepWorld } from '@clockwise/protocol/step-world';
import { RootCollector } from './root-collector.ts';

type RootsMessage = Extract<ActorMessage, { kind: 'roots' }>;
type Act = () => void;
type Effects = Effect<ActorMessage, never>;

/** Partitions 0 to 7, odd ones on shard 1. */
class World extends StepWorld<Act, Effects> {
  readonly collector = new RootCollector(Int32Array.of(0, 1, 0, 1, 0, 1, 0, 1));
  readonly taken: (readonly number[])[] = [];

  constructor() {
    const core: Core<Act, Effects> = {
      step: (batch) => batch.events.forEach((act) => act()),
      hash: () => 0,
    };
    super(core);
  }

  /** Returns the questions that shards were asked: [shard, request, partitions]. */
  ask(...partitions: number[]): (readonly [string, number, readonly number[]])[] {
    const until = this.now + 100;
    this.collector.ask(partitions, until, this.now, this, (words) => this.taken.push([...words]));
    return this.takeEffects().flatMap((effect) =>
      effect.kind === 'tell' && effect.message.kind === 'roots-wanted'
        ? [[effect.to, effect.message.request, effect.message.partitions] as const]
        : [],
    );
  }

  answer(request: number, partitions: readonly number[]): void {
    const words = partitions.flatMap((partition) => [partition * 10, partition * 10 + 1]);
    const message: RootsMessage = { kind: 'roots', request, sequence: 1, partitions, words };
    this.collector.take(message, this.now, this);
  }
}

test('[RC1] a question is answered when all its shards have, in the order asked', () => {
  const world = new World();
  const asked = world.ask(3, 0, 2, 1);
  assert.equal(asked, [
    ['replica-1', 1, [3, 1]],
    ['replica-0', 1, [0, 2]],
  ]);
  world.answer(1, [0, 2]);
  assert.equal(world.taken, []);
  world.answer(1, [3, 1]);
  assert.equal(world.taken, [[30, 31, 0, 1, 20, 21, 10, 11]]);
});

test('[RC1] one shard that answers twice does not stand for another', () => {
  const world = new World();
  world.ask(0, 1);
  world.answer(1, [0]);
  world.answer(1, [0]);
  assert.equal(world.taken, []);
  world.answer(1, [1]);
  assert.equal(world.taken, [[0, 1, 10, 11]]);
  world.answer(1, [1]);
  assert.is(world.taken.length, 1);
});

test('[RC1] answers to other questions, and of partitions nobody asked for, change nothing', () => {
  const world = new World();
  world.ask(0, 1);
  world.answer(2, [0, 1]);
  world.answer(1, [6, 7]);
  assert.equal(world.taken, []);
  world.answer(1, [0, 1]);
  assert.equal(world.taken, [[0, 1, 10, 11]]);
});

test('[RC1] a question whose time is over is forgotten, answered late or never', () => {
  const world = new World();
  world.ask(0);
  world.now += 100;
  world.answer(1, [0]);
  world.ask(2);
  world.answer(1, [0]);
  world.answer(2, [2]);
  assert.equal(world.taken, [[20, 21]]);
});

test('[RC1] questions are bounded: one too many is not asked, until others are forgotten', () => {
  const world = new World();
  for (let count = 0; count < 64; count += 1) assert.is(world.ask(0).length, 1);
  assert.is(world.ask(0).length, 0);
  world.now += 100;
  assert.is(world.ask(0).length, 1);
});

test('a question about nothing is answered at once', () => {
  const world = new World();
  assert.equal(world.ask(), []);
  assert.equal(world.taken, [[]]);
});

test.run();
