/**
 * Supervisor: starts the threads of a node, watches them, replaces what crashes, and carries control
 * messages and jobs between them. It lives on the main thread.
 *
 * Boundary: which threads there are is the composition root's plan; what actors say to each other is
 * theirs. When to start again is restart-policy's.
 *
 * Invariants:
 *   SV1 a replica and its log writer are replaced as a pair, after both have ended and the pool has
 *       finished what the replica had asked for
 *   SV2 a shard is given up, the node is not: a coordinator that lived in its thread gets one of its own
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { ActorName } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import type { RuntimeLimits } from '../runtime-limits.ts';
import type { ShellFigures } from '../shell/actor-shell.ts';
import type { ActorPlace, FailureMode, FromThread } from '../thread-messages.ts';
import { ActorLife } from './actor-life.ts';
import { ChannelMaker } from './channel-maker.ts';
import type { ActorThreadPlan, JobRunner, ShardPlan } from './node-plan.ts';
import { RESTART_RULES, RestartPolicy } from './restart-policy.ts';
import { ShardLife } from './shard-life.ts';
import type { ThreadHandle } from './thread-handle.ts';
import { Unit } from './unit.ts';
import type { UnitState } from './unit.ts';

export interface SupervisorOptions {
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  readonly prng: Prng;
  /** A fresh seed for a thread's life. */
  readonly seed: () => string;
  readonly now: () => number;
  /** Index = coordinator number; each hosts the actor `coordinator-N`. */
  readonly coordinators: readonly ActorThreadPlan[];
  /** Index = shard number. */
  readonly shards: readonly ShardPlan[];
  readonly others: readonly ActorThreadPlan[];
  readonly jobs: JobRunner;
  /** A message for `main`. */
  readonly told: (from: ActorName, message: unknown) => void;
  /** A job threw: a bug, to be reported. */
  readonly jobThrew: (actor: ActorName, error: unknown) => void;
  readonly changed: (name: string, state: UnitState, life: number) => void;
}

/** A unit that crashed so often before the node was ever ready fails its start. */
const START_LIVES_MAX = 3;

/** A life of a unit: its threads and what belongs to them. */
interface Life {
  readonly threads: readonly ThreadHandle[];
  readonly chunks: readonly SharedArrayBuffer[];
  /** Its thread is ready; a replica's has opened its store. */
  opened(logStart: unknown): void;
  fail(threadName: string, mode: FailureMode): boolean;
  drain(timeoutMs: number): Promise<void>;
}

interface Member {
  readonly unit: Unit;
  actors: readonly ActorName[];
  current: Life | undefined;
}

/** A coordinator in a shard's thread, told of as the unit that it would be by itself. */
interface Guest {
  readonly coordinator: number;
  readonly plan: ActorThreadPlan;
  wasReady: boolean;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #channels: ChannelMaker;
  readonly #members: Member[] = [];
  readonly #ports = new Map<ActorName, number>();
  readonly #readyWaiters: { readonly resolve: () => void; readonly reject: (e: Error) => void }[] =
    [];
  #beating: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#channels = new ChannelMaker(options.runtimeLimits);
    options.shards.forEach((plan, shard) => this.#addShard(plan, shard));
    const guests = new Set(options.shards.map((plan) => plan.coordinator));
    options.coordinators.forEach((plan, index) => {
      if (!guests.has(index)) this.#addActors(plan, index);
    });
    for (const plan of options.others) this.#addActors(plan, -1);
  }

