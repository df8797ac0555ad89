/**
 * The faults of an availability run: one node or one link every few seconds, each family in turn, and
 * when each of them was on.
 *
 * Invariants:
 *   AS1 equal seeds and options draw equal plans, in which all families come equally often, but for one
 *   AS2 a span lasts from the beginning of its fault until the cluster is whole again: a node that was
 *       killed is ready, one that was stopped runs, a link that was cut is mended
 */
import type { Prng } from '@clockwise/kernel/prng';
import type { ChaosFault } from '../chaos/fault-plan.ts';
import type { FaultSpan } from './request-windows.ts';

/** `cut` needs hosts of their own (host-network). */
export type AvailabilityFamily = 'kill' | 'stop' | 'cut';

export interface ScheduleOptions {
  readonly families: readonly AvailabilityFamily[];
  readonly nodeCount: number;
  readonly seconds: number;
}

const GAP_MS_MIN = 2500;
const GAP_MS_MAX = 4000;
/** Before the end of the load, so that it sees the end of each fault. */
const QUIET_END_MS = 3500;

export function drawSchedule(prng: Prng, options: ScheduleOptions): ChaosFault[] {
  const { families, seconds } = options;
  const plan: ChaosFault[] = [];
  let turn: AvailabilityFamily[] = [];
  for (let at = 0; ;) {
    const gapMs = plan.length === 0 ? 1500 : prng.between(GAP_MS_MIN, GAP_MS_MAX);
    at += gapMs;
    if (at > seconds * 1000 - QUIET_END_MS) return plan;
    if (turn.length === 0) turn = prng.shuffle([...families]);
    plan.push(drawFault(prng, turn.pop()!, gapMs, options));
  }
}

function drawFault(
  prng: Prng,
  family: AvailabilityFamily,
  gapMs: number,
  { nodeCount }: ScheduleOptions,
): ChaosFault {
  const node = prng.below(nodeCount);
  switch (family) {
    case 'kill':
      return {
        kind: 'kill',
        gapMs,
        nodes: [node],
        downMs: prng.between(0, 1200),
        againAfterMs: undefined,
      };
    case 'stop':
      return { kind: 'stop', gapMs, nodes: [node], forMs: prng.between(700, 2500) };
    default: {
      const other = (node + 1 + prng.below(nodeCount - 1)) % nodeCount;
      const there = { from: node, to: other };
      const back = { from: other, to: node };
      const directions = prng.chance(0.7) ? [there, back] : [there];
      return { kind: 'cut', gapMs, directions, forMs: prng.between(700, 2500) };
    }
  }
}

/** When faults were on, by the director's word. */
export class FaultSpans {
  readonly #now: () => number;
  readonly #spans: { text: string; from: number; to: number }[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  get spans(): readonly FaultSpan[] {
    return this.#spans;
  }

  /** A fault begins; what is returned ends it. [AS2] */
  begin(text: string): () => void {
    const span = { text, from: this.#now(), to: Infinity };
    this.#spans.push(span);
    return () => {
      span.to = this.#now();
    };
  }
}
