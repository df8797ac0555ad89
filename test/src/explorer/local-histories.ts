/**
 * Actors as functions of what they were given. A core is deterministic, so its state after an opening
 * and a sequence of inputs is named by just these; each is stepped once, what it put out is kept, and
 * every schedule of the explorer that gives an actor the same inputs finds the same local state.
 *
 *     opening --input--> state --input--> state ...       a tree; edges are inputs, by content
 *
 * Cores cannot be copied. A few of them are kept running, each at some state of the tree; where one is
 * needed at a state that none stands at, one is moved there, or opened anew and given all its inputs.
 *
 * Invariants:
 *   LH1 equal openings and equal inputs are one local state
 *   LH2 a core that is given its inputs again puts out what it put out the first time
 */
import { assert } from '@clockwise/kernel/assert';

export interface LocalState<Output> {
  /** Unique among the states of one tree of histories. */
  readonly id: number;
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
  /** Differs where outputs differ; compared where a core is given its inputs again. */
  readonly fingerprint: (output: Output) => string;
  readonly liveMax: number;
}

interface Entry<Opening, Input, Output> extends LocalState<Output> {
  readonly opening: Opening;
  readonly cause: { readonly parent: Entry<Opening, Input, Output>; readonly input: Input } | null;
  readonly children: Map<string, Entry<Opening, Input, Output>>;
}

export class LocalHistories<Opening, Input, Output> {
  readonly #options: LocalHistoriesOptions<Opening, Input, Output>;
  readonly #openings: Map<string, Entry<Opening, Input, Output>> = new Map();
  readonly #entries: Entry<Opening, Input, Output>[] = [];
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
    const entry = this.#add({ opening, cause: null, output });
    this.#openings.set(name, entry);
    this.#keep(entry, actor);
    return entry;
  }

  step(state: LocalState<Output>, input: Input): LocalState<Output> {
    const from = this.#entries[state.id]!;
    const name = this.#options.nameOfInput(input);
    const known = from.children.get(name);
    if (known !== undefined) return known;
    const actor = this.#actorAt(from);
    const output = actor.step(input, from.output);
    const entry = this.#add({ opening: from.opening, cause: { parent: from, input }, output });
    from.children.set(name, entry);
    this.#keep(entry, actor);
    return entry;
  }

  #add(fields: {
    opening: Opening;
    cause: Entry<Opening, Input, Output>['cause'];
    output: Output;
  }): Entry<Opening, Input, Output> {
    const entry = { ...fields, id: this.#entries.length, children: new Map() };
    this.#entries.push(entry);
    return entry;
  }

  #keep(entry: Entry<Opening, Input, Output>, actor: LiveActor<Input, Output>): void {
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
      const output = actor.step(next.cause!.input, next.cause!.parent.output);
      const { fingerprint } = this.#options;
      assert(
        fingerprint(output) === fingerprint(next.output),
        '[LH2] a core that is given its inputs again puts out the same',
      );
    }
    return actor;
  }

  #take(entry: Entry<Opening, Input, Output>): LiveActor<Input, Output> | undefined {
    const actor = this.#live.get(entry.id);
    this.#live.delete(entry.id);
    return actor;
  }
}
