/** Which links a partition cuts: pairs of sites, directed, as plain data. */
import type { Prng } from '@clockwise/kernel/prng';

export type DirectedLink = readonly [from: string, to: string];

/**
 * `isolate-one`: one site against all others. `uniform-size`: first the size of a side is drawn, then
 * its sites. `uniform-partition`: each site draws its side. `bridge`: one site sees both sides, which do
 * not see each other. `links`: any links.
 */
export type PartitionShape =
  'isolate-one' | 'uniform-size' | 'uniform-partition' | 'bridge' | 'links';

export const PARTITION_SHAPES: readonly PartitionShape[] = [
  'isolate-one',
  'uniform-size',
  'uniform-partition',
  'bridge',
  'links',
];

const ONE_WAY_PROBABILITY = 0.3;
const LINK_CUT_PROBABILITY = 0.3;

/** At least one link. REQUIRES: at least two sites. */
export function drawCuts(
  prng: Prng,
  shape: PartitionShape,
  sites: readonly string[],
): DirectedLink[] {
  const shuffled = prng.shuffle([...sites]);
  if (shape === 'links') return drawLinkSubset(prng, shuffled);
  const isOneWay = prng.chance(ONE_WAY_PROBABILITY);
  // The bridge is on neither side.
  const sided = shape === 'bridge' && shuffled.length > 2 ? shuffled.slice(1) : shuffled;
  const size = drawSideSize(prng, shape, sided.length);
  const inside = sided.slice(0, size);
  return sided.slice(size).flatMap((to) =>
    inside.flatMap((from): DirectedLink[] => {
      const cut: DirectedLink = [from, to];
      return isOneWay ? [cut] : [cut, [to, from]];
    }),
  );
}

/** Both sides have a site. */
function drawSideSize(prng: Prng, shape: PartitionShape, siteCount: number): number {
  if (shape === 'isolate-one') return 1;
  if (shape === 'uniform-size') return prng.between(1, siteCount - 1);
  let size = 0;
  for (let site = 0; site < siteCount; site += 1) if (prng.chance(0.5)) size += 1;
  return Math.min(Math.max(size, 1), siteCount - 1);
}

/** Some of all directed links, at least one. REQUIRES: at least two sites. */
export function drawLinkSubset(prng: Prng, sites: readonly string[]): DirectedLink[] {
  const all = sites.flatMap((from) =>
    sites.filter((to) => to !== from).map((to): DirectedLink => [from, to]),
  );
  const picked = all.filter(() => prng.chance(LINK_CUT_PROBABILITY));
  return picked.length > 0 ? picked : [prng.pick(all)];
}
