/**
 * A file that says how far a proof has come, so that it can be made in parts, over days. Written aside
 * and renamed: a run that is killed leaves the file as it was after some part.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { NOTHING_DONE, type ProofSums } from './proof-ledger.ts';

const FORMAT = 1;

interface JournalFile {
  readonly format: number;
  readonly seed: string;
  readonly kinds: Readonly<Record<string, ProofSums>>;
}

export class ProofJournal {
  readonly seed: string;
  readonly #file: string;
  readonly #kinds: Map<string, ProofSums>;

  private constructor(file: string, seed: string, kinds: Map<string, ProofSums>) {
    this.#file = file;
    this.seed = seed;
    this.#kinds = kinds;
  }

  /** Throws where the file is no journal, or was begun from another seed. `seed`: of a new one. */
  static open(file: string, seed: string, mustBeSeed: boolean): ProofJournal {
    if (!existsSync(file)) return new ProofJournal(file, seed, new Map());
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<JournalFile>;
    if (found.format !== FORMAT || found.seed === undefined || found.kinds === undefined) {
      throw new Error(`${file} is no journal of a proof`);
    }
    if (mustBeSeed && found.seed !== seed) {
      throw new Error(`${file} was begun from seed ${found.seed}, not ${seed}`);
    }
    return new ProofJournal(file, found.seed, new Map(Object.entries(found.kinds)));
  }

  sumsOf(kind: string): ProofSums {
    return this.#kinds.get(kind) ?? NOTHING_DONE;
  }

  note(kind: string, sums: ProofSums): void {
    this.#kinds.set(kind, sums);
    const kinds = Object.fromEntries(this.#kinds);
    const content: JournalFile = { format: FORMAT, seed: this.seed, kinds };
    const aside = `${this.#file}.new`;
    writeFileSync(aside, `${JSON.stringify(content, undefined, 2)}\n`);
    renameSync(aside, this.#file);
  }
}
