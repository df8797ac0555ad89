/**
 * The two lists of test/probes: marks that the usual seeds (1 to 30, of every test run) hit, and all
 * others, each with the reason why these seeds may miss it. What is newly dead fails the test.
 *
 * Invariants:
 *   PL1 every mark of the catalogue is in exactly one list, and nothing else is
 *   PL2 a mark of the first list that no usual seed hits any more is a failure
 */
import { readFileSync } from 'node:fs';
import type { Mark } from './probe-catalogue.ts';
import type { ProbeTally } from './probe-tally.ts';

const FOLDER = new URL('../../probes/', import.meta.url);

export interface ProbeLists {
  readonly hit: readonly string[];
  /** Name to reason. */
  readonly missed: ReadonlyMap<string, string>;
}

export function readProbeLists(): ProbeLists {
  return {
    hit: linesOf(readFileSync(new URL('hit-by-the-usual-seeds.txt', FOLDER), 'utf8')),
    missed: reasonsOf(readFileSync(new URL('missed-by-the-usual-seeds.txt', FOLDER), 'utf8')),
  };
}

/** `name | reason` in each line; lines that begin with # are for people. */
export function reasonsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    linesOf(text).map((line) => {
      const [name = '', reason = ''] = line.split(' | ');
      return [name, reason] as const;
    }),
  );
}

export function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
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
