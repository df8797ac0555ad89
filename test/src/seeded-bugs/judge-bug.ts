/**
 * Whether what must notice a bug notices it, and that it is the bug that is noticed: what fails with the
 * patch must pass without it.
 *
 * Invariants:
 *   JB1 caught: the command fails as the patch has it, and in most of its runs from other seeds
 *   JB2 caught: the seeds that failed, or the whole command where it is no simulator's, pass unpatched
 */
import type { CheckoutCopy, CommandResult } from './checkout-copy.ts';
import { failingSeedOf, firstSeedOf, median, runsOf, violationOf } from './patch-text.ts';
import type { SeededBug } from './patch-text.ts';

const TEXT_CHARACTERS_MAX = 140;

export type Verdict =
  | { readonly kind: 'caught'; readonly text: string }
  | { readonly kind: 'failed'; readonly state: FailedState; readonly text: string };

export type FailedState =
  'DOES NOT APPLY' | 'DOES NOT BUILD' | 'SURVIVED' | 'GAVE NO VERDICT' | 'FAILS WITHOUT IT TOO';

/** One run that failed as it should: what to run without the patch, and what it said. */
interface Noticed {
  readonly kind: 'noticed';
  readonly control: readonly string[];
  /** Seeds up to the one that failed; 0: not the simulator. */
  readonly seedCount: number;
  readonly text: string;
}

type RunOutcome = Noticed | { readonly kind: 'unnoticed' } | { readonly kind: 'no-verdict' };

/** A CheckoutCopy, or a test's. */
export type JudgedCopy = Pick<CheckoutCopy, 'withPatch' | 'build' | 'run'>;

export class BugJudge {
  readonly #copy: JudgedCopy;
  readonly #isQuick: boolean;
  /** Commands that were run on the copy without a patch, and whether they passed. */
  readonly #controls: Map<string, boolean> = new Map();

  constructor(copy: JudgedCopy, isQuick: boolean) {
    this.#copy = copy;
    this.#isQuick = isQuick;
  }

  judge(bug: SeededBug, patchFile: string): Verdict {
    const outcomes = this.#copy.withPatch(bug, patchFile, (applied) => {
      if (applied.exitCode !== 0) return failed('DOES NOT APPLY', lastLine(applied));
      const built = this.#copy.build(bug.projects);
      if (built.exitCode !== 0) return failed('DOES NOT BUILD', lastLine(built));
      return runsOf(bug.command, this.#isQuick).map((command) => this.#run(command));
    });
    const rebuilt = this.#copy.build(bug.projects);
    if (rebuilt.exitCode !== 0) throw new Error(`the copy does not build:\n${rebuilt.output}`);
    return 'kind' in outcomes ? outcomes : this.#verdict(outcomes);
  }

  #run(command: readonly string[]): RunOutcome {
    const result = this.#copy.run(command);
    const { exitCode, output } = result;
    if (exitCode === undefined) return { kind: 'no-verdict' };
    if (exitCode === 0) return { kind: 'unnoticed' };
    const from = firstSeedOf(command);
    if (from === undefined) {
      return { kind: 'noticed', control: command, seedCount: 0, text: failureOf(result) };
    }
    const seed = failingSeedOf(output);
    // It failed without a seed that fails: it never came to judge.
    if (seed === undefined) return { kind: 'no-verdict' };
    return {
      kind: 'noticed',
      control: [...command.slice(0, command.indexOf('test/dist/sim.js') + 1), '--seed', `${seed}`],
      seedCount: seed - from + 1,
      text: shortened(violationOf(output, seed) ?? ''),
    };
  }

  #verdict(outcomes: readonly RunOutcome[]): Verdict {
    const [named] = outcomes;
    if (outcomes.some(({ kind }) => kind === 'no-verdict')) {
      return failed('GAVE NO VERDICT', countsText(outcomes));
    }
    const middle = median(outcomes.map(seedCountOf));
    if (named?.kind !== 'noticed' || middle === Infinity) {
      return failed('SURVIVED', countsText(outcomes));
    }
    for (const outcome of outcomes) {
      if (outcome.kind === 'noticed' && !this.#passesUnpatched(outcome.control)) {
        return failed('FAILS WITHOUT IT TOO', outcome.control.join(' '));
      }
    }
    return { kind: 'caught', text: caughtText(outcomes, named, middle) };
  }

  /** [JB2] REQUIRES: no patch is applied, and the copy is built. */
  #passesUnpatched(control: readonly string[]): boolean {
    const name = control.join(' ');
    const known = this.#controls.get(name);
    if (known !== undefined) return known;
    const passes = this.#copy.run(control).exitCode === 0;
    this.#controls.set(name, passes);
    return passes;
  }
}

function failed(state: FailedState, text: string): Verdict {
  return { kind: 'failed', state, text };
}

function seedCountOf(outcome: RunOutcome): number {
  return outcome.kind === 'noticed' ? outcome.seedCount : Infinity;
}

function caughtText(outcomes: readonly RunOutcome[], named: Noticed, middle: number): string {
  if (named.seedCount === 0) return named.text;
  const counts = countsText(outcomes);
  const seeds = outcomes.length === 1 ? `${counts} seeds` : `${counts} seeds, median ${middle}`;
  return `${seeds}: ${named.text}`;
}

/** '2, 17, none': the seeds that each run took. */
function countsText(outcomes: readonly RunOutcome[]): string {
  const texts = outcomes.map((outcome) => {
    if (outcome.kind === 'unnoticed') return 'none';
    if (outcome.kind === 'no-verdict') return 'no verdict';
    return outcome.seedCount === 0 ? 'noticed' : String(outcome.seedCount);
  });
  return texts.join(', ');
}

/** The first test that failed, or how the output ends. */
function failureOf(result: CommandResult): string {
  const test = /^\s*FAIL\s+(?:\S+\s+)?"(.*)"\s*$/m.exec(result.output)?.[1];
  return test === undefined ? lastLine(result) : shortened(test);
}

function lastLine({ output }: CommandResult): string {
  return shortened(output.trim().split('\n').at(-1) ?? '');
}

function shortened(text: string): string {
  return text.trim().slice(0, TEXT_CHARACTERS_MAX);
}
