/**
 * The simulated shell of one core: what waits for it, when it wakes, which part of what waits it gets
 * in one batch, its timers. It decides nothing: a core and its output are handed in.
 *
 * Invariants:
 *   AH1 the inputs of a queue are taken in the order they came, whatever the batches
 *   AH2 after `stop` the core is never stepped again, and nothing that waited is taken
 *   AH3 `taken` of an input is called after the step that it was part of has returned
 */
import { assert } from '@clockwise/kernel/assert';
import { type Batch, FrameList, type Instant } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import type { Gate } from './gate.ts';
import type { NodeClock } from './node-clock.ts';
import type { FrameTaken } from './shard-channel.ts';
import type { Simulation } from './simulation.ts';
import { TraceHash } from './trace-hash.ts';

export interface HostPace {
  /** Mean milliseconds between an input's coming and the step that takes it; 0: none at all. */
  readonly wakeMeanMs: number;
  /** Probability that a batch holds only a part of what waits. */
  readonly partialProbability: number;
}

/** A frame, or an event, for which there are no words. All of one shape: each step looks at many. */
interface Input<Event> {
  readonly words: Int32Array | undefined;
  readonly event: Event | undefined;
  readonly source: number;
  readonly queue: number;
  readonly taken: FrameTaken | undefined;
}

/** Of the events; the others are those of frames, by their sources unless they say another. */
const EVENT_QUEUE = -1;
const NO_WORDS = new Int32Array(0);
/** That a frame of a ring, and all behind it, are seen by a later step only. */
const LATE_PROBABILITY = 0.4;

/** When it is to fire, and the earliest instant at which somebody looks. Infinity: not at all. */
interface Timer {
  due: Instant;
  armedFor: Instant;
}

export interface ActorHostOptions<Event> {
  readonly simulation: Simulation;
  /** In traces: 'n1/coordinator-0'. */
  readonly name: string;
  readonly clock: NodeClock;
  /** Of its thread: while that hangs, or its process is paused, there are no steps. */
  readonly gate: Gate;
  readonly pace: HostPace;
  readonly prng: Prng;
  readonly timerEvent: (timer: number) => Event;
  /** Steps the core and carries out what it put out. */
  readonly step: (batch: Batch<Event>) => void;
  readonly stateHash: () => number;
}

export class ActorHost<Event> {
  readonly name: string;
  isRunning = true;
  stepCount = 0;
  readonly #nameWord: number;
  readonly #options: ActorHostOptions<Event>;
  #inputs: Input<Event>[] = [];
  /** An empty list, used in turn with the other. */
  #spare: Input<Event>[] = [];
  #isAwake = false;
  readonly #timers: Map<number, Timer> = new Map();
  readonly #batch: { now: Instant; wallTimeMs: number; frames: FrameList; events: Event[] };

  constructor(options: ActorHostOptions<Event>) {
    this.name = options.name;
    this.#nameWord = TraceHash.wordOf(options.name);
    this.#options = options;
    this.#batch = { now: 0, wallTimeMs: 0, frames: new FrameList(), events: [] };
  }

  /** The first step comes without input: cores begin their work then. */
  start(): void {
    this.#wake();
  }

  stop(): void {
    this.isRunning = false;
    this.#inputs = [];
    this.#timers.clear();
  }

  /** `queue`: a ring of its own, which may be looked at earlier or later than others. */
  pushFrame(words: Int32Array, source: number, taken?: FrameTaken, queue: number = source): void {
    if (!this.isRunning) return;
    this.#inputs.push({ words, event: undefined, source, queue, taken });
    this.#wake();
  }

  pushEvent(event: Event, taken?: () => void): void {
    if (!this.isRunning) return;
    this.#inputs.push({ words: undefined, event, source: EVENT_QUEUE, queue: EVENT_QUEUE, taken });
    this.#wake();
  }

