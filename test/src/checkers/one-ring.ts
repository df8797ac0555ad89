/**
 * O12, one ring: for each cluster and epoch there is one ownership map. Fed with the ring that each
 * node starts with and with every greeting and welcome that says an epoch and a hash.
 *
 * Invariants:
 *   O12 whoever speaks of one epoch of one cluster speaks of one ring, and one hash is of one map
 */
import type { Violation } from './history.ts';

export interface ClaimedRing {
  readonly clusterId: string;
  /** 0: the speaker knows no ring yet. */
  readonly epoch: number;
  readonly ringHash: string;
  /** Who said so, for the text. */
  readonly who: string;
  /** Who owns what, as text, where the map itself is at hand. */
  readonly map?: string;
}

interface KnownRing {
  readonly claim: ClaimedRing;
  map: string | undefined;
}

export class OneRing {
  readonly violations: Violation[] = [];
  readonly #rings: Map<string, KnownRing> = new Map();
  readonly #told: Set<string> = new Set();
  claimCount = 0;

  /** How many epochs were spoken of. */
  get epochCount(): number {
    return this.#rings.size;
  }

  observe(claim: ClaimedRing): void {
    const { clusterId, epoch, ringHash, who, map } = claim;
    // Clients that know no ring say so, and nothing else.
    if (epoch === 0 && ringHash === '') return;
    this.claimCount += 1;
    const name = `epoch ${epoch} of ${clusterId}`;
    const known = this.#rings.get(name);
    if (known === undefined) {
      this.#rings.set(name, { claim, map });
    } else if (known.claim.ringHash !== ringHash) {
      const earlier = `${known.claim.ringHash} to ${known.claim.who}`;
      this.#report(`${name} is ${earlier} and ${ringHash} to ${who}`);
    } else if (map !== undefined && known.map !== undefined && known.map !== map) {
      this.#report(`${name} is another map to ${who} than to ${known.claim.who}, with one hash`);
    } else {
      known.map ??= map;
    }
  }

  #report(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.violations.push({ oracle: 'O12', text });
  }
}
