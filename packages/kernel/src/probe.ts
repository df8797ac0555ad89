/**
 * Marks that say what a test must have met (after Antithesis' assertions): a rare path that no seed of
 * the simulator ever took is a path that nothing has judged. A mark asks for nothing and changes
 * nothing. Names are literals, each used once: 'replica: a put waits behind a read of the same key';
 * the simulator's catalogue is read from the sources by them.
 *
 * Who listens is the exception to "no state at module level", here and in buggify.ts. Handed to every
 * core, codec and table writer as an argument, an observer would be a field and a parameter of each of
 * them, and of every function on the data plane that has a rare path, for something that no running
 * node has. What makes it harmless: a node never installs one, so that two nodes cannot share anything
 * by it; nothing that a core computes depends on marks, and what depends on sites depends on the seed
 * alone, because a run installs its own observer first and takes it away last (each worker thread has
 * modules of its own). The state stands in the module that reads it: only so does V8 fold it away where
 * nobody listens (from another module, or as a variable, each mark costs 6 ns).
 *
 * data plane
 *
 * Invariants:
 *   PB1 a mark is told to the observer each time it is reached with its condition true, else never
 *   PB2 without an observer a mark costs a load and a branch at the most, and changes nothing
 */

export interface MarkObserver {
  /** A mark was reached, its condition being true. */
  hit(name: string): void;
}

const listening: { observer: MarkObserver | undefined } = { observer: undefined };

/** REQUIRES: the caller is a simulator, and takes the observer away (undefined) when its run ends. */
export function observeMarks(observer: MarkObserver | undefined): void {
  listening.observer = observer;
}

/** This place is reached and `condition` holds, in some run. REQUIRES: `name` is a literal. */
export function sometimes(condition: boolean, name: string): void {
  const { observer } = listening;
  if (observer !== undefined && condition) observer.hit(name);
}

/** This place is reached, in some run. REQUIRES: `name` is a literal. */
export function reachable(name: string): void {
  const { observer } = listening;
  if (observer !== undefined) observer.hit(name);
}
