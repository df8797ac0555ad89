/**
 * Sites where a simulator may force what is rare but legal (after FoundationDB's BUGGIFY): a refusal
 * although there is room, a chunk frozen early, a block read for nothing. Whoever calls the code around
 * a site must be able to bear what the site forces, for it happens by itself, only seldom.
 *
 * Who decides is state at module level; probe.ts says why that is allowed, and why it stands here.
 *
 * data plane
 *
 * Invariants:
 *   BG1 where nobody decides no site ever fires
 */

export interface SiteDecider {
  /** Whether a rare but legal behaviour is forced now. */
  forces(name: string): boolean;
}

const forcing: { decider: SiteDecider | undefined } = { decider: undefined };

/** REQUIRES: the caller is a simulator, and takes the decider away (undefined) when its run ends. */
export function decideSites(decider: SiteDecider | undefined): void {
  forcing.decider = decider;
}

/** REQUIRES: `name` is a literal, used once. Evaluate it last: it draws. */
export function buggify(name: string): boolean {
  const { decider } = forcing;
  return decider !== undefined && decider.forces(name);
}
