/**
 * What dots the writes of a key have, as far as its clients can know: a read names the dots of what it
 * shows, and the answer of a write covers the write's own. Takes the place of the simulator's ledger.
 *
 * Invariants:
 *   KD1 a dot names one value, for ever, whoever reads it (O7 as clients see it)
 *   KD2 the dots given for a write that was sent once hold its dot
 */
import type { Dot } from '@clockwise/record/build';
import { covers, nameOfDot, nameOfKey, type Violation } from '../../checkers/history.ts';
import { type ClientRead, type ClientWrite, isClientWrite } from './client-history.ts';
import type { ClientEntry } from './client-history.ts';
import { ContextFrontier } from './context-frontier.ts';

export class KnownDots {
  readonly violations: Violation[] = [];
  readonly #valueOfDot: Map<string, string> = new Map();
  readonly #dotsOfValue: Map<string, Dot[]> = new Map();
  readonly #candidates: Map<ClientWrite, readonly Dot[]> = new Map();

  /** `entries`: all of one key. */
  constructor(entries: readonly ClientEntry[]) {
    for (const entry of entries) if (!isClientWrite(entry)) this.#learn(entry);
    this.#deduce(entries);
  }

  /** Under which dots the value was seen. */
  seenOf(value: string): readonly Dot[] {
    return this.#dotsOfValue.get(value) ?? [];
  }

  /** [KD2] The dots of a write that was acknowledged: those seen, or those it can only have. */
  possibleOf(write: ClientWrite): readonly Dot[] {
    const seen = write.value === undefined ? [] : this.seenOf(write.value);
    return seen.length > 0 ? seen : (this.#candidates.get(write) ?? []);
  }

  /** [KD1] */
  #learn(read: ClientRead): void {
    for (const { value, dot } of read.siblings) {
      const name = nameOfDot(dot);
      const known = this.#valueOfDot.get(name);
      if (known === undefined) {
        this.#valueOfDot.set(name, value);
        this.#dotsOfValue.set(value, [...this.seenOf(value), dot]);
      } else if (known !== value) {
        const text = `dot ${name} of ${nameOfKey(read)} names ${known} and ${value}`;
        this.violations.push({ oracle: 'O7', text });
      }
    }
  }

  /**
   * A write's dot is the last of its maker in the answer's context; what the request's context
   * covered, what another value has, and what anybody knew before the write began, it is not.
   */
  #deduce(entries: readonly ClientEntry[]): void {
    const answers = entries.filter(isAnswered).toSorted((a, b) => a.completedAt - b.completedAt);
    const before = new ContextFrontier<true>();
    let next = 0;
    for (const write of entries.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
      while ((answers[next]?.completedAt ?? Infinity) < write.invokedAt) {
        before.add(answerOf(answers[next]!), true);
        next += 1;
      }
      if (!isClientWrite(write) || write.outcome !== 'ok') continue;
      const candidates = write.answer.filter(
        (dot) =>
          before.coveredBy(dot) === undefined &&
          !covers(write.context ?? [], dot) &&
          (this.#valueOfDot.get(nameOfDot(dot)) ?? write.value) === write.value,
      );
      this.#candidates.set(write, candidates);
    }
  }
}

function isAnswered(entry: ClientEntry): boolean {
  return isClientWrite(entry) ? entry.outcome === 'ok' : entry.values !== undefined;
}

function answerOf(entry: ClientEntry): readonly Dot[] {
  return isClientWrite(entry) ? entry.answer : entry.context;
}
