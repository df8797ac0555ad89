/**
 * Damage to frames with knowledge of their layout, for fuzz tests: words, bits, lengths that stay
 * consistent, whole operations. Nothing in a running node imports it.
 */
import type { Prng } from '@clockwise/kernel/prng';
import { FRAME, FRAME_HEADER_WORDS } from './frame.ts';
import { operationsOf } from './frame-corpus.ts';

/** One random mutation, or several on top of one another. */
export function damagedFrame(corpus: readonly Int32Array[], random: Prng): Int32Array {
  let frame = mutate(corpus, random.pick(corpus), random);
  while (frame.length > 0 && random.chance(0.4)) frame = mutate(corpus, frame, random);
  return frame;
}

const INTERESTING: readonly number[] = [
  0, 1, -1, 2, 4, 7, 8, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, -0x8000_0000, 0x3fff_ffff, 0x4000_0000,
];

function spliced(frame: Int32Array, at: number, drop: number, insert: Int32Array): Int32Array {
  const result = new Int32Array(frame.length - drop + insert.length);
  result.set(frame.subarray(0, at));
  result.set(insert, at);
  result.set(frame.subarray(at + drop), at + insert.length);
  return result;
}

/** One change that knows the layout: words, bits, lengths that stay consistent, whole operations. */
function mutate(corpus: readonly Int32Array[], frame: Int32Array, random: Prng): Int32Array {
  const changed = frame.slice();
  const at = random.below(frame.length);
  const begin = Math.min(random.pick(operationsOf(frame).concat(FRAME_HEADER_WORDS)), frame.length);
  switch (random.below(10)) {
    case 0:
      changed[at] = random.pick(INTERESTING);
      return changed;
    case 1:
      changed[at] = changed[at]! ^ (1 << random.below(32));
      return changed;
    case 2:
      changed[at] = changed[at]! + random.between(-2, 2);
      return changed;
    case 3:
      changed[at] = random.chance(0.5) ? random.word() : random.below(128);
      return changed;
    case 4: {
      const shorter = frame.slice(0, at);
      if (random.chance(0.5) && at > 0) shorter[FRAME.wordCount] = at;
      return shorter;
    }
    case 5: {
      const longer = spliced(frame, at, 0, new Int32Array(random.between(1, 8)));
      longer[FRAME.wordCount] = longer.length;
      return longer;
    }
    case 6: {
      const twice = spliced(frame, begin, 0, frame.slice(begin, begin + (frame[begin] ?? 0)));
      twice[FRAME.wordCount] = twice.length;
      if (random.chance(0.5)) twice[FRAME.operationCount] = twice[FRAME.operationCount]! + 1;
      return twice;
    }
    case 8: {
      const near = begin + random.below(12);
      if (near < changed.length) changed[near] = changed[near]! + (random.between(-3, 9) << 16);
      return changed;
    }
    case 7: {
      const headed = begin + random.below(12);
      if (headed < changed.length) changed[headed] = random.pick(INTERESTING);
      return changed;
    }
    default: {
      const other = random.pick(corpus);
      const start = random.below(other.length);
      const part = other.slice(start, start + random.below(16));
      const mixed = spliced(frame, at, Math.min(part.length, frame.length - at), part);
      mixed[FRAME.wordCount] = mixed.length;
      return mixed;
    }
  }
}
