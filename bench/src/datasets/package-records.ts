/**
 * Packages as records: the key is the package's name, the value an object of its fields.
 *
 * A name that comes again (another version, another architecture) gets what tells it apart, as apt
 * writes it: `name=version`, then `name:architecture=version`.
 *
 * Invariants:
 *   PK1 keys are unique; a package that is there already in every respect is counted, not written
 *   PK2 a line is what JSON.stringify prints, so that it survives an import and export byte for byte
 */
import type { Stanza } from './control-stanzas.ts';

export class PackageRecords {
  recordCount = 0;
  duplicateCount = 0;
  readonly #keys = new Set<string>();

  /** The record as a line of NDJSON without its end; undefined for a duplicate. */
  lineOf(stanza: Stanza): string | undefined {
    const value = Object.fromEntries(stanza);
    const key = this.#keyOf(value);
    if (key === undefined) {
      this.duplicateCount += 1;
      return undefined;
    }
    this.#keys.add(key);
    this.recordCount += 1;
    return JSON.stringify({ key, value });
  }

  #keyOf(fields: Readonly<Record<string, string>>): string | undefined {
    const { Package: name = '', Version: version = '', Architecture: architecture = '' } = fields;
    const candidates = [name, `${name}=${version}`, `${name}:${architecture}=${version}`];
    return candidates.find((key) => key !== '' && !this.#keys.has(key));
  }
}
