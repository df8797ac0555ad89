/**
 * What supervisor and threads of one process say to each other: plain messages over the worker's
 * port, in order, lost only with the worker. Calls that need an answer go by control/control-port.
 */
import type { ActorName, DiskFailure } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { MessagePort } from 'node:worker_threads';
import type { ChannelEnds } from './channel/channel-table.ts';
import type { LogOutletEnds } from './channel/log-outlet.ts';
import type { ListenOptions } from './link/listener.ts';
import type { RuntimeLimits } from './runtime-limits.ts';
import type { ShellFigures } from './shell/actor-shell.ts';

/** How a test makes a thread fail. `terminate` comes from outside. */
export type FailureMode = 'throw' | 'exit' | 'hang' | 'memory';

/** An actor of a thread, and where it listens; null: nowhere. */
export interface ActorPlace {
  readonly name: ActorName;
  readonly listen: ListenOptions | null;
}

/** A worker's workerData. */
export interface ThreadSetup {
  readonly name: string;
  readonly actors: readonly ActorPlace[];
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  readonly seed: string;
  readonly doorbell: DoorbellHandle;
  readonly heartbeat: SharedArrayBuffer;
  readonly control: MessagePort;
  /** For the composition root's worker file: plain data. */
  readonly data: unknown;
  /** Of a replica: its log, its memory. */
  readonly log: LogOutletEnds | null;
  readonly chunks: readonly SharedArrayBuffer[];
}

/** A log writer's workerData. */
export interface LogThreadSetup {
  readonly name: string;
  readonly limits: Limits;
  readonly ring: RingHandle;
  readonly status: SharedArrayBuffer;
  readonly chunks: readonly SharedArrayBuffer[];
  readonly heartbeat: SharedArrayBuffer;
  /** Read without an event loop, after `mailCount` has moved. */
  readonly mail: MessagePort;
  readonly mailCount: SharedArrayBuffer;
  readonly data: unknown;
}

export type LogMail =
  /** The replica has opened its store: its log begins here. The first mail of all. */
  | { readonly kind: 'open'; readonly start: unknown }
  | { readonly kind: 'lane'; readonly target: number; readonly ring: RingHandle }
  | { readonly kind: 'fail'; readonly mode: FailureMode }
  /** Write what waits, sync, and end. */
  | { readonly kind: 'stop' };

export type ToThread =
  | {
      readonly kind: 'told';
      readonly from: ActorName;
      readonly to: ActorName;
      readonly message: unknown;
    }
  | {
      readonly kind: 'job-done';
      readonly actor: ActorName;
      readonly job: number;
      readonly output: unknown;
    }
  | {
      readonly kind: 'job-failed';
      readonly actor: ActorName;
      readonly job: number;
      readonly failure: DiskFailure;
    }
  | { readonly kind: 'attach'; readonly actor: ActorName; readonly ends: ChannelEnds }
  | { readonly kind: 'detach'; readonly actor: ActorName; readonly target: number }
  | { readonly kind: 'fail'; readonly mode: FailureMode };

export type FromThread =
  | {
      readonly kind: 'ready';
      readonly ports: Readonly<Record<ActorName, number>>;
      /** Of a replica: where its log begins. */
      readonly logStart: unknown;
    }
  /** The last word of a thread that ends for it. */
  | { readonly kind: 'cannot-listen'; readonly actor: ActorName; readonly reason: string }
  | {
      readonly kind: 'tell';
      readonly from: ActorName;
      readonly to: ActorName;
      readonly message: unknown;
    }
  | {
      readonly kind: 'job';
      readonly actor: ActorName;
      readonly job: number;
      readonly input: unknown;
    };

/** What a thread answers to calls. */
export interface ThreadCalls {
  /** Figures of each actor's shell, by name. */
  figures(): Record<ActorName, ShellFigures>;
  /** Stops listening, closes connections, ends timers. The worker then ends by itself. */
  stop(): void;
}
