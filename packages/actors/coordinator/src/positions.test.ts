import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { placedSlot, type SlotShape } from './requests/placed-slot.ts';
import {
  allPositions,
  isUsable,
  localPositions,
  nodeAt,
  positionOfNode,
  primaryAt,
  standInFor,
  takeStandIn,
} from './positions.ts';

const shapes: fc.Arbitrary<SlotShape> = fc.integer({ min: 1, max: 8 }).chain((nodeCount) =>
  fc.record({
    replicas: fc
      .shuffledSubarray(
        Array.from({ length: nodeCount }, (_, node) => node),
        { minLength: 1 },
      )
      .map((list) => list.slice(0, 5)),
    walk: fc.shuffledSubarray(
      Array.from({ length: nodeCount }, (_, node) => node),
      { minLength: nodeCount },
    ),
    dataCentres: fc.array(fc.constantFrom('one', 'two'), {
      minLength: nodeCount,
      maxLength: nodeCount,
    }),
    linked: fc.array(fc.boolean(), { minLength: nodeCount, maxLength: nodeCount }),
    suspected: fc.array(fc.boolean(), { minLength: nodeCount, maxLength: nodeCount }),
  }),
);

/** Who may stand in, in the order of the walk, by the rule read aloud. */
function candidates(
  { replicas, walk, dataCentres, linked, suspected }: SlotShape,
  home: string,
): number[] {
  return walk.filter(
    (node) =>
      !replicas.includes(node) &&
      dataCentres[node] === home &&
      linked[node] === true &&
      (node === 0 || suspected[node] !== true),
  );
}

test("[PS1] a stand-in is the first usable node of the walk that is not on the list, in the target's data centre", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const { context, slot } = placedSlot(shape);
      shape.replicas.forEach((primary, position) => {
        const home = shape.dataCentres[primary]!;
        const ahead = shape.replicas
          .slice(0, position)
          .filter((other) => shape.dataCentres[other] === home && !isUsable(context, other, 0));
        const expected = candidates(shape, home)[ahead.length] ?? -1;
        assert.is(standInFor(context, slot, position), expected);
      });
    }),
    { numRuns: 500 },
  );
});

test('[PS2] two positions of one slot never have one stand-in', () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.nat(4), { maxLength: 12 }), (shape, turns) => {
      const { context, slot } = placedSlot(shape);
      const chosen: number[] = [];
      for (const turn of turns) {
        const position = turn % shape.replicas.length;
        const expected = standInFor(context, slot, position);
        const node = takeStandIn(context, slot, position);
        assert.is(node, expected, 'what is taken is what was named');
        if (node < 0) continue;
        assert.not(chosen.includes(node), 'nobody is chosen twice in a slot');
        chosen.push(node);
        assert.is(nodeAt(context, slot, position), node);
        assert.is(positionOfNode(context, slot, node), position);
      }
    }),
    { numRuns: 500 },
  );
});

test('[PS1] what one position was named stays its own when those before it have taken theirs', () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const { context, slot } = placedSlot(shape);
      const orphaned = shape.replicas.flatMap((node, position) =>
        isUsable(context, node, 0) ? [] : [position],
      );
      const named = orphaned.map((position) => standInFor(context, slot, position));
      assert.equal(
        orphaned.map((position) => takeStandIn(context, slot, position)),
        named,
      );
    }),
    { numRuns: 500 },
  );
});

test('positions are those of the list, and the local ones are those of the own data centre', () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const { context, slot } = placedSlot(shape);
      assert.is(allPositions(context, slot), 2 ** shape.replicas.length - 1);
      shape.replicas.forEach((node, position) => {
        assert.is(primaryAt(context, slot, position), node);
        assert.is(nodeAt(context, slot, position), node);
        assert.is(positionOfNode(context, slot, node), position);
        const isLocal = shape.dataCentres[node] === shape.dataCentres[0];
        assert.is((localPositions(context, slot) & (1 << position)) !== 0, isLocal);
      });
      for (const node of shape.walk.filter((other) => !shape.replicas.includes(other))) {
        assert.is(positionOfNode(context, slot, node), -1);
      }
    }),
    { numRuns: 200 },
  );
});

test.run();
