/**
 * Hits of marks over many seeds, and what is said of them: how many of the catalogue were hit, which
 * never, and by which share of the seeds each.
 *
 * Invariants:
 *   PT1 a mark of the catalogue that no seed told of counts as never hit
 */
import type { Mark } from './probe-catalogue.ts';

export class ProbeTally {
  seedCount = 0;
  readonly #seedsByName: Map<string, number> = new Map();

  /** The hits of one seed: how often does not matter, only whether. */
  add(hits: ReadonlyMap<string, number>): void {
    this.seedCount += 1;
    for (const name of hits.keys()) {
      this.#seedsByName.set(name, (this.#seedsByName.get(name) ?? 0) + 1);
    }
  }

  /** How many seeds hit a mark. */
  seedsThatHit(name: string): number {
    return this.#seedsByName.get(name) ?? 0;
  }
}

/** For people: the count and what was never hit, or with `isWhole` the whole table. */
export function probeLines(
  catalogue: readonly Mark[],
  tally: ProbeTally,
  isWhole: boolean,
): string[] {
  const dead = catalogue.filter(({ name }) => tally.seedsThatHit(name) === 0);
  const lines = [`${catalogue.length - dead.length} of ${catalogue.length} marks hit`];
  if (isWhole) {
    const byShare = catalogue.toSorted(
      (left, right) => tally.seedsThatHit(left.name) - tally.seedsThatHit(right.name),
    );
    for (const mark of byShare) {
      const share = (tally.seedsThatHit(mark.name) * 100) / Math.max(1, tally.seedCount);
      lines.push(`  ${share.toFixed(1).padStart(5)} %  ${mark.kind.padEnd(9)}  ${placed(mark)}`);
    }
  } else {
    for (const mark of dead) lines.push(`  never hit: ${placed(mark)}`);
  }
  return lines;
}

function placed({ name, file, line }: Mark): string {
  return `${name} (${file}:${line})`;
}
