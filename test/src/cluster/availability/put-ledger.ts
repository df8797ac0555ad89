/**
 * What was put under each key by its one writer, who waits for each put before the next: enough to say
 * at the end whether something acknowledged is lost. Pure.
 *
 * A put that was sent again after a try that may have happened, or whose outcome is unknown, may be
 * applied at any later time and then stand in place of later ones (docs/internals/versioning.md).
 *
 * Invariants:
 *   PL1 at rest a key holds the last put that was acknowledged, or one after it, or one that may have
 *       been applied late
 *   PL2 a key holds nothing that its writer did not put
 */
import type { Violation } from '../../checkers/history.ts';

interface Line {
  /** By number: what was put. */
  readonly values: string[];
  readonly late: Set<string>;
  acknowledged: number;
}

export class PutLedger {
  readonly #lines: Map<string, Line> = new Map();

  get keys(): readonly string[] {
    return [...this.#lines.keys()];
  }

  /** All values that may have been applied late. */
  get late(): readonly { readonly key: string; readonly value: string }[] {
    return [...this.#lines].flatMap(([key, { late }]) =>
      [...late].map((value) => ({ key, value })),
    );
  }

  /** The number of the put among those of its key. */
  begin(key: string, value: string): number {
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, { values: [value], late: new Set(), acknowledged: -1 });
      return 0;
    }
    line.values.push(value);
    return line.values.length - 1;
  }

  acknowledged(key: string, number: number): void {
    this.#lineOf(key).acknowledged = number;
  }

  /** It may be applied at any time from now on. */
  mayComeLate(key: string, number: number): void {
    const line = this.#lineOf(key);
    line.late.add(line.values[number]!);
  }

  /** `values`: what the key holds at rest. */
  judge(key: string, values: readonly string[]): Violation[] {
    const line = this.#lineOf(key);
    const strange = values.filter((value) => !line.values.includes(value));
    const violations: Violation[] = strange.map((value) => ({
      oracle: 'O10',
      text: `${key} holds ${value}, which nobody put`,
    }));
    const stands = values.some(
      (value) => line.late.has(value) || line.values.indexOf(value) >= line.acknowledged,
    );
    if (line.acknowledged < 0 || stands) return violations;
    const text = `put ${line.acknowledged} of ${key} was acknowledged; it holds ${values.join(' and ')}`;
    return [...violations, { oracle: 'O1', text }];
  }

  #lineOf(key: string): Line {
    const line = this.#lines.get(key);
    if (line === undefined) throw new Error(`nothing was put under ${key}`);
    return line;
  }
}
