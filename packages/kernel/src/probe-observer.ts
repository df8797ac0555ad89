/**
 * Who listens to marks (probe.ts) and decides about forced rarities (buggify.ts): nobody, or the run of
 * a simulator.
 *
 * The one exception to "no state at module level". Handed to every core, codec and table writer as an
 * argument, an observer would be a field and a parameter of each of them, and of every function on the
 * data plane that has a rare path, for something that no running node has. What makes it harmless: a
 * node never installs one, so that two nodes cannot share anything by it; nothing that a core computes
 * may depend on marks; what depends on `forces` depends on the seed alone, because a run installs its
 * own observer first and takes it away last (worker threads have a module of their own each).
 *
 * data plane
 *
 * Invariants:
 *   PO1 without an observer a mark and a site cost one load and one branch, and change nothing
 */

export interface ProbeObserver {
  /** A mark was reached, its condition being true. */
  hit(name: string): void;
  /** Whether a rare but legal behaviour is forced now. */
  forces(name: string): boolean;
}

export const listening: { observer: ProbeObserver | undefined } = { observer: undefined };

/** REQUIRES: the caller is a simulator, and takes the observer away (undefined) when its run ends. */
export function observeProbes(observer: ProbeObserver | undefined): void {
  listening.observer = observer;
}
