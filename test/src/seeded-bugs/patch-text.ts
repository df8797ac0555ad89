/**
 * What a patch of test/seeded-bugs says of itself in its first lines, and what the output of its
 * command says of how soon the bug was noticed. Pure.
 *
 *     bug: ...              what it breaks
 *     command: ...          what must notice, by failing; words between single blanks
 *     (blank line)
 *     --- a/packages/X/src/FILE.ts
 *     +++ b/packages/X/src/FILE.ts
 *
 * Invariants:
 *   SP1 a patch changes files that exist, of projects that can be built by their folder
 *   SP2 a command of the simulator is run from several first seeds, any other once
 *   SP3 a count is that of seeds up to the first that fails, however many ran beside each other
 */

export interface SeededBug {
  readonly name: string;
  readonly bug: string;
  readonly command: readonly string[];
  /** What it changes, by paths in the checkout. */
  readonly files: readonly string[];
  /** Folders of the projects that these belong to. */
  readonly projects: readonly string[];
}

/** From one run to the next: more than any command's seeds. */
const FIRST_SEED_STEP = 1000;
const RUNS = 3;

export function parseBug(name: string, text: string): SeededBug {
  const field = (label: string): string => {
    const match = new RegExp(`^${label}: (.*)$`, 'm').exec(text);
    if (match === null) throw new Error(`${name} has no line "${label}: ..."`);
    return match[1]!;
  };
  const files = [...text.matchAll(/^\+\+\+ b\/(\S+)/gm)].map((match) => match[1]!);
  const olds = [...text.matchAll(/^--- a\/(\S+)/gm)].map((match) => match[1]!);
  if (files.length === 0 || files.join() !== olds.join()) {
    throw new Error(`${name} does not change files in place: "--- a/FILE", "+++ b/FILE"`);
  }
  const projects = files.map((file) => {
    const project = /^(.+?)\/src\//.exec(file)?.[1];
    if (project === undefined) throw new Error(`${name} changes ${file}, which no project builds`);
    return project;
  });
  return {
    name,
    bug: field('bug'),
    command: field('command').split(' '),
    files,
    projects: [...new Set(projects)],
  };
}

/** The first seed of a simulator's command; undefined: it is another command. */
export function firstSeedOf(command: readonly string[]): number | undefined {
  if (!command.includes('test/dist/sim.js')) return undefined;
  const at = command.indexOf('--from');
  const from = at < 0 ? Number.NaN : Number(command[at + 1]);
  if (!Number.isInteger(from)) throw new Error(`${command.join(' ')} does not say --from SEED`);
  return from;
}

/** [SP2] The command as it stands, and where it is the simulator's the same from later seeds on. */
export function runsOf(command: readonly string[], isQuick: boolean): (readonly string[])[] {
  const from = firstSeedOf(command);
  if (from === undefined || isQuick) return [command];
  const value = command.indexOf('--from') + 1;
  return Array.from({ length: RUNS }, (_, run) =>
    command.with(value, String(from + run * FIRST_SEED_STEP)),
  );
}

/** [SP3] The first seed that the simulator's output calls failed. */
export function failingSeedOf(output: string): number | undefined {
  const failed = [...output.matchAll(/^seed (\d+) failed at commit/gm)];
  const killed = [...output.matchAll(/\bseed (\d+) killed its worker/g)];
  const seeds = [...failed, ...killed].map((match) => Number(match[1]));
  return seeds.length === 0 ? undefined : Math.min(...seeds);
}

/** What was violated in that seed, or how its worker died. */
export function violationOf(output: string, seed: number): string | undefined {
  const violation = new RegExp(`^seed ${seed} failed at commit.*\\n {2}(.*)$`, 'm').exec(output);
  if (violation !== null) return violation[1]!;
  return output.includes(`seed ${seed} killed its worker`) ? 'its worker died' : undefined;
}

/** Of an odd number of counts; Infinity where most of them are. */
export function median(counts: readonly number[]): number {
  return counts.toSorted((left, right) => left - right)[counts.length >> 1]!;
}