  /** Frames of a source that is gone: its channel went with it. */
  dropFramesOf(source: number): void {
    this.#inputs = this.#inputs.filter(
      (input) => input.words === undefined || input.source !== source,
    );
  }

  setTimer(timer: number, at: Instant): void {
    const { simulation, clock } = this.#options;
    const due = Math.max(clock.whenIs(at), simulation.now);
    const armed = this.#timers.get(timer);
    if (armed === undefined) this.#timers.set(timer, { due, armedFor: Infinity });
    else armed.due = due;
    this.#arm(timer);
  }

  /** A timer that is moved to later keeps what was armed for it: that looks, and arms anew. */
  #arm(timer: number): void {
    const state = this.#timers.get(timer)!;
    if (state.due >= state.armedFor) return;
    const { due } = state;
    state.armedFor = due;
    this.#options.simulation.at(due, () => {
      if (!this.isRunning || state.armedFor !== due) return;
      state.armedFor = Infinity;
      if (state.due > due) {
        this.#arm(timer);
        return;
      }
      state.due = Infinity;
      this.pushEvent(this.#options.timerEvent(timer));
    });
  }

  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    const { simulation, gate, prng, pace } = this.#options;
    if (pace.wakeMeanMs > 0) gate.after(prng.exponential(pace.wakeMeanMs), this.#woken);
    else simulation.soon(this.#pass);
  }

  readonly #pass = (): void => this.#options.gate.pass(this.#woken);

  readonly #woken = (): void => {
    this.#isAwake = false;
    if (this.isRunning) this.#step();
  };

  #step(): void {
    const { simulation, clock, step, stateHash } = this.#options;
    const inputs = this.#takeInputs();
    const batch = this.#batch;
    batch.now = clock.now();
    batch.wallTimeMs = clock.wallTimeMs();
    for (let index = 0; index < inputs.length; index += 1) {
      const { words, event, source } = inputs[index]!;
      if (words === undefined) batch.events.push(event as Event);
      else batch.frames.push(words, 0, words.length, source);
    }
    this.#traceInputs();
    if (simulation.isLogged) this.#note();
    this.stepCount += 1;
    step(batch);
    simulation.trace.word(stateHash());
    batch.frames.clear();
    if (batch.events.length > 0) batch.events.length = 0;
    for (let index = 0; index < inputs.length; index += 1) {
      const { taken, words } = inputs[index]!;
      if (taken !== undefined) taken(words ?? NO_WORDS);
    }
    inputs.length = 0;
    this.#spare = inputs;
    if (this.#inputs.length > 0 && this.isRunning) this.#wake();
  }

  /**
   * All that waits; or all but the last frames of some rings. Events, and what comes of sockets in one
   * order with them, are taken whole: what they tell of has happened already, also for what this step
   * sends.
   */
  #takeInputs(): Input<Event>[] {
    const { prng, pace } = this.#options;
    if (this.#inputs.length < 2 || !prng.chance(pace.partialProbability)) return this.#takeAll();
    const left: Input<Event>[] = [];
    const taken: Input<Event>[] = [];
    const late = new Set<number>();
    for (const input of this.#inputs) {
      const isOfRing = input.words !== undefined && input.source < CONNECTION_TARGET;
      if (isOfRing && !late.has(input.queue) && prng.chance(LATE_PROBABILITY)) {
        late.add(input.queue);
      }
      if (isOfRing && late.has(input.queue)) left.push(input);
      else taken.push(input);
    }
    if (taken.length === 0) return this.#takeAll();
    this.#inputs = left;
    return taken;
  }

  #takeAll(): Input<Event>[] {
    const all = this.#inputs;
    this.#inputs = this.#spare;
    return all;
  }

  #traceInputs(): void {
    const { simulation } = this.#options;
    const { trace } = simulation;
    const { frames, events } = this.#batch;
    trace.word(this.#nameWord);
    trace.number(simulation.now);
    trace.word(events.length);
    for (const event of events) trace.value(event);
    for (let index = 0; index < frames.count; index += 1) {
      const words = frames.words[index]!;
      assert(words.length === frames.wordCounts[index], 'a frame is an array of its own');
      trace.word(frames.sources[index]!);
      trace.words(words, 0, words.length);
    }
  }

  #note(): void {
    const { frames, events } = this.#batch;
    const kinds = events.map((event) => (event as { readonly kind?: string }).kind ?? 'event');
    const sources = frames.sources.slice(0, frames.count).join(',');
    const parts = [...kinds, ...(frames.count > 0 ? [`frames from ${sources}`] : [])];
    this.#options.simulation.note(`${this.name} step ${this.stepCount}: ${parts.join(' ')}`);
  }
}
