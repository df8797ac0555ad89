/**
 * Looks for an order of one register's operations that respects time and explains every answer: the
 * search of Wing and Gong in the form of Lowe, over a linked list of beginnings and ends, with a cache
 * of the configurations met before.
 *
 * Four cuts, all exact:
 * - An operation that changes nothing and fits the value now, and that may come next, comes next:
 *   whatever order goes on from here goes on with it in front. No alternative to it is tried.
 * - A value is not replaced while somebody still has to observe it and nobody is left to write it.
 * - Before a write comes next, all writes of values that nobody met and that may come next do: the write
 *   hides them there, and later they could only be in the way. (Not where a compare-and-set failed: it
 *   may have met one.)
 * - Of writes of one value that may come next, the one that ends first does: they can change places.
 *
 * Invariants:
 *   LZ1 an order that is found respects time and explains every answer
 *   LZ2 where none is found, there is none
 */
import { assert } from '@clockwise/kernel/assert';
import { Prng } from '@clockwise/kernel/prng';
import { ConfigurationCache } from './linearizability-cache.ts';
import { ABSENT, type PreparedOperation, ROLE, UNMET } from './linearizability-register.ts';

export type SearchResult =
  | { readonly kind: 'found'; readonly order: readonly number[] }
  | { readonly kind: 'none' }
  /** More configurations than may be looked at. */
  | { readonly kind: 'undecided' };

export function searchOrder(
  operations: readonly PreparedOperation[],
  configurationsMax: number,
): SearchResult {
  return new OrderSearch(operations, configurationsMax).run();
}

const NONE = -1;

class OrderSearch {
  readonly #operations: readonly PreparedOperation[];
  readonly #configurationsMax: number;
  readonly #cache: ConfigurationCache = new ConfigurationCache();
  /** Events 2i (beginning of i) and 2i + 1 (its end), linked in order of time; the head is 2n. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  readonly #bits: Int32Array;
  readonly #zobrist: Int32Array;
  #hash = 0;
  #value: number = ABSENT;
  /** By value: operations outside the order that must still observe it; that could still write it. */
  readonly #observers: Int32Array;
  readonly #writers: Int32Array;
  readonly #hasMismatch: boolean;
  readonly #order: number[] = [];
  readonly #valuesBefore: number[] = [];
  /** By place in the order: the operation after which other choices begin; NONE where there was no choice. */
  readonly #choices: number[] = [];
  /** Operations outside the order that must enter it. */
  #required = 0;

  constructor(operations: readonly PreparedOperation[], configurationsMax: number) {
    const count = operations.length;
    this.#operations = operations;
    this.#configurationsMax = configurationsMax;
    this.#next = new Int32Array(2 * count + 1).fill(NONE);
    this.#previous = new Int32Array(2 * count + 1).fill(NONE);
    this.#head = 2 * count;
    this.#bits = new Int32Array((count + 31) >> 5);
    const prng = new Prng('zobrist');
    this.#zobrist = Int32Array.from({ length: count }, () => prng.word());
    const codes = operations.flatMap(({ expected, value }) => [expected, value]);
    const codeCount = codes.reduce((highest, code) => Math.max(highest, code), UNMET) + 1;
    this.#observers = new Int32Array(codeCount);
    this.#writers = new Int32Array(codeCount);
    this.#hasMismatch = operations.some(({ role }) => role === ROLE.mismatch);
    this.#link();
    for (let index = 0; index < count; index += 1) this.#account(index, 1);
  }

  run(): SearchResult {
    let event = this.#firstEvent();
    while (this.#required > 0) {
      if (this.#cache.size > this.#configurationsMax) return { kind: 'undecided' };
      assert(event !== NONE, 'the end of what must enter the order lies ahead');
      const isEnd = (event & 1) === 1;
      if (!isEnd && this.#tryNext(event >> 1)) {
        event = this.#afterStep();
      } else {
        event = isEnd ? this.#backtrack() : this.#next[event]!;
      }
      if (event === NONE && this.#required > 0) {
        return { kind: 'none' };
      }
    }
    return { kind: 'found', order: this.#order };
  }

  #link(): void {
    const events: number[] = [];
    for (const [index, { completedAt }] of this.#operations.entries()) {
      events.push(2 * index);
      if (completedAt < Infinity) events.push(2 * index + 1);
    }
    const timeOf = (event: number): number => {
      const operation = this.#operations[event >> 1]!;
      return (event & 1) === 1 ? operation.completedAt : operation.invokedAt;
    };
    // What ends when another begins overlaps it: beginnings first.
    events.sort((left, right) => timeOf(left) - timeOf(right) || (left & 1) - (right & 1));
    let before = this.#head;
    for (const event of events) {
      this.#next[before] = event;
      this.#previous[event] = before;
      before = event;
    }
  }

  #firstEvent(): number {
    return this.#next[this.#head]!;
  }

  /** Puts what is forced into the order; from there on every choice is open again. */
  #afterStep(): number {
    for (;;) {
      const forced = this.#forced();
      if (forced === NONE) return this.#firstEvent();
      this.#enter(forced, NONE);
      if (!this.#isNew()) return this.#backtrack();
    }
  }