  /** Starts all; resolves when all are ready, rejects when one fails again and again before that. */
  start(): Promise<void> {
    const { heartbeatMs } = this.#options.runtimeLimits;
    const ready = new Promise<void>((resolve, reject) => {
      this.#readyWaiters.push({ resolve, reject });
    });
    for (const member of this.#members) member.unit.start();
    this.#beating = setInterval(() => this.#beat(), heartbeatMs);
    return ready;
  }

  /** Coordinators and the small actors first, so that nothing is asked of shards that go. */
  async stop(): Promise<void> {
    clearInterval(this.#beating);
    const { stopTimeoutMs } = this.#options.runtimeLimits;
    const stop = (member: Member): Promise<void> =>
      member.unit.stop(() => member.current?.drain(stopTimeoutMs) ?? Promise.resolve());
    const isShard = (member: Member): boolean => (member.current?.chunks.length ?? 0) > 0;
    await Promise.all(this.#members.filter((member) => !isShard(member)).map(stop));
    await Promise.all(this.#members.filter(isShard).map(stop));
  }

  /** Where an actor listens. */
  port(actor: ActorName): number | undefined {
    return this.#ports.get(actor);
  }

  state(unit: string): UnitState | undefined {
    return this.#member(unit)?.unit.state;
  }

  /** From `main` to an actor. Lost if the actor has no thread now. */
  tell(to: ActorName, message: unknown): void {
    this.#route('main', to, message);
  }

  /** Figures of the shells of one unit, by actor. Rejects with WORKER_DIED. */
  figures(unit: string): Promise<Record<ActorName, ShellFigures>> {
    const member = this.#member(unit);
    const control = member?.current?.threads.find(
      (thread) => thread.control !== undefined,
    )?.control;
    assert(control !== undefined, 'figures are asked of a unit that was started');
    return control.call('figures');
  }

  /** For tests: makes the thread of that name, or that hosts the actor, fail. */
  fail(name: string, mode: FailureMode | 'terminate'): void {
    const threads = this.#members.flatMap(({ current }) => current?.threads ?? []);
    const host = this.#member(name)?.current?.threads[0];
    const thread = threads.find((candidate) => candidate.name === name) ?? host;
    assert(thread !== undefined, `a thread is named ${name}`);
    if (mode === 'terminate') void thread.terminate('a test ended it');
    const life = this.#members.find(({ current }) => current?.threads.includes(thread))?.current;
    if (mode !== 'terminate') life?.fail(thread.name, mode);
  }

  /** By the name of a unit, or of an actor: one thread may have several. */
  #member(name: string): Member | undefined {
    return (
      this.#members.find((member) => member.unit.name === name) ??
      this.#members.find((member) => member.actors.includes(name))
    );
  }

  #addShard(plan: ShardPlan, shard: number): void {
    const name = `replica-${shard}`;
    const { limits, runtimeLimits, seed, coordinators } = this.#options;
    const { coordinator } = plan;
    const guest: Guest | undefined =
      coordinator === undefined
        ? undefined
        : { coordinator, plan: coordinators[coordinator]!, wasReady: false };
    const places = guest?.plan.actors ?? [];
    const member: Member = {
      actors: [name, ...places.map((place) => place.name)],
      current: undefined,
      unit: this.#unit(name, true, {
        spawn: (life) => {
          const current = new ShardLife({
            plan,
            shard,
            guests: places.map((place) => this.#place(place)),
            life,
            limits,
            runtimeLimits,
            seed: seed(),
            received: (message) => this.#received(member, life, message),
            ended: (reason) => member.unit.crashed(life, reason),
          });
          member.current = current;
          return current.threads;
        },
        up: () => {
          const current = member.current as ShardLife;
          if (guest !== undefined) {
            this.#channels.coordinatorUp(current.coordinatorEnd(guest.coordinator));
          }
          this.#channels.shardUp(current.end());
        },
        down: () => {
          this.#channels.shardDown(shard);
          if (guest !== undefined) this.#channels.coordinatorDown(guest.coordinator);
        },
        changed: (state, life) => {
          if (guest !== undefined) this.#guestChanged(member, guest, state, life);
        },
      }),
    };
    this.#members.push(member);
  }

  #guestChanged(member: Member, guest: Guest, state: UnitState, life: number): void {
    const { name } = guest.plan;
    if (state.kind === 'ready') guest.wasReady = true;
    if (state.kind === 'given-up') {
      // [SV2]
      member.actors = [member.unit.name];
      this.#addActors(guest.plan, guest.coordinator).unit.start();
    } else if (state.kind !== 'crashed' || guest.wasReady) {
      this.#options.changed(name, state, life);
    }
  }

