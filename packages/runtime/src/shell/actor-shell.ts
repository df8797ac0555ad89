/**
 * ActorShell: one actor in the real world: its queue of events, its channels, its connections, its
 * timers, and the one step that ties them together. Cores are handed in; a shell does not decide.
 *
 * One step: events and frames that wait -> core.step -> frames completed, log told, rings published,
 * sockets written -> effects carried out -> borrowed memory given back.
 *
 * data plane
 *
 * Invariants:
 *   AS1 a step is never entered while another one of the same actor runs
 *   AS2 frames and read buffers stay as they are until the step has returned
 *   AS3 what a step appended is told to the log before any of its frames is published
 *   AS4 a step gets at most `framesPerStepMax` frames of rings, and as many of connections, so that
 *       neither starves the other
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import { FrameList } from '@clockwise/kernel/core';
import type { Core, Instant, Lane, OperationSink } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { ActorName, ReplicaPublished } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { ChannelTable } from '../channel/channel-table.ts';
import type { ChannelEnds } from '../channel/channel-table.ts';
import { LogOutlet } from '../channel/log-outlet.ts';
import type { LogOutletEnds } from '../channel/log-outlet.ts';
import type { Clock } from '../clock.ts';
import { FileReader } from '../disk/file-reader.ts';
import { Gateway } from '../link/gateway.ts';
import { Inbox } from '../link/inbox.ts';
import type { ListenOptions } from '../link/listener.ts';
import type { RuntimeLimits } from '../runtime-limits.ts';
import type {
  Hosting,
  ShellBatch,
  ShellEffect,
  ShellEvent,
  ShellHost,
  ShellOut,
} from './shell-types.ts';
import { Timers } from './timers.ts';

export interface ActorShellOptions {
  readonly hosting: Hosting;
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  readonly host: ShellHost;
  readonly log: LogOutletEnds | undefined;
}

export interface ShellFigures {
  readonly steps: number;
  readonly frames: number;
  readonly events: number;
  readonly connections: number;
}

export class ActorShell implements ShellOut, ReplicaPublished {
  readonly name: ActorName;
  readonly #core: Core<ShellEvent, ShellEffect, ShellBatch, ShellOut>;
  readonly #options: ActorShellOptions;
  readonly #channels: ChannelTable;
  readonly #log: LogOutlet | undefined;
  readonly #timers: Timers;
  readonly #reader: FileReader | undefined;
  readonly #inbox: Inbox;
  readonly #frames = new FrameList();
  readonly #effects: ShellEffect[] = [];
  readonly #dueTimers: number[] = [];
  readonly #batch: { -readonly [Key in keyof ShellBatch]: ShellBatch[Key] };
  #events: ShellEvent[] = [];
  #spareEvents: ShellEvent[] = [];
  #gateway: Gateway | undefined;
  #stepping = false;
  #released = 0;
  #stepCount = 0;
  #frameCount = 0;
  #eventCount = 0;

  constructor(options: ActorShellOptions) {
    const { hosting, limits, runtimeLimits, sleeper, clock, host } = options;
    this.name = hosting.name;
    // Composition has matched the core with its events and effects; here they are opaque.
    this.#core = hosting.core;
    this.#options = options;
    this.#channels = new ChannelTable(sleeper, limits.frameWordsTarget);
    this.#log = options.log === undefined ? undefined : new LogOutlet(options.log, sleeper);
    this.#timers = new Timers(() => host.wake());
    const inboxWords = Math.max(runtimeLimits.inboxWords, limits.frameBytesMax / 4);
    this.#inbox = new Inbox(this.#frames, inboxWords, runtimeLimits.framesPerStepMax);
    this.#reader =
      hosting.directory === undefined
        ? undefined
        : new FileReader({
            directory: hosting.directory,
            openFilesMax: runtimeLimits.openFilesMax,
            openFileIdleMs: runtimeLimits.openFileIdleMs,
            emit: (event) => this.push(event),
            now: () => clock.now(),
          });
    this.#batch = {
      now: 0,
      wallTimeMs: 0,
      frames: this.#frames,
      events: this.#events,
      published: this,
    };
  }

  listen(options: ListenOptions): Promise<number> {
    return this.#connections().listen(options);
  }

  push(event: ShellEvent): void {
    assert(
      this.#events.length < this.#options.runtimeLimits.eventsQueuedMax,
      'an actor keeps up with its events',
    );
    this.#events.push(event);
    this.#options.host.wake();
  }

  attach(ends: ChannelEnds): void {
    this.#channels.attach(ends);
    this.push({ kind: 'channel-up', target: ends.target });
  }

  detach(target: number): void {
    if (this.#channels.detach(target)) this.push({ kind: 'channel-down', target });
  }

  /** One step, if anything waits for one. True: more waits already. */
  turn(): boolean {
    const log = this.#log;
    if (log !== undefined) {
      log.handFloor();
      if (!log.prepare()) return false;
      const failure = log.takeFailure();
      if (failure !== undefined) this.push({ kind: 'log-failed', failure });
      const reserveUsed = log.takeReserveUsed();
      if (reserveUsed > 0) this.push({ kind: 'log-full', reserveUsed });
    }
    const { now, wallTimeMs } = this.#readClock();
    this.#takeTimers(now);
    this.#takeRings();
    // The first step comes without input: a core that acts by itself begins there.
    const isFirst = this.#stepCount === 0;
    if (!isFirst && this.#frames.count === 0 && this.#events.length === 0) {
      this.#timers.arm(now);
      return false;
    }
    this.#step(now, wallTimeMs);
    return this.#events.length > 0 || this.#channels.hasWork();
  }

  tick(): void {
    const now = this.#options.clock.now();
    this.#gateway?.tick(now);
    this.#reader?.tick(now);
  }

  stop(): void {
    this.#timers.stop();
    this.#gateway?.close();
    this.#reader?.stop();
    this.#options.hosting.ended?.();
  }

  figures(): ShellFigures {
    return {
      steps: this.#stepCount,
      frames: this.#frameCount,
      events: this.#eventCount,
      connections: this.#gateway?.openCount ?? 0,
    };
  }

  hash(): number {
    return this.#core.hash();
  }

  send(target: number, lane: Lane): OperationSink {
    if (target < CONNECTION_TARGET) return this.#channels.sink(target, lane);
    return this.#connections().sink(target - CONNECTION_TARGET);
  }

  effect(effect: ShellEffect): void {
    this.#effects.push(effect);
  }

  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void {
    assert(this.#log !== undefined, 'an actor that appends has a log');
    this.#log.append(chunk, fromWord, toWord, lastSequence, needsSync);
  }

  releasedSequence(): number {
    return this.#released;
  }

  written(target: number, lane: number): number {
    return this.#channels.written(target, lane);
  }

  consumed(target: number, lane: number): number {
    return this.#channels.consumed(target, lane);
  }

  #readClock(): { readonly now: Instant; readonly wallTimeMs: number } {
    const { clock } = this.#options;
    return { now: clock.now(), wallTimeMs: clock.wallTimeMs() };
  }

  #takeRings(): void {
    const { framesPerStepMax, stepWordsTarget } = this.#options.runtimeLimits;
    this.#channels.take(this.#frames, this.#frames.count + framesPerStepMax, stepWordsTarget);
  }

  #takeTimers(now: Instant): void {
    this.#timers.takeDue(now, this.#dueTimers);
    for (const timer of this.#dueTimers) this.#events.push({ kind: 'timer', timer });
    this.#dueTimers.length = 0;
  }

  #step(now: Instant, wallTimeMs: number): void {
    assert(!this.#stepping, 'one step at a time');
    this.#stepping = true;
    const batch = this.#batch;
    const events = this.#events;
    this.#events = this.#spareEvents;
    batch.now = now;
    batch.wallTimeMs = wallTimeMs;
    batch.events = events;
    if (this.#log !== undefined) this.#released = this.#log.releasedSequence();
    this.#core.step(batch, this);
    this.#leave();
    this.#stepCount += 1;
    this.#frameCount += this.#frames.count;
    this.#eventCount += events.length;
    this.#frames.clear();
    this.#inbox.clear();
    this.#channels.release();
    this.#reader?.recycle();
    this.#gateway?.stepped();
    events.length = 0;
    this.#spareEvents = events;
    this.#stepping = false;
    this.#carryOut();
    this.#timers.arm(now);
  }

  /** Everything that the step wrote leaves: first what the log must know of. */
  #leave(): void {
    this.#channels.complete();
    this.#log?.hand(this.#channels);
    this.#channels.publish();
    this.#gateway?.flush();
  }

  #carryOut(): void {
    for (let index = 0; index < this.#effects.length; index += 1) {
      this.#carryOutOne(this.#effects[index]!);
    }
    this.#effects.length = 0;
  }

  #carryOutOne(effect: ShellEffect): void {
    const { host } = this.#options;
    switch (effect.kind) {
      case 'timer':
        this.#timers.set(effect.timer, effect.at);
        return;
      case 'tell':
        host.tell(this.name, effect.to, effect.message);
        return;
      case 'read':
        assert(this.#reader !== undefined, 'an actor that reads has a folder');
        this.#reader.read(effect);
        return;
      case 'job':
        host.job(this.name, effect.job, effect.input);
        return;
      case 'log-floor':
        assert(this.#log !== undefined, 'an actor that names a floor has a log');
        this.#log.floor(effect.sequence);
        return;
      case 'dial':
        this.#connections().dial(effect.peer, effect.address);
        return;
      case 'hang-up':
        this.#connections().hangUp(effect.connection, effect.code, effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  #connections(): Gateway {
    const { limits, runtimeLimits, clock, host } = this.#options;
    this.#gateway ??= new Gateway({
      limits: {
        ...limits,
        stepFramesTarget: runtimeLimits.stepFramesTarget,
        stepWordsTarget: runtimeLimits.stepWordsTarget,
        pingMs: runtimeLimits.pingMs,
        slowConsumerMs: runtimeLimits.slowConsumerMs,
      },
      inbox: this.#inbox,
      emit: (event) => this.push(event),
      arrived: () => host.wake(),
      drain: () => {
        const { now, wallTimeMs } = this.#readClock();
        this.#takeRings();
        this.#step(now, wallTimeMs);
      },
      now: () => clock.now(),
    });
    return this.#gateway;
  }
}
