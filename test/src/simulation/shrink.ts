/**
 * Makes a failing run small: first faults are taken away, then operations, then clients, keys, shards
 * and nodes, then faults again. It works on the plan, not on the seed: everything else is drawn from
 * streams with labels and stays as it was.
 *
 * Invariants:
 *   SK1 what is returned fails by the same oracle as what was given
 *   SK2 nothing grows
 */
import type { HistoryEntry } from '../checkers/history.ts';
import { minimize, type Trials } from './ddmin.ts';
import type { PlannedTime, RunPlan } from './run-plan.ts';

/** What a run of a plan came to. */
export interface Trial {
  /** Of all violations. */
  readonly oracles: readonly string[];
  readonly history: readonly HistoryEntry[];
}

export interface ShrinkOptions {
  readonly run: (plan: RunPlan) => Trial;
  readonly trialsMax: number;
  readonly say: (line: string) => void;
}

/** REQUIRES: the plan fails. */
export function shrink(plan: RunPlan, options: ShrinkOptions): RunPlan {
  const first = options.run(plan);
  const [oracle] = first.oracles;
  if (oracle === undefined) throw new Error('what does not fail is not shrunk');
  return new Shrinking(oracle, options).run(plan);
}

class Shrinking {
  readonly #oracle: string;
  readonly #options: ShrinkOptions;
  readonly #trials: Trials;

  constructor(oracle: string, options: ShrinkOptions) {
    this.#oracle = oracle;
    this.#options = options;
    this.#trials = { left: options.trialsMax };
  }

  run(plan: RunPlan): RunPlan {
    let smaller = this.#withFewerFaults(plan);
    smaller = this.#withFewerOperations(smaller);
    smaller = this.#withSmallerSizes(smaller);
    smaller = this.#withFewerFaults(smaller);
    smaller = this.#withFewerOperations(smaller);
    this.#options.say(`${this.#options.trialsMax - this.#trials.left} runs tried`);
    return smaller;
  }

  /** [SK1] */
  #fails(plan: RunPlan): boolean {
    return this.#options.run(plan).oracles.includes(this.#oracle);
  }

  #withFewerFaults(plan: RunPlan): RunPlan {
    const schedule = minimize(
      plan.schedule,
      (faults) => this.#fails({ ...plan, schedule: faults }),
      this.#trials,
    );
    this.#options.say(`faults: ${plan.schedule.length} -> ${schedule.length}`);
    return { ...plan, schedule };
  }

  #withFewerOperations(plan: RunPlan): RunPlan {
    const { history } = this.#options.run(plan);
    const all = history
      .filter(({ client }) => client < plan.configuration.clientCount)
      .toSorted((left, right) => left.invokedAt - right.invokedAt)
      .map(({ client, operation, invokedAt }) => ({ client, operation, at: invokedAt }));
    const fails = (operations: readonly PlannedTime[]): boolean =>
      this.#fails({ ...plan, operations });
    // Begun at their own times, the operations meet the others a little differently.
    this.#trials.left -= 1;
    if (!fails(all)) {
      this.#options.say('with operations begun at fixed times it passes: none is taken away');
      return plan;
    }
    const operations = minimize(all, fails, this.#trials);
    this.#options.say(`operations: ${all.length} -> ${operations.length}`);
    return { ...plan, operations };
  }

  #withSmallerSizes(plan: RunPlan): RunPlan {
    let smaller = plan;
    for (const step of SIZE_STEPS) {
      for (;;) {
        const candidate = step(smaller);
        if (candidate === undefined || this.#trials.left <= 0) break;
        this.#trials.left -= 1;
        if (!this.#fails(candidate)) break;
        smaller = candidate;
      }
    }
    const sizes = ({ configuration: it }: RunPlan): string =>
      `${it.nodeCount} nodes, ${it.shardCount} shards, ${it.clientCount} clients, ${it.keyCount} keys`;
    this.#options.say(`sizes: ${sizes(plan)} -> ${sizes(smaller)}`);
    return smaller;
  }
}

type SizeStep = (plan: RunPlan) => RunPlan | undefined;

/** One of a count less, down to a least. */
function less(
  name: 'nodeCount' | 'shardCount' | 'clientCount' | 'keyCount',
  least: (plan: RunPlan) => number,
): SizeStep {
  return (plan) => {
    const value = plan.configuration[name] - 1;
    if (value < least(plan)) return undefined;
    const configuration = { ...plan.configuration, [name]: value };
    const schedule = plan.schedule.filter((fault) => {
      const { node = 0, shard = 0 } = fault as { readonly node?: number; readonly shard?: number };
      return node < configuration.nodeCount && shard < configuration.shardCount;
    });
    return { ...plan, configuration, schedule };
  };
}

/** [SK2] */
const SIZE_STEPS: readonly SizeStep[] = [
  less('clientCount', () => 1),
  less('nodeCount', ({ configuration }) => configuration.copies),
  less('shardCount', () => 1),
  less('keyCount', () => 1),
];
