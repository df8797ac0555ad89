/**
 * What one run tells of the marks in the cores, and what it forces at their sites (kernel/probe and
 * kernel/buggify). Each site has a stream of its own: whether it is on in this run, how often it
 * fires, and each decision follow from the seed and from nothing that other sites do.
 *
 * Invariants:
 *   BR1 equal seeds force the same, whatever ran in this process before
 *   BR2 after `calm` no site fires
 */
import { decideSites, type SiteDecider } from '@clockwise/kernel/buggify';
import { Prng } from '@clockwise/kernel/prng';
import { type MarkObserver, observeMarks } from '@clockwise/kernel/probe';

/** Of those sites that are on in a run. */
const FIRE_PROBABILITY_MIN = 0.01;
const FIRE_PROBABILITY_MAX = 0.3;

interface Site {
  readonly prng: Prng;
  /** 0: off. */
  readonly probability: number;
}

export interface ProbeRunOptions {
  readonly seed: string;
  /** The probability that a site is on in this run; 0 for a run in which nothing is forced. */
  readonly siteProbability: number;
}

export class ProbeRun implements MarkObserver, SiteDecider {
  /** By mark or site: how often it was hit, or fired. */
  readonly hits: Map<string, number> = new Map();
  readonly #prng: Prng;
  readonly #siteProbability: number;
  readonly #sites: Map<string, Site> = new Map();
  #isCalm: boolean;

  constructor({ seed, siteProbability }: ProbeRunOptions) {
    this.#prng = new Prng(seed).stream('buggify');
    this.#siteProbability = siteProbability;
    this.#isCalm = siteProbability === 0;
  }

  hit(name: string): void {
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1);
  }

  forces(name: string): boolean {
    if (this.#isCalm) return false;
    const { prng, probability } = this.#sites.get(name) ?? this.#draw(name);
    if (probability === 0 || !prng.chance(probability)) return false;
    this.hit(name);
    return true;
  }

  /** The faults of the run have ended: from here on the cores are judged by themselves. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Runs `run` heard and decided about by this one, and by nobody afterwards. */
  observe<Result>(run: () => Result): Result {
    observeMarks(this);
    decideSites(this);
    try {
      return run();
    } finally {
      observeMarks(undefined);
      decideSites(undefined);
    }
  }

  #draw(name: string): Site {
    const prng = this.#prng.stream(name);
    const isOn = prng.chance(this.#siteProbability);
    const share = prng.unit();
    const spread = FIRE_PROBABILITY_MAX - FIRE_PROBABILITY_MIN;
    const site = { prng, probability: isOn ? FIRE_PROBABILITY_MIN + share * spread : 0 };
    this.#sites.set(name, site);
    return site;
  }
}
