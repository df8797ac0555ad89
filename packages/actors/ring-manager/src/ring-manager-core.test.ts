import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { StepWorld } from '@clockwise/protocol/step-world';
import {
  RingManagerCore,
  type RingManagerEffect,
  type RingManagerEvent,
} from './ring-manager-core.ts';

function worldOf(ringBytes: Uint8Array): StepWorld<RingManagerEvent, RingManagerEffect> {
  return new StepWorld(new RingManagerCore({ ringBytes, epoch: 1 }));
}

function told(from: string, message: ActorMessage): RingManagerEvent {
  return { kind: 'told', from, message };
}

test('[RM1] whoever asks is served, byte for byte, what is stored, under its own number', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
  const world = worldOf(bytes);
  world.step([
    told('coordinator-0', { kind: 'ring-wanted', request: 7 }),
    told('coordinator-1', { kind: 'ring-wanted', request: 8 }),
  ]);
  const copy = Uint8Array.from({ length: 300 }, (_, index) => index);
  assert.equal(world.takeEffects(), [
    { kind: 'tell', to: 'coordinator-0', message: { kind: 'ring', request: 7, bytes: copy } },
    { kind: 'tell', to: 'coordinator-1', message: { kind: 'ring', request: 8, bytes: copy } },
  ]);
});

test('what it served is among its figures and in its hash; other messages are not for it', () => {
  const world = worldOf(Uint8Array.of(1));
  const before = world.hash();
  world.step([
    told('coordinator-0', { kind: 'ring-wanted', request: 7 }),
    told('gossiper', { kind: 'probe', probe: 1 }),
    { kind: 'timer', timer: 1 },
  ]);
  world.takeEffects();
  world.step([told('main', { kind: 'figures-wanted', request: 3 })]);
  const figures = { epoch: 1, served: 1 };
  assert.equal(world.takeEffects(), [
    { kind: 'tell', to: 'main', message: { kind: 'figures', request: 3, figures } },
  ]);
  assert.is.not(world.hash(), before);
});

test('a node has a ring before it has a ring-manager', () => {
  assert.throws(() => worldOf(new Uint8Array(0)), /has a ring before/);
});

test.run();
