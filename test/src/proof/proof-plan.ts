/**
 * What the proof of the store consists of: the parts of each kind, in an order that the seed fixes, so
 * that part number so and so is the same whenever it is run.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { measureRun } from '../scenarios/crash-run.ts';
import { faultKinds } from '../scenarios/fault-cases.ts';
import type { ProofPart } from './proof-part.ts';

export type ProofKind = ProofPart['kind'];

export const PROOF_KINDS: readonly ProofKind[] = ['crashes', 'faults', 'damage', 'metamorphic'];

/** What is counted of each kind, and how much of it is wanted of a proof that is made to its end. */
export const GOALS: { readonly [Kind in ProofKind]: readonly [unit: string, amount: number] } = {
  crashes: ['crashes', Infinity],
  faults: ['failing calls', Infinity],
  damage: ['damaged places', 10_000_000],
  metamorphic: ['operations', 1_000_000_000],
};

/** `sample`: seconds. `all`: every call. `endless`: the random kinds until they are stopped. */
export type ProofExtent = 'sample' | 'all' | 'endless';

const WRITES = 500;
const FAULT_WRITES = 150;
const FAULT_WRITES_ALL = 500;
const CALLS_PER_PART = 20;
const SAMPLED_CALLS = 143;
const CONFIGURATIONS = 50;
const CONFIGURATIONS_PER_PART = 10;
const LISTS = 4;
const OPERATIONS = 400;
const NTH_MAX = 50;
const DAMAGES_PER_PART = 200;
const DAMAGED_STORES = 10;

export interface ProofPlan {
  /** For people; empty: nothing to say. */
  readonly text: string;
  readonly parts: Iterable<ProofPart>;
}

export function planOf(kind: ProofKind, seed: string, extent: ProofExtent): ProofPlan {
  switch (kind) {
    case 'crashes':
      return crashPlan(seed, extent);
    case 'faults':
      return { text: '', parts: faultParts(seed, extent) };
    case 'damage':
      return { text: '', parts: damageParts(seed, extent) };
    case 'metamorphic':
      return { text: '', parts: metamorphicParts(seed, extent) };
    default:
      return unreachable(kind);
  }
}

/** The largest number of an endless kind is never reached. */
function countOf(extent: ProofExtent, sampled: number): number {
  return extent === 'endless' ? Number.MAX_SAFE_INTEGER : sampled;
}

function* metamorphicParts(seed: string, extent: ProofExtent): Generator<ProofPart> {
  for (let list = 0; list < countOf(extent, LISTS); list += 1) {
    for (let from = 0; from < CONFIGURATIONS; from += CONFIGURATIONS_PER_PART) {
      const count = CONFIGURATIONS_PER_PART;
      yield { kind: 'metamorphic', list: `${seed}-${list}`, operations: OPERATIONS, from, count };
    }
  }
}

function* damageParts(seed: string, extent: ProofExtent): Generator<ProofPart> {
  for (let store = 0; store < countOf(extent, DAMAGED_STORES); store += 1) {
    yield { kind: 'damage', store: `${seed}-${store}`, count: DAMAGES_PER_PART };
  }
}

function crashPlan(seed: string, extent: ProofExtent): ProofPlan {
  const { calls, snapshots, figures } = measureRun(seed, WRITES);
  const { mergesEnded, flushes } = figures;
  const text =
    `seed ${seed}: ${calls} calls to the disk; at the end ${flushes} flushes, ${mergesEnded} merges, ` +
    `${snapshots} snapshots`;
  return { text, parts: crashParts(seed, calls, extent !== 'sample') };
}

function* crashParts(seed: string, calls: number, isAll: boolean): Generator<ProofPart> {
  const stride = isAll ? CALLS_PER_PART : Math.max(1, Math.floor(calls / SAMPLED_CALLS));
  for (let from = 1; from <= calls; from += stride) {
    const count = isAll ? Math.min(CALLS_PER_PART, calls + 1 - from) : 1;
    yield { kind: 'crashes', seed, writes: WRITES, from, count, secondEvery: 3 };
  }
}

function* faultParts(seed: string, extent: ProofExtent): Generator<ProofPart> {
  const isAll = extent !== 'sample';
  const writes = isAll ? FAULT_WRITES_ALL : FAULT_WRITES;
  const nthMax = isAll ? Number.MAX_SAFE_INTEGER : NTH_MAX;
  for (const forever of [false, true]) {
    for (const [faultKind] of faultKinds(seed, forever).entries()) {
      yield { kind: 'faults', seed, writes, faultKind, forever, nthMax };
    }
  }
}
