/**
 * A stretch of the proof of the store, as plain data both ways: what a worker is given, what it says of
 * it. Every failure names the seed and the place, so that it can be run again by itself.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS } from '@clockwise/simulator/simulated-disk';
import { runCrash } from '../scenarios/crash-run.ts';
import { makeStore, runDamage } from '../scenarios/damage-run.ts';
import { faultKinds } from '../scenarios/fault-cases.ts';
import { runFault } from '../scenarios/fault-run.ts';
import { drawConfiguration } from '../scenarios/local-configurations.ts';
import { drawOperations, runOperations } from '../scenarios/metamorphic-run.ts';

/** Of one kind of fault: then it is known to be broken. */
const FAILURES_MAX = 20;

export type ProofPart =
  /** One list of operations on configurations from `from` on. */
  | {
      readonly kind: 'metamorphic';
      readonly list: string;
      readonly operations: number;
      readonly from: number;
      readonly count: number;
    }
  /** So many openings of one store that rotted, each at other places. */
  | { readonly kind: 'damage'; readonly store: string; readonly count: number }
  /** A crash before each of these calls, under every model; every `secondEvery`-th again later. */
  | {
      readonly kind: 'crashes';
      readonly seed: string;
      readonly writes: number;
      readonly from: number;
      readonly count: number;
      readonly secondEvery: number;
    }
  /** The n-th call of one kind fails, for n until the run is untouched, or `nthMax`. */
  | {
      readonly kind: 'faults';
      readonly seed: string;
      readonly writes: number;
      readonly faultKind: number;
      readonly forever: boolean;
      readonly nthMax: number;
    };

/** What a part did, as its kind counts it. */
interface PartOutcome {
  readonly runs: number;
  readonly amount: number;
  readonly failures: readonly string[];
}

export interface ProofReport extends PartOutcome {
  /** Of a processor. */
  readonly milliseconds: number;
}

export function runPart(part: ProofPart): ProofReport {
  const before = process.cpuUsage();
  const outcome = outcomeOf(part);
  const { user, system } = process.cpuUsage(before);
  return { ...outcome, milliseconds: Math.round((user + system) / 1000) };
}

function outcomeOf(part: ProofPart): PartOutcome {
  switch (part.kind) {
    case 'metamorphic':
      return runMetamorphic(part);
    case 'damage':
      return runDamages(part);
    case 'crashes':
      return runCrashes(part);
    case 'faults':
      return runFaults(part);
    default:
      return unreachable(part);
  }
}

function runMetamorphic(part: Extract<ProofPart, { readonly kind: 'metamorphic' }>): PartOutcome {
  const failures: string[] = [];
  const operations = drawOperations(new Prng(`operations ${part.list}`), part.operations);
  for (let index = part.from; index < part.from + part.count; index += 1) {
    const seed = `${part.list}-${index}`;
    attempt(failures, `metamorphic ${seed}`, () => {
      runOperations(operations, drawConfiguration(new Prng(`configuration ${seed}`)), seed);
    });
  }
  return { runs: part.count, amount: part.count * part.operations, failures };
}

function runDamages({
  store,
  count,
}: Extract<ProofPart, { readonly kind: 'damage' }>): PartOutcome {
  const failures: string[] = [];
  let amount = 0;
  const sound = attempt(failures, `damage ${store}`, () => makeStore(`damage ${store}`));
  if (sound === undefined) return { runs: 0, amount, failures };
  for (let run = 0; run < count && failures.length < FAILURES_MAX; run += 1) {
    const name = `damage ${store} ${run}`;
    amount += attempt(failures, name, () => runDamage(sound, name))?.placeCount ?? 0;
  }
  return { runs: count, amount, failures };
}

function runCrashes(part: Extract<ProofPart, { readonly kind: 'crashes' }>): PartOutcome {
  const { seed, writes, secondEvery } = part;
  const failures: string[] = [];
  let runs = 0;
  for (let call = part.from; call < part.from + part.count; call += 1) {
    for (const [index, model] of CRASH_MODELS.entries()) {
      const hasSecond = (call + index) % secondEvery === 0;
      const secondCall = hasSecond ? new Prng(`${seed} ${call} ${model}`).between(1, 60) : 0;
      runs += 1;
      attempt(failures, `crash ${seed}`, () => {
        runCrash({ seed, writes, model, call, secondCall });
      });
    }
  }
  return { runs, amount: runs, failures };
}

function runFaults(part: Extract<ProofPart, { readonly kind: 'faults' }>): PartOutcome {
  const { seed, writes, nthMax, forever } = part;
  const { name, caseOf } = faultKinds(seed, forever)[part.faultKind]!;
  const failures: string[] = [];
  let nth = 0;
  let isTouched = true;
  while (isTouched && nth < nthMax && failures.length < FAILURES_MAX) {
    nth += 1;
    const outcome = attempt(failures, `fault ${seed} ${name} ${nth}`, () => {
      return runFault(caseOf(nth, writes));
    });
    isTouched = outcome?.isTouched ?? true;
  }
  return { runs: nth, amount: nth, failures };
}

/** What a run throws is what it found: it is kept, and the others go on. Undefined: it threw. */
function attempt<Outcome>(
  failures: string[],
  name: string,
  run: () => Outcome,
): Outcome | undefined {
  try {
    return run();
  } catch (error) {
    failures.push(
      `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return undefined;
  }
}