  #addActors(plan: ActorThreadPlan, coordinator: number): Member {
    const { limits, runtimeLimits, seed } = this.#options;
    const member: Member = {
      actors: plan.actors.map((place) => place.name),
      current: undefined,
      unit: this.#unit(plan.name, false, {
        spawn: (life) => {
          const current = new ActorLife({
            plan: { ...plan, actors: plan.actors.map((place) => this.#place(place)) },
            limits,
            runtimeLimits,
            seed: seed(),
            received: (message) => this.#received(member, life, message),
            ended: (reason) => member.unit.crashed(life, reason),
          });
          member.current = current;
          return current.threads;
        },
        up: () => {
          if (coordinator < 0) return;
          this.#channels.coordinatorUp((member.current as ActorLife).coordinatorEnd(coordinator));
        },
        down: () => {
          if (coordinator >= 0) this.#channels.coordinatorDown(coordinator);
        },
        changed: () => undefined,
      }),
    };
    this.#members.push(member);
    return member;
  }

  #unit(
    name: string,
    givesUp: boolean,
    hooks: {
      readonly spawn: (life: number) => readonly ThreadHandle[];
      readonly up: () => void;
      readonly down: () => void;
      readonly changed: (state: UnitState, life: number) => void;
    },
  ): Unit {
    const { runtimeLimits, prng, now, jobs, changed } = this.#options;
    return new Unit({
      name,
      policy: new RestartPolicy({ ...RESTART_RULES, givesUp }, prng.stream(`restart/${name}`)),
      startTimeoutMs: runtimeLimits.startTimeoutMs,
      now,
      ...hooks,
      settled: () => jobs.settle(name),
      changed: (state, life) => {
        changed(name, state, life);
        hooks.changed(state, life);
        this.#lookWhoIsReady(name, state, life);
      },
    });
  }

  /** A thread that comes back listens where it did: its peers and clients know that port. */
  #place(place: ActorPlace): ActorPlace {
    const port = this.#ports.get(place.name);
    if (place.listen === null || port === undefined) return place;
    return { ...place, listen: { ...place.listen, port } };
  }

  #lookWhoIsReady(name: string, state: UnitState, life: number): void {
    if (this.#readyWaiters.length === 0) return;
    const hopeless = state.kind === 'crashed' && life >= START_LIVES_MAX;
    if (state.kind === 'given-up' || hopeless) {
      const error = new Error(`${name} does not start: ${state.reason}`);
      for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(error);
    } else if (this.#members.every((member) => member.unit.state.kind === 'ready')) {
      for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve();
    }
  }

  #received(member: Member, life: number, message: FromThread): void {
    if (member.unit.life !== life) return;
    switch (message.kind) {
      case 'ready':
        for (const [actor, port] of Object.entries(message.ports)) this.#ports.set(actor, port);
        member.current?.opened(message.logStart);
        member.unit.ready(life);
        return;
      case 'cannot-listen':
        this.#cannotListen(member, life, message);
        return;
      case 'tell':
        this.#route(message.from, message.to, message.message);
        return;
      case 'job':
        void this.#runJob(member, life, message);
        return;
      default:
        unreachable(message);
    }
  }

  /** A unit of one actor is told of as it crashes; of several, it is said whose fault it is. */
  #cannotListen(
    member: Member,
    life: number,
    { actor, reason }: FromThread & { readonly kind: 'cannot-listen' },
  ): void {
    const isCoordinator = this.#options.coordinators.some((plan) => plan.name === actor);
    if (!isCoordinator || member.unit.name === actor) return;
    this.#options.changed(actor, { kind: 'crashed', reason }, life);
  }

  #route(from: ActorName, to: ActorName, message: unknown): void {
    if (to === 'main') {
      this.#options.told(from, message);
      return;
    }
    const member = this.#member(to);
    assert(member !== undefined, `an actor is named ${to}`);
    member.current?.threads[0]?.post({ kind: 'told', from, to, message });
  }

  async #runJob(
    member: Member,
    life: number,
    { actor, job, input }: FromThread & { readonly kind: 'job' },
  ): Promise<void> {
    const current = member.current;
    assert(current !== undefined, 'a job is asked for by a thread');
    const result = await this.#options.jobs.run(actor, input, current.chunks).catch((error) => {
      this.#options.jobThrew(actor, error);
      return { ok: false, code: 'OTHER' } as const;
    });
    if (member.unit.life !== life) return;
    const [thread] = current.threads;
    if (result.ok) thread?.post({ kind: 'job-done', actor, job, output: result.value });
    else thread?.post({ kind: 'job-failed', actor, job, failure: result.code });
  }

  #beat(): void {
    const nowMs = this.#options.now();
    for (const member of this.#members) member.unit.check(nowMs);
  }
}
