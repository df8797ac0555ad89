import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import {
  LEVEL_IMPOSSIBLE,
  levelIsMet,
  levelWants,
  positionsRequired,
  resolveLevel,
} from './levels.ts';
import { type PlacedSlot, placedSlot } from './requests/placed-slot.ts';

const IMPOSSIBLE = LEVEL_IMPOSSIBLE;
const { bucketDefault, quorum, all, localQuorum, eachQuorum } = LEVEL;

/** A slot whose list has one position for each data centre named; node 0 is in the first of all. */
function slotOf(dataCentres: readonly string[], own: string, level: number): PlacedSlot {
  const walk = Array.from({ length: dataCentres.length + 1 }, (_, node) => node);
  const placed = placedSlot({
    replicas: walk.slice(1),
    walk,
    dataCentres: [own, ...dataCentres],
    linked: walk.map(() => true),
    suspected: walk.map(() => false),
  });
  placed.context.slots.level[placed.slot] = level;
  return placed;
}

function required(level: number, dataCentres: readonly string[], own = 'a'): number {
  const { context, slot } = slotOf(dataCentres, own, level);
  return positionsRequired(context, slot);
}

test('[LV1] a level is the replicas it asks for, or impossible', () => {
  const rows: readonly (readonly [level: number, bucketLevel: number, n: number, is: number])[] = [
    [1, 2, 3, 1],
    [3, 2, 3, 3],
    [4, 2, 3, IMPOSSIBLE],
    [32, 2, 3, IMPOSSIBLE],
    [16, 2, 16, 16],
    [2, 1, 1, IMPOSSIBLE],
    [bucketDefault, 2, 3, 2],
    [bucketDefault, quorum, 5, 3],
    [bucketDefault, 4, 3, IMPOSSIBLE],
    [bucketDefault, bucketDefault, 3, IMPOSSIBLE],
    [quorum, 1, 1, 1],
    [quorum, 1, 2, 2],
    [quorum, 1, 3, 2],
    [quorum, 1, 4, 3],
    [quorum, 1, 5, 3],
    [all, 1, 5, 5],
    [localQuorum, 1, 3, 2],
    [eachQuorum, 1, 5, 3],
    [200, 1, 3, IMPOSSIBLE],
  ];
  for (const [level, bucketLevel, replicaCount, expected] of rows) {
    const dataCentres = Array.from({ length: replicaCount }, () => 'a');
    const found = required(resolveLevel(level, bucketLevel), dataCentres);
    assert.is(found, expected, `${level} of ${replicaCount}`);
  }
});

test('[LV1] local-quorum is impossible where the list has no position in the own data centre', () => {
  assert.is(required(localQuorum, ['b', 'b', 'b']), IMPOSSIBLE);
  assert.is(required(localQuorum, ['b', 'b', 'a']), 1);
  assert.is(required(localQuorum, ['a', 'b', 'a', 'b', 'a']), 2);
  assert.is(required(eachQuorum, ['a', 'b', 'a', 'b', 'a']), 4);
  assert.is(required(eachQuorum, ['b', 'c', 'd']), 3);
});

const LEVELS = [1, 2, 3, 4, 5, quorum, all, localQuorum, eachQuorum];

/** The levels read aloud, over data centres by name. */
function isMet(
  level: number,
  dataCentres: readonly string[],
  own: string,
  answered: number[],
): boolean {
  const majority = (count: number): number => Math.floor(count / 2) + 1;
  const of = (positions: number[], name: string): number =>
    positions.filter((position) => dataCentres[position] === name).length;
  const everywhere = dataCentres.map((_, position) => position);
  if (level <= 32) return answered.length >= level;
  if (level === quorum) return answered.length >= majority(dataCentres.length);
  if (level === all) return answered.length === dataCentres.length;
  if (level === localQuorum) return of(answered, own) >= majority(of(everywhere, own));
  return [...new Set(dataCentres)].every(
    (name) => of(answered, name) >= majority(of(everywhere, name)),
  );
}

/** All lists of up to five positions over three data centres. */
function* lists(): Generator<string[]> {
  for (let length = 1; length <= 5; length += 1) {
    for (let code = 0; code < 3 ** length; code += 1) {
      yield Array.from({ length }, (_, index) => 'abc'[Math.floor(code / 3 ** index) % 3]!);
    }
  }
}

test('[LV1] [LV2] every level over every list of data centres and every set of answers', () => {
  for (const dataCentres of lists()) {
    for (const level of LEVELS) {
      const { context, slot } = slotOf(dataCentres, 'a', level);
      const { slots } = context;
      const wanted = positionsRequired(context, slot);
      const everywhere = dataCentres.map((_, position) => position);
      const isPossible =
        isMet(level, dataCentres, 'a', everywhere) &&
        (level !== localQuorum || dataCentres.includes('a'));
      assert.is(wanted !== IMPOSSIBLE, isPossible, `${level} over ${dataCentres.join('')}`);
      if (!isPossible) continue;
      slots.required[slot] = wanted;
      for (let bits = 0; bits < 1 << dataCentres.length; bits += 1) {
        const answered = everywhere.filter((position) => (bits & (1 << position)) !== 0);
        const why = `${level} over ${dataCentres.join('')} by ${answered.join(',')}`;
        const met = isMet(level, dataCentres, 'a', answered);
        assert.is(levelIsMet(context, slot, bits), met, why);
        for (const position of everywhere) {
          const counts = missing(level, dataCentres, answered, position);
          assert.is(levelWants(context, slot, bits, position), counts, `${why}: ${position}`);
        }
      }
    }
  }
});

/** Whether a position takes part in a smallest set of further answers that satisfies a level. */
function missing(
  level: number,
  dataCentres: readonly string[],
  answered: number[],
  position: number,
): boolean {
  if (answered.includes(position) || isMet(level, dataCentres, 'a', answered)) return false;
  const others = dataCentres.flatMap((_, other) => (answered.includes(other) ? [] : [other]));
  let least = Infinity;
  let takesPart = false;
  for (let bits = 0; bits < 1 << others.length; bits += 1) {
    const more = others.filter((_, index) => (bits & (1 << index)) !== 0);
    if (more.length > least || !isMet(level, dataCentres, 'a', [...answered, ...more])) continue;
    if (more.length < least) takesPart = false;
    least = more.length;
    takesPart ||= more.includes(position);
  }
  return takesPart;
}

test.run();
