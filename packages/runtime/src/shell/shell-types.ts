/**
 * What the runtime's shell gives to a core and takes from it. A core that needs less (no log, no
 * published words) declares less: these types extend what kernel/core declares.
 */
import type { ActorName, Effect, ReplicaPublished, WorldEvent } from '@clockwise/kernel/effects';
import type { Batch, Core, Out } from '@clockwise/kernel/core';

/** Messages and jobs are opaque here: a shell does not look into them. */
export type ShellEvent = WorldEvent<unknown, unknown>;
export type ShellEffect = Effect<unknown, unknown>;

export interface ShellBatch extends Batch<ShellEvent> {
  readonly published: ReplicaPublished;
}

export interface ShellOut extends Out<ShellEffect> {
  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void;
}

/** Any core: what it is given is checked where it is composed (`hosted`), not here. */
export type HostedCore = Core<never, never, never, never>;

/** Events and effects of one core, as the composition root sees them. */
export interface Hosting {
  readonly name: ActorName;
  readonly core: HostedCore;
  /** Folder of the files that read effects name; without one there are none. */
  readonly directory?: string;
  /** Of a replica that has opened its store: where its log begins, for its log writer. */
  readonly logStart?: unknown;
  /** Called at an orderly stop: there is no step any more. */
  readonly ended?: () => void;
}

/** What an actor asks of the thread that hosts it. */
export interface ShellHost {
  wake(): void;
  tell(from: ActorName, to: ActorName, message: unknown): void;
  job(actor: ActorName, job: number, input: unknown): void;
}
