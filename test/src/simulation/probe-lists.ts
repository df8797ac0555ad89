/**
 * The two lists of test/probes: marks that the usual seeds (see usual-seeds) hit, and all
 * others, each with the reason why these seeds may miss it. What is newly dead fails the test. When a
 * change of what seeds draw moves many of them, `npm run sim -- --rewrite-probe-lists` writes the lists
 * anew; what it cannot give a reason for waits for a person's.
 *
 * Invariants:
 *   PL1 every mark of the catalogue is in exactly one list, and nothing else is
 *   PL2 a mark of the first list that no usual seed hits any more is a failure
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Mark } from './probe-catalogue.ts';
import type { ProbeTally } from './probe-tally.ts';

const FOLDER = new URL('../../probes/', import.meta.url);
const HIT = new URL('hit-by-the-usual-seeds.txt', FOLDER);
const MISSED = new URL('missed-by-the-usual-seeds.txt', FOLDER);

/** So many of them must hit a mark before all later ones are asked to: fewer may be chance. */
const SEEDS_MIN = 5;

export interface ProbeLists {
  readonly hit: readonly string[];
  /** Name to reason. */
  readonly missed: ReadonlyMap<string, string>;
}

export function readProbeLists(): ProbeLists {
  return {
    hit: linesOf(readFileSync(HIT, 'utf8')),
    missed: reasonsOf(readFileSync(MISSED, 'utf8')),
  };
}

/** `name | reason` in each line; lines that begin with # are for people. */
export function reasonsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    linesOf(text).map((line) => {
      const [name = '', reason = ''] = line.split(/ \|(?: |$)/);
      return [name, reason] as const;
    }),
  );
}

export function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** The lists as these hits would have them; reasons are kept, and are empty where nobody gave one. */
export function listsFrom(
  catalogue: readonly Mark[],
  tally: ProbeTally,
  before: ProbeLists,
): ProbeLists {
  const names = catalogue.map(({ name }) => name);
  const isUsual = (name: string): boolean => tally.seedsThatHit(name) >= SEEDS_MIN;
  const reasonOf = (name: string): string => {
    const count = tally.seedsThatHit(name);
    const rare = count === 0 ? '' : `rare: hit by ${count} of the usual seeds`;
    return before.missed.get(name) ?? rare;
  };
  return {
    hit: names.filter(isUsual),
    missed: new Map(names.filter((name) => !isUsual(name)).map((name) => [name, reasonOf(name)])),
  };
}

/** Returns what is newly dead: a person decides whether that may be. */
export function rewriteProbeLists(catalogue: readonly Mark[], tally: ProbeTally): string[] {
  const before = readProbeLists();
  const { hit, missed } = listsFrom(catalogue, tally, before);
  rewrite(HIT, hit);
  rewrite(
    MISSED,
    [...missed].map(([name, reason]) => `${name} | ${reason}`.trimEnd()),
  );
  return before.hit.filter((name) => tally.seedsThatHit(name) === 0);
}

/** The lines for people at its head stay. */
function rewrite(file: URL, lines: readonly string[]): void {
  const head = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'));
  writeFileSync(file, `${[...head, ...lines].join('\n')}\n`);
}

/** What does not fit, one line each; empty: all is well. */
export function judgeProbes(
  catalogue: readonly Mark[],
  tally: ProbeTally,
  { hit, missed }: ProbeLists,
): string[] {
  const known = new Set(catalogue.map(({ name }) => name));
  const listed = [...hit, ...missed.keys()];
  const counts = new Map<string, number>();
  for (const name of listed) counts.set(name, (counts.get(name) ?? 0) + 1);
  const unlisted = [...known].filter((name) => !counts.has(name));
  return [
    ...hit
      .filter((name) => known.has(name) && tally.seedsThatHit(name) === 0)
      .map((name) => `newly dead: ${name}`),
    ...unlisted.map((name) => `in neither list of test/probes: ${name}`),
    ...[...counts.keys()]
      .filter((name) => !known.has(name))
      .map((name) => `listed in test/probes, but in no source: ${name}`),
    ...[...counts].filter(([, count]) => count > 1).map(([name]) => `listed twice: ${name}`),
    ...[...missed].filter(([, reason]) => reason === '').map(([name]) => `without reason: ${name}`),
  ];
}
