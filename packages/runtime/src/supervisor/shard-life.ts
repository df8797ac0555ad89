/**
 * ShardLife: one life of a shard: its memory, its replica thread, its log writer thread. All of it is
 * new in the next life, so that nothing late can touch what the successor uses.
 */
import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Limits } from '@clockwise/kernel/limits';
import { createDoorbell, Doorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { createLogRing } from '../channel/log-outlet.ts';
import type { LogOutletEnds } from '../channel/log-outlet.ts';
import { createLogStatus } from '../channel/log-status.ts';
import { allocateChunks } from '../channel/shared-shard-memory.ts';
import type { RuntimeLimits } from '../runtime-limits.ts';
import type {
  ActorPlace,
  FailureMode,
  FromThread,
  LogMail,
  LogThreadSetup,
} from '../thread-messages.ts';
import { ActorLife } from './actor-life.ts';
import type { CoordinatorEnd, ShardEnd } from './channel-maker.ts';
import { createHeartbeat, HeartbeatWatch } from './heartbeat.ts';
import type { ShardPlan } from './node-plan.ts';
import { ThreadHandle } from './thread-handle.ts';

export interface ShardLifeOptions {
  readonly plan: ShardPlan;
  readonly shard: number;
  /** Actors that live in the replica's thread too. */
  readonly guests: readonly ActorPlace[];
  readonly life: number;
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  readonly seed: string;
  readonly received: (message: FromThread) => void;
  readonly ended: (reason: string) => void;
}

export class ShardLife {
  readonly threads: readonly [ThreadHandle, ThreadHandle];
  readonly chunks: readonly SharedArrayBuffer[];
  readonly #shard: number;
  readonly #replica: ActorLife;
  readonly #logWriter: ThreadHandle;
  readonly #mail: MessagePort;
  readonly #mailCount: SharedArrayBuffer;
  readonly #logDoorbell: DoorbellHandle;

  constructor(options: ShardLifeOptions) {
    const { plan, shard, limits, runtimeLimits } = options;
    const name = `replica-${shard}`;
    this.#shard = shard;
    this.chunks = allocateChunks(limits.memtableChunksMax, limits.memtableChunkBytes);
    this.#mailCount = new SharedArrayBuffer(4);
    this.#logDoorbell = createDoorbell();
    const doorbell = createDoorbell();
    const ring = createLogRing({
      capacityWords: runtimeLimits.logRingWords,
      generation: options.life,
      writerDoorbell: this.#logDoorbell,
      replicaDoorbell: doorbell,
    });
    const log: LogOutletEnds = { ring, status: createLogStatus() };
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.#mail = port1;
    this.#logWriter = this.#startLogWriter(options, log, port2);
    this.#replica = new ActorLife(
      {
        ...options,
        plan: {
          name,
          module: plan.module,
          actors: [...options.guests, { name, listen: null }],
          data: plan.data,
        },
      },
      { doorbell, log, chunks: this.chunks },
    );
    this.threads = [this.#replica.threads[0], this.#logWriter];
  }

  end(): ShardEnd {
    const [replica] = this.threads;
    return {
      shard: this.#shard,
      actor: replica.name,
      doorbell: this.#replica.doorbell,
      chunks: this.chunks,
      post: (message) => replica.post(message),
      nameLane: (target, ring) => this.#post({ kind: 'lane', target, ring }),
    };
  }

  coordinatorEnd(coordinator: number): CoordinatorEnd {
    return this.#replica.coordinatorEnd(coordinator);
  }

  opened(logStart: unknown): void {
    this.#post({ kind: 'open', start: logStart });
  }

  fail(threadName: string, mode: FailureMode): boolean {
    if (threadName === this.#logWriter.name) this.#post({ kind: 'fail', mode });
    else this.#replica.fail(threadName, mode);
    return true;
  }

  /** First the replica, so that the log writer gets all there is; then the log writer ends itself. */
  async drain(timeoutMs: number): Promise<void> {
    await this.#replica.drain(timeoutMs);
    this.#post({ kind: 'stop' });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([this.#logWriter.exited, late]);
    clearTimeout(timer);
  }

  #startLogWriter(options: ShardLifeOptions, log: LogOutletEnds, mail: MessagePort): ThreadHandle {
    const { plan, shard, limits, runtimeLimits } = options;
    const heartbeat = createHeartbeat();
    const name = `log-${shard}`;
    const setup: LogThreadSetup = {
      name,
      limits,
      ring: log.ring,
      status: log.status,
      chunks: this.chunks,
      heartbeat,
      mail,
      mailCount: this.#mailCount,
      data: plan.logData,
    };
    return new ThreadHandle({
      name,
      module: plan.logModule,
      setup,
      transfer: [mail],
      watch: new HeartbeatWatch(heartbeat, this.#logDoorbell),
      hungAfterMs: runtimeLimits.logHungAfterMs,
      heapMegabytesMax: runtimeLimits.heapMegabytesMax,
      control: undefined,
      received: () => undefined,
      ended: options.ended,
    });
  }

  #post(mail: LogMail): void {
    this.#mail.postMessage(mail);
    const mailCount = new Int32Array(this.#mailCount);
    Atomics.add(mailCount, 0, 1);
    Atomics.notify(mailCount, 0);
    new Doorbell(this.#logDoorbell).ring();
  }
}
