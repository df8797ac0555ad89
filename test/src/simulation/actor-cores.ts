/** The cores of a simulated node that are no shards: the server's own making of them. */
import type { Core } from '@clockwise/kernel/core';
import type { ShardMemory } from '@clockwise/kernel/effects';
import { type CoreContext, coordinatorCore } from '@clockwise/server/actor-cores';
import { type SmallActor, smallActor } from '@clockwise/server/control-actors';
import type { ActorEffect, ActorEvent } from './simulated-actor.ts';

export const COORDINATOR = 'coordinator-0';
export const SMALL_ACTORS: readonly SmallActor[] = [
  'gossiper',
  'ring-manager',
  'compactor',
  'anti-entropy',
];
export type SimulatedActorName = typeof COORDINATOR | SmallActor;

export function makeCore(
  name: SimulatedActorName,
  context: CoreContext,
  shards: readonly ShardMemory[],
): Core<ActorEvent, ActorEffect> {
  if (name === COORDINATOR) return coordinatorCore(context, shards);
  // What a small actor is hosted as says nothing of its events: all of them take the same.
  return smallActor(name, context).core;
}
