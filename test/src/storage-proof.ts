/**
 * `npm run storage-proof`: the store against a model, on simulated disks.
 *
 * Prints what each kind took. The exit code is 1 if any run failed, of this command or of those before it
 * in the journal; each failure prints its seed, and belongs into a named test.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { commandOptions, duration, integer, refuse } from './command-options.ts';
import { ProofJournal } from './proof/proof-journal.ts';
import { NOTHING_DONE, ProofLedger, type ProofSums } from './proof/proof-ledger.ts';
import type { ProofPart } from './proof/proof-part.ts';
import {
  GOALS,
  planOf,
  PROOF_KINDS,
  type ProofExtent,
  type ProofKind,
} from './proof/proof-plan.ts';
import { runParts } from './proof/proof-pool.ts';

const SEED_MAX = 2 ** 31;
const WORKERS_MAX = 64;
const MINUTE_MS = 60_000;
/** Between two lines that say how far it is. */
const TOLD_EVERY_MS = 60_000;

const USAGE = `npm run storage-proof -- [--seed S] [--workers 2]      some lists of operations on fifty configurations
                                                       each, a thousand crashes, the n-th failures to 50,
                                                       two thousand openings of stores that rotted
npm run storage-proof -- --all [...]                   every call x every crash model of a run of 500
                                                       writes, and every call of each kind failing
npm run storage-proof -- --minutes 10 [...]            rot and lists of operations until the time is over
npm run storage-proof -- --journal FILE [--minutes M]  the whole proof, in as many runs as one likes: all of
                                                       --all, then ten million damaged places and 10^9
                                                       operations. FILE says what is done; each run goes on
                                                       behind it
npm run storage-proof -- --only crashes|faults|damage|metamorphic [...]`;

const { values: options } = commandOptions(USAGE, {
  options: {
    all: { type: 'boolean', default: false },
    seed: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    minutes: { type: 'string' },
    journal: { type: 'string' },
    only: { type: 'string' },
  },
});

const workers = integer('workers', options.workers, 1, WORKERS_MAX);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface Proof {
  readonly seed: string;
  readonly extent: ProofExtent;
  readonly journal: ProofJournal | undefined;
  readonly untilMs: number;
}

/** What is done of the kind when the run is over, with all that was done before. */
async function prove(
  kind: ProofKind,
  { seed, extent, journal, untilMs }: Proof,
): Promise<ProofSums> {
  const ledger = new ProofLedger(journal?.sumsOf(kind) ?? NOTHING_DONE);
  const [, goal] = GOALS[kind];
  const isOver = (): boolean => performance.now() > untilMs || ledger.sums.amount >= goal;
  if (isOver()) return ledger.sums;
  const { text, parts } = planOf(kind, seed, extent);
  if (text !== '') print(text);
  const numbers = new Map<ProofPart, number>();
  let toldAtMs = performance.now();
  await runParts({
    parts: numbered(parts, ledger.sums.partsDone, numbers),
    workers,
    isOver,
    onReport: (part, report) => {
      ledger.ended(numbers.get(part)!, report);
      numbers.delete(part);
      for (const failure of report.failures) print(failure);
      journal?.note(kind, ledger.sums);
      if (performance.now() < toldAtMs + TOLD_EVERY_MS) return;
      toldAtMs = performance.now();
      print(lineOf(kind, ledger.sums));
    },
  });
  return ledger.sums;
}

/** Those from number `from` on. */
function* numbered(
  parts: Iterable<ProofPart>,
  from: number,
  numbers: Map<ProofPart, number>,
): Generator<ProofPart> {
  let number = 0;
  for (const part of parts) {
    if (number >= from) {
      numbers.set(part, number);
      yield part;
    }
    number += 1;
  }
}

function lineOf(kind: ProofKind, sums: ProofSums): string {
  const { runs, amount, failures, milliseconds } = sums;
  const [unit, goal] = GOALS[kind];
  const of = goal < Infinity ? ` of ${goal.toLocaleString('en')}` : '';
  const seconds = (milliseconds / 1000).toFixed(1);
  const counted = `${amount.toLocaleString('en')}${of} ${unit}`;
  return `${kind}: ${runs} runs, ${counted}, ${failures.length} failed, ${seconds} s of a processor`;
}

function extentOf(): ProofExtent {
  if (options.journal !== undefined || options.minutes !== undefined) return 'endless';
  return options.all ? 'all' : 'sample';
}

/** Those that end by themselves are none for a while of minutes. */
function kindsOf(): readonly ProofKind[] {
  const { only, minutes, journal } = options;
  const kinds =
    minutes === undefined || journal !== undefined
      ? PROOF_KINDS
      : PROOF_KINDS.filter((kind) => GOALS[kind][1] < Infinity);
  if (only === undefined) return kinds;
  const chosen = PROOF_KINDS.find((kind) => kind === only);
  return [chosen ?? refuse(`--only ${only}: one of ${PROOF_KINDS.join(', ')}`)];
}

async function main(): Promise<void> {
  const { minutes } = options;
  const kinds = kindsOf();
  const drawn = options.seed ?? String(randomInt(SEED_MAX));
  const journal =
    options.journal === undefined
      ? undefined
      : ProofJournal.open(options.journal, drawn, options.seed !== undefined);
  const seed = journal?.seed ?? drawn;
  print(`seed ${seed}`);
  const untilMs =
    minutes === undefined ? Infinity : performance.now() + duration('minutes', minutes) * MINUTE_MS;
  let failed = 0;
  for (const [index, kind] of kinds.entries()) {
    // Kinds without an end share the time that is left.
    const leftMs = untilMs - performance.now();
    const shareMs = GOALS[kind][1] < Infinity ? leftMs / (kinds.length - index) : leftMs;
    const ownUntilMs = performance.now() + shareMs;
    const sums = await prove(kind, { seed, extent: extentOf(), journal, untilMs: ownUntilMs });
    failed += sums.failures.length;
    print(lineOf(kind, sums));
  }
  print(failed === 0 ? 'nothing failed' : `${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
