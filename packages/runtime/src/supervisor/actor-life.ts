/** ActorLife: one life of a thread that hosts actors: its doorbell, its ports, its worker. */
import { MessageChannel } from 'node:worker_threads';
import type { Limits } from '@clockwise/kernel/limits';
import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { LogOutletEnds } from '../channel/log-outlet.ts';
import { ControlPort } from '../control/control-port.ts';
import type { RuntimeLimits } from '../runtime-limits.ts';
import type { FailureMode, FromThread, ThreadCalls, ThreadSetup } from '../thread-messages.ts';
import type { CoordinatorEnd } from './channel-maker.ts';
import { createHeartbeat, HeartbeatWatch } from './heartbeat.ts';
import type { ActorThreadPlan } from './node-plan.ts';
import { ThreadHandle } from './thread-handle.ts';

export interface ActorLifeOptions {
  readonly plan: ActorThreadPlan;
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  readonly seed: string;
  readonly received: (message: FromThread) => void;
  readonly ended: (reason: string) => void;
}

/** What a replica's thread has besides. */
export interface ShardParts {
  readonly doorbell: DoorbellHandle;
  readonly log: LogOutletEnds;
  readonly chunks: readonly SharedArrayBuffer[];
}

export class ActorLife {
  readonly threads: readonly [ThreadHandle];
  readonly chunks: readonly SharedArrayBuffer[];
  readonly doorbell: DoorbellHandle;

  constructor(options: ActorLifeOptions, parts?: ShardParts) {
    const { plan, limits, runtimeLimits, seed } = options;
    this.doorbell = parts?.doorbell ?? createDoorbell();
    this.chunks = parts?.chunks ?? [];
    const heartbeat = createHeartbeat();
    const { port1, port2 } = new MessageChannel();
    const setup: ThreadSetup = {
      name: plan.name,
      actors: plan.actors,
      limits,
      runtimeLimits,
      seed,
      doorbell: this.doorbell,
      heartbeat,
      control: port2,
      data: plan.data,
      log: parts?.log ?? null,
      chunks: this.chunks,
    };
    this.threads = [
      new ThreadHandle({
        name: plan.name,
        module: plan.module,
        setup,
        transfer: [port2],
        watch: new HeartbeatWatch(heartbeat, this.doorbell),
        hungAfterMs: runtimeLimits.hungAfterMs,
        heapMegabytesMax: runtimeLimits.heapMegabytesMax,
        control: new ControlPort<ThreadCalls>(port1),
        received: options.received,
        ended: options.ended,
      }),
    ];
  }

  coordinatorEnd(coordinator: number): CoordinatorEnd {
    const [thread] = this.threads;
    return {
      coordinator,
      actor: `coordinator-${coordinator}`,
      doorbell: this.doorbell,
      post: (message) => thread.post(message),
    };
  }

  opened(_logStart: unknown): void {
    // Only a shard has a log to open.
  }

  fail(_threadName: string, mode: FailureMode): boolean {
    this.threads[0].post({ kind: 'fail', mode });
    return true;
  }

  /** Asks the thread to close its connections. What does not answer in time is ended anyway. */
  async drain(timeoutMs: number): Promise<void> {
    const { control } = this.threads[0];
    if (control === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    // A thread that dies meanwhile has stopped, too.
    const stopped = control.call('stop').then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([stopped, late]);
    clearTimeout(timer);
  }
}
