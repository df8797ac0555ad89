/**
 * Actors as functions of what they were given. A core is deterministic, so its state after an opening
 * and a sequence of inputs is named by just these; each is stepped once, what it put out is kept, and
 * every schedule of the explorer that gives an actor the same inputs finds the same local state.
 *
 *     opening --input--> state --input--> state ...       edges are inputs, by content
 *
 * Inputs may be of several parts of an actor that have nothing to do with each other; then only the
 * order within each part counts, and ways that differ in no part lead to one state.
 *
 * Cores cannot be copied. A few of them are kept running, each at some state; where one is needed at a
 * state that none stands at, one is moved there, or opened anew and given all its inputs.
 *
 * Invariants:
 *   LH1 equal openings and, part by part, equal inputs are one local state
 *   LH2 whichever way a core came to a local state, and however often, it has put out the same
 */
import { assert } from '@clockwise/kernel/assert';

export interface LocalState<Output> {
  /** Unique among the states of one tree of histories. */
  readonly id: number;
  /** Of all steps so far. */
  readonly output: Output;
}

/** A core that runs. `before`: what it has put out so far; returned with what this step adds. */
export interface LiveActor<Input, Output> {
  step(input: Input, before: Output): Output;
}

export interface LocalHistoriesOptions<Opening, Input, Output> {
  readonly open: (opening: Opening) => {
    readonly actor: LiveActor<Input, Output>;
    readonly output: Output;
  };
  readonly nameOfOpening: (opening: Opening) => string;
  readonly nameOfInput: (input: Input) => string;
  /** The part of the actor that an input is for. */
  readonly partOf: (input: Input) => string;
  /** Differs where outputs so far differ. */
  readonly fingerprint: (output: Output) => string;
  readonly liveMax: number;
}

export interface LocalStep<Output> {
  readonly state: LocalState<Output>;
  /** As this step left it: what belongs to the last step alone is this step's. */
  readonly output: Output;
}

interface Entry<Opening, Input, Output> extends LocalState<Output> {
  readonly opening: Opening;
  readonly cause: { readonly parent: Entry<Opening, Input, Output>; readonly input: Input } | null;
  /** By part: the number of the sequence of its inputs. */
  readonly parts: ReadonlyMap<string, number>;
  readonly steps: Map<string, { state: Entry<Opening, Input, Output>; output: Output }>;
}

export class LocalHistories<Opening, Input, Output> {
  readonly #options: LocalHistoriesOptions<Opening, Input, Output>;
  readonly #openings: Map<string, Entry<Opening, Input, Output>> = new Map();
  readonly #entries: Entry<Opening, Input, Output>[] = [];
  /** States by opening and sequences; sequences by what they extend and by what. */
  readonly #byParts: Map<string, Entry<Opening, Input, Output>> = new Map();
  readonly #sequences: Map<string, number> = new Map();
  /** By the number of the state that it stands at; the one that was moved last is the last. */
  readonly #live: Map<number, LiveActor<Input, Output>> = new Map();

  constructor(options: LocalHistoriesOptions<Opening, Input, Output>) {
    this.#options = options;
  }

  get stateCount(): number {
    return this.#entries.length;
  }

  open(opening: Opening): LocalState<Output> {
    const name = this.#options.nameOfOpening(opening);
    const known = this.#openings.get(name);
    if (known !== undefined) return known;
    const { actor, output } = this.#options.open(opening);
    const entry = this.#add({ opening, cause: null, output, parts: new Map() });
    this.#openings.set(name, entry);
    this.#keep(entry, actor);
    return entry;
  }

  step(from: LocalState<Output>, input: Input): LocalStep<Output> {
    const parent = this.#entries[from.id]!;
    const name = this.#options.nameOfInput(input);
    const known = parent.steps.get(name);
    if (known !== undefined) return known;
    const actor = this.#actorAt(parent);
    const output = actor.step(input, parent.output);
    const state = this.#after(parent, input, output);
    const step = { state, output };
    parent.steps.set(name, step);
    this.#keep(state, actor);
    return step;
  }

  /** The state that this step leads to: known by another way, or new. */
  #after(
    parent: Entry<Opening, Input, Output>,
    input: Input,
    output: Output,
  ): Entry<Opening, Input, Output> {
    const { nameOfOpening, nameOfInput, partOf } = this.#options;
    const part = partOf(input);
    const longer = `${parent.parts.get(part) ?? ''} ${nameOfInput(input)}`;
    const sequence = this.#sequences.get(longer) ?? this.#sequences.size;
    this.#sequences.set(longer, sequence);
    const parts = new Map(parent.parts).set(part, sequence);
    const names = [...parts].map((pair) => pair.join('=')).toSorted();
    const name = `${nameOfOpening(parent.opening)} ${names.join()}`;
    const known = this.#byParts.get(name);
    if (known !== undefined) {
      this.#assertSame(known.output, output);
      return known;
    }
    const { opening } = parent;
    const entry = this.#add({ opening, cause: { parent, input }, output, parts });
    this.#byParts.set(name, entry);
    return entry;
  }

  #add(fields: Omit<Entry<Opening, Input, Output>, 'id' | 'steps'>): Entry<Opening, Input, Output> {
    const entry = { ...fields, id: this.#entries.length, steps: new Map() };
    this.#entries.push(entry);
    return entry;
  }

  #keep(entry: Entry<Opening, Input, Output>, actor: LiveActor<Input, Output>): void {
    this.#live.delete(entry.id);
    this.#live.set(entry.id, actor);
    if (this.#live.size <= this.#options.liveMax) return;
    const [oldest] = this.#live.keys();
    this.#live.delete(oldest!);
  }

  /** Takes the nearest core that is on the way to this state, or opens one, and moves it here. */
  #actorAt(entry: Entry<Opening, Input, Output>): LiveActor<Input, Output> {
    const way: Entry<Opening, Input, Output>[] = [];
    let at = entry;
    let actor = this.#take(at);
    while (actor === undefined && at.cause !== null) {
      way.push(at);
      at = at.cause.parent;
      actor = this.#take(at);
    }
    actor ??= this.#options.open(at.opening).actor;
    for (const next of way.toReversed()) {
      this.#assertSame(next.output, actor.step(next.cause!.input, next.cause!.parent.output));
    }
    return actor;
  }

  #assertSame(first: Output, again: Output): void {
    const { fingerprint } = this.#options;
    assert(
      fingerprint(first) === fingerprint(again),
      '[LH2] a core that came to the same state has put out the same',
    );
  }

  #take(entry: Entry<Opening, Input, Output>): LiveActor<Input, Output> | undefined {
    const actor = this.#live.get(entry.id);
    this.#live.delete(entry.id);
    return actor;
  }
}