  /** An operation that may come next, fits and changes nothing. */
  #forced(): number {
    let event = this.#firstEvent();
    while (event !== NONE && (event & 1) === 0) {
      const { role } = this.#operations[event >> 1]!;
      const changesNothing = role === ROLE.read || role === ROLE.mismatch;
      if (changesNothing && this.#fits(event >> 1)) return event >> 1;
      event = this.#next[event]!;
    }
    return NONE;
  }

  #fits(index: number): boolean {
    const { role, expected, predecessor } = this.#operations[index]!;
    if (role === ROLE.write) return predecessor < 0 || this.#isIn(predecessor);
    return role === ROLE.mismatch ? this.#value !== expected : this.#value === expected;
  }

  /** Puts an operation next, with the unmet writes that it hides. False: there is no use in that. */
  #tryNext(index: number): boolean {
    if (!this.#fits(index)) return false;
    const isWrite = this.#operations[index]!.role === ROLE.write;
    if (isWrite && this.#isOutranked(index)) return false;
    const before = this.#value;
    const length = this.#order.length;
    let choice = index;
    if (isWrite) {
      for (let unmet = this.#unmet(index); unmet !== NONE; unmet = this.#unmet(index)) {
        this.#enter(unmet, choice);
        choice = NONE;
      }
    }
    this.#enter(index, choice);
    const isDoomed =
      this.#value !== before && this.#observers[before]! > 0 && this.#writers[before] === 0;
    if (!isDoomed && this.#isNew()) return true;
    while (this.#order.length > length) this.#leave();
    return false;
  }

  /** Whether another write of the same value may come next and ends before it. */
  #isOutranked(index: number): boolean {
    const { value, completedAt } = this.#operations[index]!;
    // Itself counts as a writer.
    if (this.#writers[value]! < 2) return false;
    let event = this.#firstEvent();
    while (event !== NONE && (event & 1) === 0) {
      const other = this.#operations[event >> 1]!;
      const isSame = other.role === ROLE.write && other.value === value;
      if (isSame && other.completedAt < completedAt) return true;
      event = this.#next[event]!;
    }
    return false;
  }

  /** An unmet write, other than `index`, that may come next. */
  #unmet(index: number): number {
    if (this.#hasMismatch || this.#writers[UNMET] === 0) return NONE;
    let event = this.#firstEvent();
    while (event !== NONE && (event & 1) === 0) {
      const { role, value } = this.#operations[event >> 1]!;
      if (role === ROLE.write && value === UNMET && event >> 1 !== index) return event >> 1;
      event = this.#next[event]!;
    }
    return NONE;
  }

  #isNew(): boolean {
    const hash = Math.imul(this.#hash ^ Math.imul(this.#value, 0x9e3779b1), 0x85ebca6b);
    return this.#cache.add(this.#bits, this.#value, hash ^ (hash >>> 15));
  }

  #enter(index: number, choice: number): void {
    const { role, value } = this.#operations[index]!;
    this.#order.push(index);
    this.#valuesBefore.push(this.#value);
    this.#choices.push(choice);
    if (role === ROLE.write || role === ROLE.swap) this.#value = value;
    this.#account(index, -1);
    this.#toggle(index);
    this.#lift(index);
  }

  /** Takes the last operation out of the order; returns the choice that it was. */
  #leave(): number {
    const index = this.#order.pop()!;
    this.#unlift(index);
    this.#toggle(index);
    this.#account(index, 1);
    this.#value = this.#valuesBefore.pop()!;
    return this.#choices.pop()!;
  }

  /** Takes the last choice back and returns where to look for another one. NONE: there was none. */
  #backtrack(): number {
    while (this.#order.length > 0) {
      const choice = this.#leave();
      if (choice !== NONE) return this.#next[2 * choice]!;
    }
    return NONE;
  }

  /** `by` is 1 for an operation that leaves the order (or was never in it), -1 for one that enters. */
  #account(index: number, by: 1 | -1): void {
    const { role, expected, value, completedAt } = this.#operations[index]!;
    const isRequired = completedAt < Infinity;
    if (isRequired) this.#required += by;
    if (isRequired && (role === ROLE.read || role === ROLE.swap)) {
      this.#observers[expected] = this.#observers[expected]! + by;
    }
    if (role === ROLE.write || role === ROLE.swap) {
      this.#writers[value] = this.#writers[value]! + by;
    }
  }

  #isIn(index: number): boolean {
    return ((this.#bits[index >> 5]! >>> (index & 31)) & 1) === 1;
  }

  #toggle(index: number): void {
    this.#bits[index >> 5] = this.#bits[index >> 5]! ^ (1 << (index & 31));
    this.#hash ^= this.#zobrist[index]!;
  }

  #lift(index: number): void {
    this.#unlink(2 * index);
    if (this.#operations[index]!.completedAt < Infinity) this.#unlink(2 * index + 1);
  }

  #unlift(index: number): void {
    if (this.#operations[index]!.completedAt < Infinity) this.#relink(2 * index + 1);
    this.#relink(2 * index);
  }

  #unlink(event: number): void {
    const previous = this.#previous[event]!;
    const next = this.#next[event]!;
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  #relink(event: number): void {
    this.#next[this.#previous[event]!] = event;
    const next = this.#next[event]!;
    if (next !== NONE) this.#previous[next] = event;
  }
}
